// From what a device offers to what vkift uses of it. A pure function: no live device, so it is unit-tested with
// invented ones.
#ifndef GPU_CHOOSE_H
#define GPU_CHOOSE_H

#include "gpu/snapshot.h"

typedef enum gpu_feature {
  GPU_FEATURE_F16,
  GPU_FEATURE_STORAGE_16BIT,
  GPU_FEATURE_SUBGROUP,
  GPU_FEATURE_COOPMAT,
  GPU_FEATURE_INTEGER_DOT,
  GPU_FEATURE_BUFFER_ADDRESS,
  GPU_FEATURE_INDIRECT,
  GPU_FEATURE_MEMORY_BUDGET,
  GPU_FEATURE_COUNT
} gpu_feature;

typedef struct gpu_plan {
  bool on[GPU_FEATURE_COUNT];
  const char *why_off[GPU_FEATURE_COUNT]; // NULL where on; else one reason: not offered, VKIFT_DISABLE, profile, a quirk
  uint32_t api_version;                   // to create the instance's use of the device with
  uint64_t max_binding_bytes;             // of one storage buffer in a dispatch
  uint64_t max_chunk_bytes;               // of one allocation
  uint32_t storage_align;
  uint32_t max_invocations; // of a workgroup
  uint32_t max_shared_bytes;
  uint32_t subgroup_size;
  bool one_subgroup_size;          // all subgroups have that size, without being asked to
  uint32_t max_required_subgroups; // else of a workgroup whose kernel asks for it; 0: it may not ask
  gpu_coopmat coopmat;             // with GPU_FEATURE_COOPMAT: the shape that kernels take
  uint32_t cores;       // that run workgroups at the same time; a guess by the kind of device where the driver does not say
  double slice_seconds; // how long one submission may run
  bool coopmat_first;   // cooperative matrices are the default where they may be taken, not only candidates
  uint32_t max_sums;    // that an invocation of a matrix product holds: mobile GPUs have registers for half as many
  bool waves_of_64;     // AMD's GCN: an invocation with more than 128 registers leaves one wave on its core
  bool software;        // kernels are compiled for a CPU, which takes seconds where loops are unrolled
  bool is_cpu;          // a software driver: kernels with register tiles instead of shared memory suit it
  uint32_t
      lanes_bound; // heads of so many features take attention_lanes also without buffer addresses, by its twins that bind: for
                   // tests, since those take long to compile
} gpu_plan;

const char *gpu_feature_name(gpu_feature f); // as in VKIFT_DISABLE: "f16", "coopmat", …

// `disable`: value of VKIFT_DISABLE (comma-separated names; NULL none). `profile`: value of VKIFT_DEVICE_PROFILE: NULL,
// or "floor" (API 1.1, nothing optional, minimum limits), to which ",name=value" can be added or that can be replaced by
// "name=value,…" to clamp single limits, e.g. "max_binding_bytes=65536". False and *unknown set for an unknown name.
// Names: the plan's fields max_binding_bytes, max_chunk_bytes, max_invocations, max_shared_bytes (lowered), storage_align
// (raised), slice_seconds, cores, is_cpu, coopmat_first and lanes_bound (set; is_cpu=0 tests the kernels meant for GPUs on a software
// driver, with cores=60 those that a large card takes).
bool choose(const gpu_snapshot *s, const char *disable, const char *profile, gpu_plan *plan, const char **unknown);
// Whether a kernel that needs full subgroups of the plan's size (those of cooperative matrices) may have workgroups of so many
// invocations.
bool choose_takes_subgroups(const gpu_plan *plan, uint64_t invocations);
// The plan of a device that offers the floor and nothing else: for planning without a device.
gpu_plan choose_floor(void);
uint32_t choose_api_version(const char *profile); // the newest Vulkan version that vkift uses: 1.3, with "floor" 1.1

#endif
