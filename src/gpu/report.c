// What `vkift devices` prints of one device.
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "gpu/internal.h"

static const char *kind_name(gpu_kind kind) {
  switch (kind) {
    case GPU_KIND_DISCRETE: return "discrete";
    case GPU_KIND_INTEGRATED: return "integrated";
    case GPU_KIND_VIRTUAL: return "virtual";
    case GPU_KIND_CPU: return "cpu";
    case GPU_KIND_OTHER: break;
  }
  return "other";
}

static double mib(uint64_t bytes) {
  return (double)bytes / (1 << 20);
}

static void put_version(text *out, uint32_t version) {
  text_printf(out, "%u.%u.%u", VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version), VK_API_VERSION_PATCH(version));
}

// --- for people ------------------------------------------------------------------------------------------------------

static void put_text(const gpu_snapshot *s, const gpu_plan *p, text *out) {
  text_printf(out, "%u  %s  (%s%s)\n", s->index, s->name, kind_name(s->kind), s->display ? ", drives a screen" : "");
  text_printf(out, "   driver          %s %s, Vulkan ", *s->driver_name ? s->driver_name : "unknown", s->driver_info);
  put_version(out, s->api_version);
  if (p->api_version != s->api_version) {
    text_puts(out, ", used as ");
    put_version(out, p->api_version);
  }
  text_printf(out, "\n   memory          %.0f MiB", mib(s->device_heap_bytes));
  if (s->device_budget_bytes) text_printf(out, ", %.0f MiB free", mib(s->device_budget_bytes));
  text_printf(out, "; at most %.0f MiB in one allocation, %.4g MiB in one binding (alignment %u)\n", mib(p->max_chunk_bytes),
              mib(p->max_binding_bytes), p->storage_align);
  text_printf(out, "   workgroups      %u invocations, %u KiB shared memory, subgroups of %u\n", p->max_invocations,
              p->max_shared_bytes / 1024, p->subgroup_size);
  text_printf(out, "   submissions     at most %g ms each\n", p->slice_seconds * 1000);
  const char *kernels = p->is_cpu ? "software drivers (tiles in registers)" : "GPUs (tiles in shared memory)";
  text_printf(out, "   kernels         for %s\n", kernels);
  for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) {
    text_printf(out, "   %-15s ", gpu_feature_name(f));
    if (p->on[f]) text_puts(out, "on\n");
    else text_printf(out, "off: %s\n", p->why_off[f]);
  }
}

// --- for machines ----------------------------------------------------------------------------------------------------

static void add_number(cJSON *object, const char *name, uint64_t value) {
  cJSON_AddNumberToObject(object, name, (double)value);
}

static void add_version(cJSON *object, const char *name, uint32_t version) {
  text t = {0};
  put_version(&t, version);
  cJSON_AddStringToObject(object, name, t.data);
  text_free(&t);
}

static void put_json(const gpu_snapshot *s, const gpu_plan *p, text *out) {
  cJSON *device = cJSON_CreateObject();
  add_number(device, "index", s->index);
  cJSON_AddStringToObject(device, "name", s->name);
  cJSON_AddStringToObject(device, "kind", kind_name(s->kind));
  cJSON_AddBoolToObject(device, "display", s->display);
  cJSON_AddStringToObject(device, "driver", s->driver_name);
  cJSON_AddStringToObject(device, "driver_info", s->driver_info);
  add_number(device, "vendor_id", s->vendor_id);
  add_number(device, "device_id", s->device_id);
  add_version(device, "vulkan", s->api_version);
  add_version(device, "vulkan_used", p->api_version);
  add_number(device, "memory_bytes", s->device_heap_bytes);
  if (s->device_budget_bytes) add_number(device, "memory_free_bytes", s->device_budget_bytes);
  add_number(device, "max_allocation_bytes", p->max_chunk_bytes);
  add_number(device, "max_binding_bytes", p->max_binding_bytes);
  add_number(device, "storage_align", p->storage_align);
  add_number(device, "max_invocations", p->max_invocations);
  add_number(device, "max_shared_bytes", p->max_shared_bytes);
  add_number(device, "subgroup_size", p->subgroup_size);
  cJSON_AddNumberToObject(device, "slice_seconds", p->slice_seconds);
  cJSON_AddBoolToObject(device, "cpu_kernels", p->is_cpu);
  cJSON *features = cJSON_AddObjectToObject(device, "features");
  for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) {
    cJSON *feature = cJSON_AddObjectToObject(features, gpu_feature_name(f));
    cJSON_AddBoolToObject(feature, "on", p->on[f]);
    if (!p->on[f]) cJSON_AddStringToObject(feature, "why_off", p->why_off[f]);
  }
  char *printed = cJSON_PrintUnformatted(device);
  REQUIRE(printed, "out of host memory for a device report");
  text_puts(out, printed);
  cJSON_free(printed);
  cJSON_Delete(device);
}

void device_report(const gpu_snapshot *s, const gpu_plan *plan, bool json, text *out) {
  if (json) put_json(s, plan, out);
  else put_text(s, plan, out);
}
