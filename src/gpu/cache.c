// The pipeline cache on disk, which makes later starts quick. A file is a header of ours, so that no driver ever sees a
// damaged cache, and the driver's bytes behind it:
//
//   magic u64 | XXH64 of what follows the header u64 | bytes of it u64 | VkPipelineCacheHeaderVersionOne, driver's data
//
// Its name holds a hash of the device, the driver and all shaders, so that nothing in it can be out of date.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/file.h"
#include "gpu/internal.h"
#include "gpu/shader_table.h"

typedef struct file_header {
  uint64_t magic, hash, bytes;
} file_header;

static const uint64_t MAGIC = 0x3143505446494b56; // "VKIFTPC1", little-endian
static const uint64_t MAX_FILE = 1 << 28;

// --- where -----------------------------------------------------------------------------------------------------------

char *cache_path(arena *a, const gpu_snapshot *s) {
  char *dir = cache_dir(a);
  if (!dir) return NULL;
  uint32_t ids[] = {s->vendor_id, s->device_id, s->driver_id, s->driver_version};
  uint64_t device = XXH64(ids, sizeof ids, XXH64(s->pipeline_cache_uuid, sizeof s->pipeline_cache_uuid, 0));
  uint64_t shaders = 0;
  for (const shader_code *c = shader_table; c->name; c++) shaders = XXH64(c->words, c->bytes, shaders);
  return path_join(a, dir, arena_printf(a, "pipelines-%016llx-%016llx", (unsigned long long)device, (unsigned long long)shaders));
}

// --- reading ---------------------------------------------------------------------------------------------------------

static bool is_ours(const gpu_snapshot *s, const uint8_t *data, uint64_t bytes) {
  VkPipelineCacheHeaderVersionOne h;
  if (bytes < sizeof h) return false;
  memcpy(&h, data, sizeof h);
  return h.headerSize >= sizeof h && h.headerSize <= bytes && h.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
         h.vendorID == s->vendor_id && h.deviceID == s->device_id &&
         !memcmp(h.pipelineCacheUUID, s->pipeline_cache_uuid, sizeof h.pipelineCacheUUID);
}

// The driver's part of the file; NULL where there is none that can be trusted.
static const uint8_t *load(arena *a, const gpu_snapshot *s, uint64_t *bytes) {
  char *path = cache_path(a, s), *data;
  uint64_t size;
  file_header h;
  if (!path || !file_read(a, path, MAX_FILE, &data, &size, NULL) || size < sizeof h) return NULL;
  memcpy(&h, data, sizeof h);
  const uint8_t *payload = (const uint8_t *)data + sizeof h;
  *bytes = size - sizeof h;
  bool whole = h.magic == MAGIC && h.bytes == *bytes && h.hash == XXH64(payload, *bytes, 0);
  return whole && is_ours(s, payload, *bytes) ? payload : NULL;
}

bool cache_open(gpu_device *d, err *e) {
  arena *memory = arena_new("pipeline cache");
  uint64_t bytes = 0;
  const uint8_t *data = load(memory, &d->snapshot, &bytes);
  VkPipelineCacheCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO, .initialDataSize = data ? (size_t)bytes : 0, .pInitialData = data};
  VkResult result = vkCreatePipelineCache(d->handle, &info, NULL, &d->pipeline_cache);
  // What the driver makes of the file, not the file's size, says later whether it grew: SwiftShader repeats its header.
  size_t held = 0;
  if (data && result == VK_SUCCESS) vkGetPipelineCacheData(d->handle, d->pipeline_cache, &held, NULL);
  d->cache_bytes = held;
  arena_free(memory);
  return instance_check(result, "vkCreatePipelineCache", __FILE__, __LINE__, e);
}

// --- writing ---------------------------------------------------------------------------------------------------------

static void save(arena *a, gpu_device *d, size_t bytes) {
  char *path = cache_path(a, &d->snapshot), *dir = cache_dir(a);
  uint8_t *file = arena_alloc(a, sizeof(file_header) + bytes), *data = file + sizeof(file_header);
  if (!path || vkGetPipelineCacheData(d->handle, d->pipeline_cache, &bytes, data) != VK_SUCCESS) return;
  file_header h = {.magic = MAGIC, .hash = XXH64(data, bytes, 0), .bytes = bytes};
  memcpy(file, &h, sizeof h);
  if (dir_make(dir, NULL)) file_replace(path, file, sizeof h + bytes, NULL);
}

void cache_keep(gpu_device *d) {
  if (!d->pipeline_cache || d->cache_kernels == d->n_kernels) return;
  d->cache_kernels = d->n_kernels;
  size_t bytes = 0;
  if (vkGetPipelineCacheData(d->handle, d->pipeline_cache, &bytes, NULL) != VK_SUCCESS || bytes <= d->cache_bytes ||
      bytes >= MAX_FILE - sizeof(file_header))
    return;
  d->cache_bytes = bytes;
  arena *memory = arena_new("pipeline cache");
  save(memory, d, bytes);
  arena_free(memory);
}

void cache_close(gpu_device *d) {
  if (!d->pipeline_cache) return;
  d->cache_kernels = 0; // drivers may compile at a kernel's first run
  cache_keep(d);
  vkDestroyPipelineCache(d->handle, d->pipeline_cache, NULL);
  d->pipeline_cache = VK_NULL_HANDLE;
}
