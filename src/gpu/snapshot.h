// What a Vulkan device says of itself, as a plain struct without Vulkan's types, so that the choices made from it
// (choose.h) can be tested with invented devices.
#ifndef GPU_SNAPSHOT_H
#define GPU_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum gpu_kind { GPU_KIND_DISCRETE, GPU_KIND_INTEGRATED, GPU_KIND_VIRTUAL, GPU_KIND_CPU, GPU_KIND_OTHER } gpu_kind;

// A product of cooperative matrices of a subgroup, m × k and k × n, of f16 with sums of f32.
typedef struct gpu_coopmat {
  uint32_t m, n, k;
} gpu_coopmat;
enum { GPU_MAX_COOPMATS = 16 };

typedef struct gpu_snapshot {
  uint32_t index; // in the order that `vkift devices` prints
  char name[256], driver_name[256], driver_info[256];
  gpu_kind kind;
  uint32_t vendor_id, device_id, api_version, driver_version; // api_version as VK_MAKE_API_VERSION
  uint32_t driver_id;                                         // VkDriverId, 0 unknown
  uint8_t pipeline_cache_uuid[16];

  // limits
  uint64_t max_storage_buffer_range, max_allocation_bytes, device_heap_bytes, device_budget_bytes; // budget 0: not known
  uint32_t storage_align; // minStorageBufferOffsetAlignment
  uint32_t max_workgroup_invocations, max_workgroup_size[3], max_workgroup_count[3], max_shared_bytes, max_push_bytes;
  uint32_t subgroup_size, min_subgroup_size, max_subgroup_size; // min, max 0: not known
  uint32_t max_required_subgroups;        // of a workgroup whose kernel asks for subgroups of a size; 0: it may not ask
  uint32_t cores;                         // compute units, streaming multiprocessors; 0: the driver does not say
  gpu_coopmat coopmats[GPU_MAX_COOPMATS]; // those of the device that vkift has a use for
  uint32_t n_coopmats, timestamp_bits;
  float timestamp_period; // nanoseconds per tick

  // features and extensions that vkift may one day take; all false on the floor
  bool f16, storage_16bit, storage_8bit, int8, subgroup_arithmetic, subgroup_shuffle, subgroup_size_control;
  bool vulkan_memory_model, maintenance4, coopmat, integer_dot, buffer_address, memory_budget, driver_properties,
      display;             // display: may drive a screen
  uint32_t compute_family; // queue family that vkift uses
} gpu_snapshot;

#endif
