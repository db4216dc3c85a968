// Memory. A heap is a list of chunks, each one buffer bound to one allocation, from which slices are cut one behind the
// other; nothing is given back before the whole heap is. Why chunks: one allocation may be limited to 1 GiB, and the
// number of allocations to 4,096.
#include <stdio.h>
#include <string.h>

#include "gpu/internal.h"

enum {
  MIB = 1 << 20,
  FIRST_CHUNK = 1 * MIB, // small heaps stay small; chunks then double with the heap
  LARGE_CHUNK = 64 * MIB,
  COUNTED_CHUNK = 1024 * MIB,
  RESERVE = 64 * MIB, // of the budget, for what the driver itself needs
  SLICE_ALIGN = 256,  // the largest storage offset alignment that Vulkan allows
};

gpu_heap *heap_new(gpu_device *d, const char *name, gpu_memory kind) {
  arena *memory = arena_new("gpu heap");
  gpu_heap *h = ARENA_NEW(memory, gpu_heap);
  *h = (gpu_heap){.memory = memory, .device = d, .name = arena_strdup(memory, name), .kind = kind, .next = d->heaps};
  h->max_chunk_bytes = d->plan.max_chunk_bytes;
  if (h->next) h->next->previous = h;
  d->heaps = h;
  return h;
}

gpu_heap *heap_new_counting(const gpu_plan *limits, const char *name) {
  arena *memory = arena_new("counted heap");
  gpu_heap *h = ARENA_NEW(memory, gpu_heap);
  *h = (gpu_heap){.memory = memory, .name = arena_strdup(memory, name), .max_chunk_bytes = limits->max_chunk_bytes};
  return h;
}

static uint64_t count_chunks(const gpu_heap *h) {
  uint64_t n = 0;
  for (const gpu_buffer *c = h->chunks; c; c = c->next) n++;
  return n;
}

void heap_expect(gpu_heap *h, const gpu_heap *counted) {
  REQUIRE(!h->chunks && !counted->device, "heap %s has memory already, or %s was not counted", h->name, counted->name);
  h->n_expected = count_chunks(counted);
  h->expected = ARENA_ARRAY(h->memory, uint64_t, h->n_expected);
  uint64_t i = h->n_expected; // the newest chunk stands first
  for (const gpu_buffer *c = counted->chunks; c; c = c->next) h->expected[--i] = c->used;
}

static void free_chunk(gpu_device *d, gpu_buffer *c) {
  if (d->hung) return; // it may still use them
  vkDestroyBuffer(d->handle, c->handle, NULL);
  vkFreeMemory(d->handle, c->memory, NULL); // unmaps too
}

void heap_free(gpu_heap *h) {
  if (!h) return;
  gpu_device *d = h->device;
  if (!d) {
    arena_free(h->memory);
    return;
  }
  for (gpu_buffer *c = h->chunks; c; c = c->next) free_chunk(d, c);
  if (h->kind == GPU_MEMORY_DEVICE) d->heap_bytes -= h->bytes;
  if (h->next) h->next->previous = h->previous;
  if (h->previous) h->previous->next = h->next;
  else d->heaps = h->next;
  arena_free(h->memory);
}

uint64_t heap_bytes(const gpu_heap *h) {
  return h->device ? h->bytes : heap_used(h);
}

uint64_t heap_used(const gpu_heap *h) {
  uint64_t bytes = 0;
  for (const gpu_buffer *c = h->chunks; c; c = c->next) bytes += c->used;
  return bytes;
}

uint64_t heap_most_bytes(const gpu_heap *h) {
  return h->max_chunk_bytes;
}

gpu_slice *heap_slices(gpu_heap *h, uint32_t n) {
  return ARENA_ARRAY(h->memory, gpu_slice, n);
}

// --- chunks ----------------------------------------------------------------------------------------------------------

// The first memory type that has `need`, if possible with `wish` too and without `avoid`. Drivers list faster ones first.
static uint32_t memory_type(const gpu_device *d, uint32_t allowed, VkMemoryPropertyFlags need, VkMemoryPropertyFlags wish,
                            VkMemoryPropertyFlags avoid) {
  const VkMemoryPropertyFlags with[] = {need | wish, need | wish, need}, without[] = {avoid, 0, 0};
  for (int round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < d->memory_types.memoryTypeCount; i++) {
      VkMemoryPropertyFlags flags = d->memory_types.memoryTypes[i].propertyFlags;
      if ((allowed >> i & 1) && (flags & with[round]) == with[round] && !(flags & without[round])) return i;
    }
  }
  return UINT32_MAX;
}

// Staging memory is read by the host as often as it is written, and reading memory that the host does not cache is very
// slow, so cached memory is wished for; not in the device's own small window of host-visible memory.
static uint32_t memory_type_of(const gpu_device *d, gpu_memory kind, uint32_t allowed) {
  if (kind == GPU_MEMORY_DEVICE)
    return memory_type(d, allowed, 0, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT);
  return memory_type(d, allowed, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                     VK_MEMORY_PROPERTY_HOST_CACHED_BIT, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
}

static double mib(uint64_t bytes) {
  return (double)bytes / MIB;
}

// What the driver says is free now; 0 where it does not say.
static uint64_t budget_left(const gpu_device *d, uint64_t *heap_size) {
  return snapshot_budget(d->physical, d->plan.on[GPU_FEATURE_MEMORY_BUDGET], heap_size);
}

static bool out_of_memory(const gpu_heap *h, uint64_t bytes, err *e) {
  const gpu_device *d = h->device;
  if (h->kind == GPU_MEMORY_STAGING)
    return ERR(e, "out of host-visible memory: %.1f MiB more for %s could not be allocated on %s", mib(bytes), h->name,
               d->snapshot.name);
  uint64_t size, budget = budget_left(d, &size);
  char left[64] = "";
  if (budget) snprintf(left, sizeof left, ", %.0f MiB of it free now", mib(budget));
  return ERR(e,
             "out of device memory: %.1f MiB more for %s do not fit on %s, which has %.0f MiB%s; this process holds %.1f "
             "MiB. What needs less: a shorter row (--max-length), checkpointing, LoRA, a smaller model; other programs "
             "may hold device memory too%s",
             mib(bytes), h->name, d->snapshot.name, mib(size), left, mib(d->heap_bytes),
             budget ? " (VKIFT_DISABLE=memory_budget allocates without asking what is free)" : "");
}

static bool zero_fill(gpu_device *d, const gpu_buffer *c, uint64_t offset, uint64_t bytes, err *e) {
  TRY(submit_begin_transfer(d, e));
  vkCmdFillBuffer(d->queue.transfer, c->handle, offset, bytes, 0);
  return submit_transfer(d, e);
}

// Vulkan 1.2 has the call; before, the extension.
static VkDeviceAddress buffer_address(const gpu_device *d, VkBuffer buffer) {
  VkBufferDeviceAddressInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO, .buffer = buffer};
  return vkGetBufferDeviceAddress ? vkGetBufferDeviceAddress(d->handle, &info) : vkGetBufferDeviceAddressKHR(d->handle, &info);
}

static bool fill_chunk(gpu_heap *h, gpu_buffer *c, err *e) {
  gpu_device *d = h->device;
  // Some drivers hand out more than there is and lose the device when it is used, so the budget is asked first.
  uint64_t size, budget = h->kind == GPU_MEMORY_DEVICE ? budget_left(d, &size) : 0;
  if (budget && c->bytes + RESERVE > budget) return out_of_memory(h, c->bytes, e);
  const bool address = d->plan.on[GPU_FEATURE_BUFFER_ADDRESS];
  const bool indirect = d->plan.on[GPU_FEATURE_INDIRECT] && h->kind == GPU_MEMORY_DEVICE;
  const VkBufferUsageFlags usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                   VK_BUFFER_USAGE_TRANSFER_DST_BIT |
                                   (address ? (VkBufferUsageFlags)VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT : 0) |
                                   (indirect ? (VkBufferUsageFlags)VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT : 0);
  VkBufferCreateInfo buffer = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = c->bytes, .usage = usage};
  VkMemoryRequirements requirements;
  VkResult result = vkCreateBuffer(d->handle, &buffer, NULL, &c->handle);
  if (result == VK_SUCCESS) {
    vkGetBufferMemoryRequirements(d->handle, c->handle, &requirements);
    uint32_t type = memory_type_of(d, h->kind, requirements.memoryTypeBits);
    if (type == UINT32_MAX) return ERR(e, "%s has no memory type for %s", d->snapshot.name, h->name);
    VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                       .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    VkMemoryAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .pNext = address ? &flags : NULL,
                                       .allocationSize = requirements.size,
                                       .memoryTypeIndex = type};
    result = vkAllocateMemory(d->handle, &allocation, NULL, &c->memory);
  }
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_TOO_MANY_OBJECTS)
    return out_of_memory(h, c->bytes, e);
  TRY(instance_check(result, "vkAllocateMemory", __FILE__, __LINE__, e));
  TRY(VK(vkBindBufferMemory(d->handle, c->handle, c->memory, 0)));
  if (address) c->address = buffer_address(d, c->handle);
  if (h->kind == GPU_MEMORY_DEVICE) return !c->is_filled || zero_fill(d, c, 0, VK_WHOLE_SIZE, e);
  void *mapped;
  TRY(VK(vkMapMemory(d->handle, c->memory, 0, VK_WHOLE_SIZE, 0, &mapped)));
  c->mapped = mapped;
  memset(mapped, 0, (size_t)c->bytes);
  return true;
}

static uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

// As counted before; else one with room for at least `bytes`, and where a roomy one does not fit any more, one that holds
// just that.
static uint32_t chunk_sizes(gpu_heap *h, uint64_t bytes, uint64_t sizes[2]) {
  const uint64_t at = count_chunks(h);
  sizes[0] = sizes[1] = bytes;
  if (at < h->n_expected && h->expected[at] >= bytes) {
    sizes[0] = h->expected[at];
    return 1;
  }
  h->n_expected = 0; // what is asked for is not what was counted
  const uint64_t roomy = h->device ? smaller(larger(FIRST_CHUNK, h->bytes), LARGE_CHUNK) : COUNTED_CHUNK;
  sizes[0] = larger(bytes, smaller(roomy, h->max_chunk_bytes / SLICE_ALIGN * SLICE_ALIGN));
  return sizes[0] == bytes ? 1 : 2;
}

static bool make_chunk(gpu_heap *h, uint64_t bytes, bool filled, gpu_buffer *made, err *e) {
  gpu_device *d = h->device;
  uint64_t sizes[2];
  const uint32_t n = chunk_sizes(h, bytes, sizes);
  *made = (gpu_buffer){.bytes = sizes[0], .is_filled = filled};
  if (!d) return true;
  err failure;
  for (uint32_t i = 0; i < n && (!i || !d->lost); i++) {
    failure = (err){0};
    *made = (gpu_buffer){.bytes = sizes[i], .is_filled = filled};
    if (fill_chunk(h, made, &failure)) return true;
    free_chunk(d, made);
  }
  return ERR(e, "%s", failure.message);
}

static gpu_buffer *add_chunk(gpu_heap *h, uint64_t bytes, bool filled, err *e) {
  gpu_buffer made;
  if (!make_chunk(h, bytes, filled, &made, e)) return NULL;
  gpu_buffer *c = ARENA_NEW(h->memory, gpu_buffer);
  *c = made;
  c->next = h->chunks;
  h->chunks = c;
  h->bytes += c->bytes;
  if (h->device && h->kind == GPU_MEMORY_DEVICE) h->device->heap_bytes += c->bytes;
  return c;
}

// --- slices ----------------------------------------------------------------------------------------------------------

static bool allocate(gpu_heap *h, uint64_t bytes, bool filled, gpu_slice *slice, err *e) {
  const uint64_t limit = h->max_chunk_bytes;
  *slice = (gpu_slice){0};
  if (!bytes) return true;
  if (bytes > limit || bytes > UINT64_MAX / 2)
    return ERR(e, "%s: %.1f MiB in one piece; %s allows %.1f MiB in one allocation", h->name, mib(bytes),
               h->device ? h->device->snapshot.name : "the device", mib(limit));
  uint64_t need = (bytes + SLICE_ALIGN - 1) / SLICE_ALIGN * SLICE_ALIGN;
  if (need > limit) need = (bytes + 3) / 4 * 4;
  gpu_buffer *c = h->chunks;
  while (c && c->bytes - c->used < need) c = c->next;
  if (!c) c = add_chunk(h, need, filled, e);
  if (!c) return false;
  *slice = (gpu_slice){.buffer = c, .offset = c->used, .bytes = bytes};
  c->used += need;
  return !h->device || !filled || c->is_filled || zero_fill(h->device, c, slice->offset, need, e);
}

bool heap_alloc(gpu_heap *h, uint64_t bytes, gpu_slice *slice, err *e) {
  return allocate(h, bytes, true, slice, e);
}

bool heap_alloc_unfilled(gpu_heap *h, uint64_t bytes, gpu_slice *slice, err *e) {
  REQUIRE(h->kind == GPU_MEMORY_DEVICE, "%s: unfilled memory for the host", h->name);
  return allocate(h, bytes, false, slice, e);
}

void *gpu_map(gpu_slice staging) {
  REQUIRE(staging.buffer && staging.buffer->mapped, "mapping a slice that is not in staging memory");
  return staging.buffer->mapped + staging.offset;
}

gpu_slice gpu_sub(gpu_slice s, uint64_t offset, uint64_t bytes) {
  REQUIRE(offset <= s.bytes && bytes <= s.bytes - offset, "bytes %llu + %llu of a slice of %llu", (unsigned long long)offset,
          (unsigned long long)bytes, (unsigned long long)s.bytes);
  return (gpu_slice){.buffer = s.buffer, .offset = s.offset + offset, .bytes = bytes};
}
