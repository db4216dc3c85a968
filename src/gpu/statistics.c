// What a driver's compiler reports of kernels: registers, spills, instructions, and the code itself, by
// VK_KHR_pipeline_executable_properties. Only a device that was opened for it keeps such reports.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/internal.h"

static double value_of(const VkPipelineExecutableStatisticKHR *s) {
  switch (s->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: return s->value.b32;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR: return (double)s->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR: return (double)s->value.u64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR: return s->value.f64;
    default: return 0;
  }
}

static bool add_statistics(arena *a, const gpu_device *d, const VkPipelineExecutableInfoKHR *which, kernel_report *report,
                           err *e) {
  uint32_t n = 0;
  TRY(VK(vkGetPipelineExecutableStatisticsKHR(d->handle, which, &n, NULL)));
  VkPipelineExecutableStatisticKHR *list = ARENA_ARRAY(a, VkPipelineExecutableStatisticKHR, n);
  for (uint32_t i = 0; i < n; i++) list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
  TRY(VK(vkGetPipelineExecutableStatisticsKHR(d->handle, which, &n, list)));
  kernel_statistic *all = ARENA_ARRAY(a, kernel_statistic, report->n + n);
  if (report->n) memcpy(all, report->items, report->n * sizeof *all);
  report->items = all;
  for (uint32_t i = 0; i < n; i++, report->n++) {
    snprintf(all[report->n].name, sizeof all->name, "%.63s", list[i].name);
    all[report->n].value = value_of(&list[i]);
  }
  return true;
}

// The representations that are text: the compiler's own code and the machine's.
static bool add_code(arena *a, const gpu_device *d, const VkPipelineExecutableInfoKHR *which, text *code, err *e) {
  uint32_t n = 0;
  TRY(VK(vkGetPipelineExecutableInternalRepresentationsKHR(d->handle, which, &n, NULL)));
  VkPipelineExecutableInternalRepresentationKHR *list = ARENA_ARRAY(a, VkPipelineExecutableInternalRepresentationKHR, n);
  for (uint32_t i = 0; i < n; i++) list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR;
  TRY(VK(vkGetPipelineExecutableInternalRepresentationsKHR(d->handle, which, &n, list)));
  for (uint32_t i = 0; i < n; i++) {
    list[i].pData = arena_alloc(a, list[i].dataSize + 1);
    memset(list[i].pData, 0, list[i].dataSize + 1);
  }
  TRY(VK(vkGetPipelineExecutableInternalRepresentationsKHR(d->handle, which, &n, list)));
  for (uint32_t i = 0; i < n; i++)
    if (list[i].isText) text_printf(code, "=== %s\n%s\n", list[i].name, (const char *)list[i].pData);
  return true;
}

static bool take(arena *a, const gpu_device *d, const gpu_kernel *k, kernel_report *report, err *e) {
  uint32_t n = 0;
  VkPipelineInfoKHR pipeline = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = k->pipeline};
  TRY(VK(vkGetPipelineExecutablePropertiesKHR(d->handle, &pipeline, &n, NULL)));
  VkPipelineExecutablePropertiesKHR *list = ARENA_ARRAY(a, VkPipelineExecutablePropertiesKHR, n);
  for (uint32_t i = 0; i < n; i++) list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR;
  TRY(VK(vkGetPipelineExecutablePropertiesKHR(d->handle, &pipeline, &n, list)));
  text code = {0};
  bool ok = true;
  for (uint32_t i = 0; ok && i < n; i++) {
    VkPipelineExecutableInfoKHR which = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = k->pipeline, .executableIndex = i};
    report->subgroup_size = list[i].subgroupSize;
    ok = add_statistics(a, d, &which, report, e) && add_code(a, d, &which, &code, e);
  }
  report->code = arena_strdup(a, code.data ? code.data : "");
  text_free(&code);
  return ok;
}

static int by_name(const void *x, const void *y) {
  const kernel_report *a = x, *b = y;
  const int order = strcmp(a->info->shader, b->info->shader);
  return order ? order : memcmp(a->spec, b->spec, sizeof a->spec);
}

bool kernel_reports(arena *a, gpu_device *d, kernel_report **list, uint64_t *n, err *e) {
  REQUIRE(d->reports, "%s was not opened for reports", d->snapshot.name);
  kernel_report *all = ARENA_ARRAY(a, kernel_report, d->n_kernels);
  *n = 0;
  for (uint64_t i = 0; i < d->kernel_capacity; i++) {
    gpu_kernel *k = d->kernels[i];
    if (!k || k->reported) continue;
    k->reported = true;
    kernel_report *r = &all[(*n)++];
    *r = (kernel_report){.info = &k->info, .n_spec = k->n_spec};
    memcpy(r->spec, k->spec, k->n_spec * sizeof *k->spec);
    if (!kernel_get(d, k->info.shader, k->spec, k->n_spec, &r->failure)) continue;
    if (!take(a, d, k, r, e)) return err_prefix(e, "shader %s", k->info.shader);
  }
  qsort(all, *n, sizeof *all, by_name);
  *list = all;
  return true;
}
