// Recordings: commands recorded once into many small command buffers ("parts"), so that submissions can be put together
// by measured time (submit.c). Barriers reach across parts, because all go to one queue in order.
#include <string.h>

#include "gpu/internal.h"

enum {
  PART_COMMANDS = 16, // a cut is taken once a part holds so many
  SETS_PER_POOL = 128,
  MAX_GROUPS = 65535, // the least maxComputeWorkGroupCount that Vulkan allows
};

gpu_recording *recording_new(gpu_device *d, const char *name) {
  arena *memory = arena_new("recording");
  gpu_recording *r = ARENA_NEW(memory, gpu_recording);
  *r = (gpu_recording){.memory = memory, .device = d, .name = arena_strdup(memory, name), .next = d->recordings};
  if (r->next) r->next->previous = r;
  d->recordings = r;
  return r;
}

void recording_free(gpu_recording *r) {
  if (!r) return;
  gpu_device *d = r->device;
  if (!d->hung) { // a device that hangs may still read them
    for (uint64_t i = 0; i < r->n_parts; i++) stamps_free(d, &r->parts[i]);
    for (uint64_t i = 0; i < r->n_pools; i++) vkDestroyDescriptorPool(d->handle, r->pools[i], NULL);
    if (r->pool) vkDestroyCommandPool(d->handle, r->pool, NULL);
  }
  if (r->next) r->next->previous = r->previous;
  if (r->previous) r->previous->next = r->next;
  else d->recordings = r->next;
  arena_free(r->memory);
}

// --- parts -----------------------------------------------------------------------------------------------------------

void recording_full_barrier(VkCommandBuffer buffer, barrier_reach reach) {
  static const struct {
    VkPipelineStageFlags from, to;
    VkAccessFlags access;
  } more[] = {[BARRIER_HOST] = {0, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT},
              [BARRIER_INDIRECT] = {VK_PIPELINE_STAGE_DRAW_INDIRECT_BIT, VK_PIPELINE_STAGE_DRAW_INDIRECT_BIT,
                                    VK_ACCESS_INDIRECT_COMMAND_READ_BIT}};
  const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
  VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                             .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                             .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                                              VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT | more[reach].access};
  vkCmdPipelineBarrier(buffer, stages | more[reach].from, stages | more[reach].to, 0, 1, &barrier, 0, NULL, 0, NULL);
}

static bool open_part(gpu_recording *r, err *e) {
  gpu_device *d = r->device;
  if (!r->pool) {
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = d->snapshot.compute_family};
    TRY(VK(vkCreateCommandPool(d->handle, &pool, NULL, &r->pool)));
  }
  VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                          .commandPool = r->pool,
                                          .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                          .commandBufferCount = 1};
  recording_part part = {.seconds = -1, .recording = r->name};
  TRY(VK(vkAllocateCommandBuffers(d->handle, &allocate, &part.buffer)));
  VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  TRY(VK(vkBeginCommandBuffer(part.buffer, &begin)));
  void *parts = r->parts;
  arena_grow(r->memory, &parts, &r->part_capacity, r->n_parts + 1, sizeof part);
  r->parts = parts;
  r->parts[r->n_parts++] = part;
  r->open = true;
  r->n_commands = 0;
  r->bound = VK_NULL_HANDLE;
  if (r->n_parts == 1) recording_full_barrier(part.buffer, d->plan.on[GPU_FEATURE_INDIRECT] ? BARRIER_INDIRECT : BARRIER_KERNELS);
  return !r->timed || stamps_open(r, &r->parts[r->n_parts - 1], e);
}

static bool close_part(gpu_recording *r, err *e) {
  if (!r->open) return true;
  r->open = false;
  return VK(vkEndCommandBuffer(r->parts[r->n_parts - 1].buffer));
}

// The command buffer to record into; VK_NULL_HANDLE after a failure, which recording_end reports.
static VkCommandBuffer commands(gpu_recording *r) {
  REQUIRE(!r->ended, "recording %s has ended", r->name);
  if (r->open && r->timed && stamps_full(&r->parts[r->n_parts - 1]) && !r->failure.failed) close_part(r, &r->failure);
  if (r->failure.failed || (!r->open && !open_part(r, &r->failure))) return VK_NULL_HANDLE;
  return r->parts[r->n_parts - 1].buffer;
}

static void count_command(gpu_recording *r, const char *what) {
  r->n_commands++;
  if (r->timed) stamps_add(r, &r->parts[r->n_parts - 1], what);
}

void recording_time(gpu_recording *r) {
  REQUIRE(!r->n_parts, "recording %s has commands that are not timed", r->name);
  r->timed = device_has_timestamps(r->device);
}

void recording_set_label(gpu_recording *r, const recording_label *label) {
  r->label = *label;
}

void recording_cut(gpu_recording *r) {
  if (r->open && r->n_commands >= PART_COMMANDS && !r->failure.failed) close_part(r, &r->failure);
}

bool recording_end(gpu_recording *r, err *e) {
  REQUIRE(!r->ended, "recording %s has ended", r->name);
  if (!r->failure.failed) close_part(r, &r->failure);
  r->ended = true;
  return !r->failure.failed || ERR(e, "recording %s: %s", r->name, r->failure.message);
}

// --- dispatches ------------------------------------------------------------------------------------------------------

static bool add_descriptor_pool(gpu_recording *r, err *e) {
  VkDescriptorPoolSize size = {.type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .descriptorCount = SETS_PER_POOL * GPU_MAX_BINDINGS};
  VkDescriptorPoolCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = SETS_PER_POOL, .poolSizeCount = 1, .pPoolSizes = &size};
  VkDescriptorPool pool;
  TRY(VK(vkCreateDescriptorPool(r->device->handle, &info, NULL, &pool)));
  void *pools = r->pools;
  arena_grow(r->memory, &pools, &r->pool_capacity, r->n_pools + 1, sizeof pool);
  r->pools = pools;
  r->pools[r->n_pools++] = pool;
  r->n_sets = 0;
  return true;
}

static bool make_set(gpu_recording *r, const gpu_kernel *k, const gpu_slice *slices, VkDescriptorSet *set, err *e) {
  if (!r->n_pools || r->n_sets == SETS_PER_POOL) TRY(add_descriptor_pool(r, e));
  VkDescriptorSetAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                          .descriptorPool = r->pools[r->n_pools - 1],
                                          .descriptorSetCount = 1,
                                          .pSetLayouts = &k->set_layout};
  TRY(VK(vkAllocateDescriptorSets(r->device->handle, &allocate, set)));
  r->n_sets++;
  VkDescriptorBufferInfo buffers[GPU_MAX_BINDINGS];
  VkWriteDescriptorSet writes[GPU_MAX_BINDINGS];
  uint32_t n = 0;
  for (uint32_t i = 0; i < k->info.n_bindings; i++) {
    if (!k->info.bindings[i].used) continue;
    // Shaders read words: a slice that ends within one (16-bit elements) is bound up to that word's end.
    buffers[n] = (VkDescriptorBufferInfo){
        .buffer = slices[i].buffer->handle, .offset = slices[i].offset, .range = (slices[i].bytes + 3) / 4 * 4};
    writes[n] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                       .dstSet = *set,
                                       .dstBinding = i,
                                       .descriptorCount = 1,
                                       .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                       .pBufferInfo = &buffers[n]};
    n++;
  }
  vkUpdateDescriptorSets(r->device->handle, n, writes, 0, NULL);
  return true;
}

static void check_dispatch(const gpu_recording *r, const gpu_kernel *k, const gpu_slice *slices, uint32_t n_slices,
                           uint32_t push_bytes) {
  const gpu_plan *plan = &r->device->plan;
  const char *name = k->info.shader;
  REQUIRE(n_slices >= k->info.n_bindings && n_slices <= GPU_MAX_BINDINGS, "%s in %s: %u slices for %u bindings", name, r->name,
          n_slices, k->info.n_bindings);
  REQUIRE(push_bytes >= k->info.push_bytes && push_bytes <= GPU_MAX_PUSH, "%s in %s: %u bytes of push constants, not %u", name,
          r->name, push_bytes, k->info.push_bytes);
  for (uint32_t i = 0; i < k->info.n_bindings; i++) {
    if (!k->info.bindings[i].used) continue;
    REQUIRE(slices[i].buffer && slices[i].bytes, "%s in %s: binding %u has no memory", name, r->name, i);
    REQUIRE(slices[i].offset % plan->storage_align == 0, "%s in %s: binding %u begins at %llu, alignment %u", name, r->name, i,
            (unsigned long long)slices[i].offset, plan->storage_align);
    REQUIRE(slices[i].bytes <= plan->max_binding_bytes, "%s in %s: binding %u has %llu bytes, at most %llu", name, r->name, i,
            (unsigned long long)slices[i].bytes, (unsigned long long)plan->max_binding_bytes);
  }
}

static void bind_set(const gpu_kernel *k, VkCommandBuffer buffer, VkDescriptorSet set, const void *push) {
  vkCmdBindDescriptorSets(buffer, VK_PIPELINE_BIND_POINT_COMPUTE, k->layout, 0, 1, &set, 0, NULL);
  if (k->info.push_bytes) vkCmdPushConstants(buffer, k->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, k->info.push_bytes, push);
}

static void push_addresses(const gpu_kernel *k, VkCommandBuffer buffer, const gpu_slice *slices, const void *push) {
  uint8_t bytes[GPU_MAX_PUSH] = {0};
  memcpy(bytes, push, k->info.push_bytes);
  for (uint32_t i = 0; i < k->info.n_bindings; i++) {
    const uint64_t address = k->info.bindings[i].used ? slices[i].buffer->address + slices[i].offset : 0;
    REQUIRE(address % GPU_ADDRESS_ALIGN == 0, "%s: binding %u begins at a multiple of %llu", k->info.shader, i,
            (unsigned long long)(address & -address));
    memcpy(bytes + k->addresses_at + 8 * i, &address, 8);
  }
  vkCmdPushConstants(buffer, k->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, k->addresses_at + 8 * k->info.n_bindings, bytes);
}

static void note_kernel(gpu_recording *r, gpu_kernel *k) {
  for (uint64_t i = r->n_kernels; i-- > 0;)
    if (r->kernels[i] == k) return;
  void *kernels = r->kernels;
  arena_grow(r->memory, &kernels, &r->kernel_capacity, r->n_kernels + 1, sizeof k);
  r->kernels = kernels;
  r->kernels[r->n_kernels++] = k;
}

gpu_kernel *const *recording_kernels(const gpu_recording *r, uint32_t *n) {
  *n = (uint32_t)r->n_kernels;
  return r->kernels;
}

// The command buffer, ready for the dispatch itself; VK_NULL_HANDLE after a failure.
static VkCommandBuffer prepare(gpu_recording *r, gpu_kernel *k, const gpu_slice *slices, const void *push, err *e) {
  VkCommandBuffer buffer = commands(r);
  VkDescriptorSet set = VK_NULL_HANDLE;
  const bool addresses = k->info.takes_addresses;
  if (!buffer || !(addresses || make_set(r, k, slices, &set, &r->failure))) {
    ERR(e, "recording %s: %s", r->name, r->failure.message);
    return VK_NULL_HANDLE;
  }
  if (r->bound != k->pipeline) {
    vkCmdBindPipeline(buffer, VK_PIPELINE_BIND_POINT_COMPUTE, k->pipeline);
    note_kernel(r, k);
  }
  r->bound = k->pipeline;
  if (addresses) push_addresses(k, buffer, slices, push);
  else bind_set(k, buffer, set, push);
  return buffer;
}

bool recording_dispatch(gpu_recording *r, gpu_kernel *k, const gpu_slice *slices, uint32_t n_slices, const void *push,
                        uint32_t push_bytes, const uint32_t groups[3], err *e) {
  check_dispatch(r, k, slices, n_slices, push_bytes);
  for (uint32_t i = 0; i < 3; i++)
    REQUIRE(groups[i] <= MAX_GROUPS, "%s in %s: %u groups along %u", k->info.shader, r->name, groups[i], i);
  if (!groups[0] || !groups[1] || !groups[2]) return true;
  VkCommandBuffer buffer = prepare(r, k, slices, push, e);
  if (!buffer) return false;
  vkCmdDispatch(buffer, groups[0], groups[1], groups[2]);
  count_command(r, k->info.shader);
  return true;
}

bool recording_dispatch_indirect(gpu_recording *r, gpu_kernel *k, const gpu_slice *slices, uint32_t n_slices, const void *push,
                                 uint32_t push_bytes, gpu_slice groups, err *e) {
  check_dispatch(r, k, slices, n_slices, push_bytes);
  REQUIRE(r->device->plan.on[GPU_FEATURE_INDIRECT] && groups.buffer && groups.bytes >= sizeof(VkDispatchIndirectCommand) &&
              groups.offset % 4 == 0,
          "%s in %s: counts of workgroups in %llu bytes at %llu", k->info.shader, r->name, (unsigned long long)groups.bytes,
          (unsigned long long)groups.offset);
  VkCommandBuffer buffer = prepare(r, k, slices, push, e);
  if (!buffer) return false;
  vkCmdDispatchIndirect(buffer, groups.buffer->handle, groups.offset);
  count_command(r, k->info.shader);
  return true;
}

// --- transfers and barriers ------------------------------------------------------------------------------------------

void recording_copy(gpu_recording *r, gpu_slice from, gpu_slice to, uint64_t bytes) {
  REQUIRE(bytes <= from.bytes && bytes <= to.bytes, "copy in %s: %llu bytes from a slice of %llu to one of %llu", r->name,
          (unsigned long long)bytes, (unsigned long long)from.bytes, (unsigned long long)to.bytes);
  VkCommandBuffer buffer = bytes ? commands(r) : VK_NULL_HANDLE;
  if (!buffer) return;
  VkBufferCopy region = {.srcOffset = from.offset, .dstOffset = to.offset, .size = bytes};
  vkCmdCopyBuffer(buffer, from.buffer->handle, to.buffer->handle, 1, &region);
  count_command(r, "copy");
}

void recording_fill(gpu_recording *r, gpu_slice to, uint32_t word) {
  REQUIRE(to.offset % 4 == 0 && to.bytes % 4 == 0, "fill in %s: %llu bytes at %llu are no whole words", r->name,
          (unsigned long long)to.bytes, (unsigned long long)to.offset);
  VkCommandBuffer buffer = to.bytes ? commands(r) : VK_NULL_HANDLE;
  if (!buffer) return;
  vkCmdFillBuffer(buffer, to.buffer->handle, to.offset, to.bytes, word);
  count_command(r, "fill");
}

void recording_write(gpu_recording *r, gpu_slice to, const void *data) {
  REQUIRE(to.offset % 4 == 0 && to.bytes % 4 == 0 && to.bytes <= GPU_MAX_WRITE, "write in %s: %llu bytes at %llu", r->name,
          (unsigned long long)to.bytes, (unsigned long long)to.offset);
  VkCommandBuffer buffer = to.bytes ? commands(r) : VK_NULL_HANDLE;
  if (!buffer) return;
  vkCmdUpdateBuffer(buffer, to.buffer->handle, to.offset, to.bytes, data);
  count_command(r, "write");
}

void recording_barrier(gpu_recording *r) {
  VkCommandBuffer buffer = commands(r);
  if (buffer) recording_full_barrier(buffer, BARRIER_KERNELS);
}

void recording_barrier_indirect(gpu_recording *r) {
  VkCommandBuffer buffer = commands(r);
  if (buffer) recording_full_barrier(buffer, BARRIER_INDIRECT);
}
