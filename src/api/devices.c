// vkift_devices, over gpu/gpu.h.
#include <stdio.h>

#include "api/status.h"
#include "gpu/gpu.h"
#include "vkift.h"

typedef struct visit {
  bool check, failed; // failed: a known answer was wrong
  void (*device)(void *user, const vkift_device *device);
  void *user;
} visit;

static const char *const kind_names[] = {"discrete", "integrated", "virtual", "cpu", "other"};

// Runs the checks on a device. What the validation layers say of them counts too.
static bool check_device(arena *a, uint32_t index, device_check_row *rows, bool *ok, err *e) {
  gpu_device *d = NULL;
  char which[16];
  snprintf(which, sizeof which, "%u", index);
  TRY(device_open(a, which, &d, e));
  *ok = device_check(d, rows);
  device_close(d);
  uint32_t messages = device_validation_messages(d);
  return !messages || ERR(e, "device %u: %u messages of the validation layers", index, messages);
}

static bool visit_device(arena *a, visit *v, const gpu_snapshot *s, bool only_cpu, err *e) {
  gpu_plan plan;
  TRY(device_choose(s, &plan, e));
  text report = {0}, json = {0};
  device_report(s, &plan, false, &report);
  device_report(s, &plan, true, &json);
  char advice[256];
  vkift_device shown = {.index = s->index,
                        .name = s->name,
                        .kind = kind_names[s->kind],
                        .memory_bytes = s->device_heap_bytes,
                        .report = report.data,
                        .json = json.data,
                        .advice = only_cpu ? device_cpu_reason(advice) : NULL};
  device_check_row rows[DEVICE_CHECKS];
  vkift_device_check checks[DEVICE_CHECKS];
  bool all_ok = true, ok = !v->check || check_device(a, s->index, rows, &all_ok, e);
  if (ok && v->check) {
    for (int i = 0; i < DEVICE_CHECKS; i++)
      checks[i] = (vkift_device_check){rows[i].what, rows[i].ok, rows[i].skipped, rows[i].found};
    shown.checks = checks;
    shown.n_checks = DEVICE_CHECKS;
    v->failed = v->failed || !all_ok;
  }
  if (ok) v->device(v->user, &shown);
  text_free(&report), text_free(&json);
  return ok;
}

static bool visit_all(arena *a, visit *v, err *e) {
  gpu_snapshot *list = NULL;
  uint32_t n = 0;
  TRY(device_list(a, &list, &n, e));
  if (!n) {
    gpu_device *none = NULL;
    return device_open(a, NULL, &none, e); // it says what was found and what to install
  }
  for (uint32_t i = 0; i < n; i++) TRY(visit_device(a, v, &list[i], list[0].kind == GPU_KIND_CPU, e));
  return !v->failed || ERR(e, "a known-answer check failed: vkift would compute wrong numbers on that device");
}

vkift_status vkift_devices(bool check, void (*device)(void *user, const vkift_device *device), void *user, vkift_error *error) {
  err e = {0};
  visit v = {.check = check, .device = device, .user = user};
  arena *a = arena_new("devices");
  bool ok = visit_all(a, &v, &e);
  arena_free(a);
  return status_from(ok, &e, error);
}
