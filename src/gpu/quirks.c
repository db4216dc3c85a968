// Drivers that offer a feature which must not be used. One line each: driver, vendor (0 any), feature, reason.
#include "gpu/internal.h"

typedef struct quirk {
  VkDriverId driver;
  uint32_t vendor;
  gpu_feature feature;
  const char *reason;
} quirk;

enum { VENDOR_AMD = 0x1002 };

static const quirk quirks[] = {
    {VK_DRIVER_ID_MOLTENVK, VENDOR_AMD, GPU_FEATURE_SUBGROUP, "quirk: MoltenVK on AMD shuffles wrong values"},
};

const char *quirk_reason(const gpu_snapshot *s, gpu_feature f) {
  for (size_t i = 0; i < sizeof quirks / sizeof *quirks; i++) {
    const quirk *q = &quirks[i];
    if (q->feature == f && (uint32_t)q->driver == s->driver_id && (!q->vendor || q->vendor == s->vendor_id)) return q->reason;
  }
  return NULL;
}
