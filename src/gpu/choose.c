// From a device's snapshot and two environment variables to the plan: see choose.h. Limits start as the device's; the
// profile only ever lowers them (or raises an alignment), so that what passes with a profile passes without.
#include "gpu/choose.h"

#include <stdlib.h>
#include <string.h>

#include "gpu/internal.h"

enum {
  DRIVER_NVK = 24,
  VENDOR_AMD = 0x1002,
  VENDOR_ARM = 0x13b5,
  VENDOR_IMAGINATION = 0x1010,
  VENDOR_QUALCOMM = 0x5143
}; // VK_DRIVER_ID_MESA_NVK, which older headers do not know
enum { MIB = 1 << 20, GIB = 1 << 30 };

static const char *const names[GPU_FEATURE_COUNT] = {
    [GPU_FEATURE_F16] = "f16",
    [GPU_FEATURE_STORAGE_16BIT] = "storage_16bit",
    [GPU_FEATURE_SUBGROUP] = "subgroup",
    [GPU_FEATURE_COOPMAT] = "coopmat",
    [GPU_FEATURE_INTEGER_DOT] = "integer_dot",
    [GPU_FEATURE_BUFFER_ADDRESS] = "buffer_address",
    [GPU_FEATURE_INDIRECT] = "indirect",
    [GPU_FEATURE_MEMORY_BUDGET] = "memory_budget",
};

const char *gpu_feature_name(gpu_feature f) {
  return f < GPU_FEATURE_COUNT ? names[f] : "?";
}

static bool same(const char *name, const char *word, size_t length) {
  return strlen(name) == length && !memcmp(name, word, length);
}

static bool has_one_subgroup_size(const gpu_snapshot *s) {
  return s->subgroup_size && s->min_subgroup_size == s->subgroup_size && s->max_subgroup_size == s->subgroup_size;
}

static bool offered(const gpu_snapshot *s, gpu_feature f) {
  switch (f) {
    case GPU_FEATURE_F16: return s->f16;
    case GPU_FEATURE_STORAGE_16BIT: return s->storage_16bit;
    case GPU_FEATURE_SUBGROUP: return s->subgroup_arithmetic && s->subgroup_shuffle && s->subgroup_size > 1;
    case GPU_FEATURE_COOPMAT: // its shaders are SPIR-V of Vulkan 1.3, and want full subgroups of a known size
      return s->coopmat && s->n_coopmats && s->subgroup_size_control && (s->max_required_subgroups || has_one_subgroup_size(s)) &&
             s->vulkan_memory_model && s->maintenance4 && s->subgroup_arithmetic && s->api_version >= VK_API_VERSION_1_3;
    case GPU_FEATURE_INTEGER_DOT: return s->integer_dot;
    case GPU_FEATURE_BUFFER_ADDRESS: return s->buffer_address;
    case GPU_FEATURE_INDIRECT: return true; // every driver has it; whether it is right, check_before_use finds out
    case GPU_FEATURE_MEMORY_BUDGET: return s->memory_budget;
    case GPU_FEATURE_COUNT: break;
  }
  return false;
}

static void turn_off(gpu_plan *plan, gpu_feature f, const char *why) {
  if (!plan->on[f]) return;
  plan->on[f] = false;
  plan->why_off[f] = why;
}

static bool apply_disable(gpu_plan *plan, const char *list, const char **unknown) {
  for (const char *p = list; p && *p;) {
    size_t n = strcspn(p, ",");
    bool known = !n; // "a,,b" and a final comma are harmless
    for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) {
      if (!same(names[f], p, n)) continue;
      turn_off(plan, f, "switched off by VKIFT_DISABLE");
      known = true;
    }
    if (!known) return *unknown = p, false;
    p += n + (p[n] == ',');
  }
  return true;
}

// --- the profile -----------------------------------------------------------------------------------------------------

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

// The minimum limits of Vulkan 1.1, and no option of it.
static void apply_floor(gpu_plan *plan) {
  for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) turn_off(plan, f, "switched off by VKIFT_DEVICE_PROFILE=floor");
  plan->api_version = VK_API_VERSION_1_1;
  plan->max_binding_bytes = least(plan->max_binding_bytes, 128 * MIB);
  plan->max_chunk_bytes = least(plan->max_chunk_bytes, GIB);
  plan->max_invocations = (uint32_t)least(plan->max_invocations, 256);
  plan->max_shared_bytes = (uint32_t)least(plan->max_shared_bytes, 16 * 1024);
  plan->storage_align = 256;
}

gpu_plan choose_floor(void) {
  gpu_plan plan = {.max_binding_bytes = UINT64_MAX,
                   .max_chunk_bytes = UINT64_MAX,
                   .max_invocations = UINT32_MAX,
                   .max_shared_bytes = UINT32_MAX,
                   .subgroup_size = 1,
                   .slice_seconds = 0.1};
  apply_floor(&plan);
  return plan;
}

// "name=value", `n` characters long.
static bool apply_limit(gpu_plan *plan, const char *word, size_t n) {
  const char *equals = memchr(word, '=', n);
  if (!equals) return false;
  size_t length = (size_t)(equals - word);
  char digits[32], *end;
  size_t value_length = n - length - 1;
  if (!value_length || value_length >= sizeof digits || equals[1] < '0' || equals[1] > '9') return false;
  memcpy(digits, equals + 1, value_length);
  digits[value_length] = 0;
  double value = strtod(digits, &end);
  if (*end || !(value >= 0) || value > 9e15) return false;

  uint64_t whole = (uint64_t)value;
  if (same("is_cpu", word, length) && whole <= 1) return plan->is_cpu = whole, true;
  if (same("lanes_bound", word, length) && whole <= 256) return plan->lanes_bound = (uint32_t)whole, true;
  if (same("coopmat_first", word, length) && whole <= 1) return plan->coopmat_first = whole, true;
  if (!(value > 0)) return false;
  if (same("slice_seconds", word, length)) return plan->slice_seconds = value, true;
  if (!whole) return false;
  if (same("max_binding_bytes", word, length)) return plan->max_binding_bytes = least(plan->max_binding_bytes, whole), true;
  if (same("max_chunk_bytes", word, length)) return plan->max_chunk_bytes = least(plan->max_chunk_bytes, whole), true;
  if (same("cores", word, length)) return plan->cores = (uint32_t)least(whole, UINT32_MAX), true;
  if (same("max_invocations", word, length)) return plan->max_invocations = (uint32_t)least(plan->max_invocations, whole), true;
  if (same("max_shared_bytes", word, length))
    return plan->max_shared_bytes = (uint32_t)least(plan->max_shared_bytes, whole), true;
  if (same("storage_align", word, length) && whole <= 256 && !(whole & (whole - 1))) {
    if (whole > plan->storage_align) plan->storage_align = (uint32_t)whole;
    return true;
  }
  return false;
}

static bool apply_profile(gpu_plan *plan, const char *profile, const char **unknown) {
  for (const char *p = profile; p && *p;) {
    size_t n = strcspn(p, ",");
    if (same("floor", p, n)) apply_floor(plan);
    else if (n && !apply_limit(plan, p, n)) return *unknown = p, false;
    p += n + (p[n] == ',');
  }
  return true;
}

uint32_t choose_api_version(const char *profile) {
  for (const char *p = profile; p && *p;) {
    size_t n = strcspn(p, ",");
    if (same("floor", p, n)) return VK_API_VERSION_1_1;
    p += n + (p[n] == ',');
  }
  return VK_API_VERSION_1_3;
}

// --- the plan --------------------------------------------------------------------------------------------------------

// The largest shape: it reads each operand least often.
static void choose_coopmat(const gpu_snapshot *s, gpu_coopmat *chosen) {
  for (uint32_t i = 0; i < s->n_coopmats; i++) {
    const gpu_coopmat *c = &s->coopmats[i];
    if (c->m * c->n * c->k > chosen->m * chosen->n * chosen->k) *chosen = *c;
  }
}

// Drivers that have matrices in hardware wherever they list them. AMD's own lists them on cards without; Intel's are slower
// than plain arithmetic on some.
static bool has_fast_coopmat(const gpu_snapshot *s) {
  return s->driver_id == VK_DRIVER_ID_MESA_RADV || s->driver_id == VK_DRIVER_ID_NVIDIA_PROPRIETARY || s->driver_id == DRIVER_NVK;
}

static bool is_mobile(const gpu_snapshot *s) {
  return s->vendor_id == VENDOR_ARM || s->vendor_id == VENDOR_IMAGINATION || s->vendor_id == VENDOR_QUALCOMM;
}

// Of common devices: half of the discrete cards have more cores, and half fewer.
static uint32_t usual_cores(gpu_kind kind) {
  return kind == GPU_KIND_DISCRETE ? 32 : kind == GPU_KIND_CPU ? 4 : 8;
}

bool choose(const gpu_snapshot *s, const char *disable, const char *profile, gpu_plan *plan, const char **unknown) {
  *plan = (gpu_plan){
      .api_version = (uint32_t)least(s->api_version, VK_API_VERSION_1_3),
      // A multiple of every alignment, so that windows of this size begin aligned.
      .max_binding_bytes = s->max_storage_buffer_range / 256 * 256,
      .max_chunk_bytes = s->max_allocation_bytes / 256 * 256,
      // Buffer addresses want GPU_ADDRESS_ALIGN.
      .storage_align = s->storage_align > GPU_ADDRESS_ALIGN ? s->storage_align : GPU_ADDRESS_ALIGN,
      .max_invocations = s->max_workgroup_invocations,
      .max_shared_bytes = s->max_shared_bytes,
      .subgroup_size = s->subgroup_size,
      .one_subgroup_size = has_one_subgroup_size(s),
      .max_required_subgroups = s->max_required_subgroups,
      .cores = s->cores ? s->cores : usual_cores(s->kind),
      .coopmat_first = has_fast_coopmat(s),
      .max_sums = is_mobile(s) ? 32 : 64,
      .waves_of_64 = s->vendor_id == VENDOR_AMD && s->min_subgroup_size == 64,
      .software = s->kind == GPU_KIND_CPU,
      .is_cpu = s->kind == GPU_KIND_CPU,
  };
  // No watchdog guards a CPU; a screen freezes for as long as a slice runs on the device that drives it.
  plan->slice_seconds = plan->is_cpu ? 1.0 : s->display ? 0.016 : 0.1;
  for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) {
    plan->on[f] = true;
    if (!offered(s, f)) turn_off(plan, f, "not offered by the driver");
    const char *quirk = quirk_reason(s, f);
    if (quirk) turn_off(plan, f, quirk);
  }
  TRY(apply_disable(plan, disable, unknown));
  TRY(apply_profile(plan, profile, unknown));
  if (!plan->on[GPU_FEATURE_F16]) turn_off(plan, GPU_FEATURE_COOPMAT, "needs f16, which is off");
  if (!plan->on[GPU_FEATURE_SUBGROUP]) turn_off(plan, GPU_FEATURE_COOPMAT, "needs subgroup, which is off");
  if (plan->on[GPU_FEATURE_COOPMAT]) choose_coopmat(s, &plan->coopmat);
  else plan->coopmat_first = false;
  plan->max_binding_bytes = plan->max_binding_bytes / 4 * 4; // whole words: shaders read words
  return true;
}

bool choose_takes_subgroups(const gpu_plan *plan, uint64_t invocations) {
  if (!plan->subgroup_size || invocations % plan->subgroup_size) return false;
  return plan->one_subgroup_size || invocations / plan->subgroup_size <= plan->max_required_subgroups;
}
