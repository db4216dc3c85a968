// The known-answer check of `vkift devices --check`: small kernels whose results the host computes too. What a driver
// gets wrong here would be wrong in training, silently.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "gpu/internal.h"
#include "group_counts.h"

enum { THREADS = 64, GROUPS = 13, N = THREADS * GROUPS - 7 }; // the last group is not full
static const float SCALE = 0.25f;

// What each check needs: a heap, three slices of N words, and a recording that is run once.
typedef struct check {
  gpu_device *device;
  gpu_slice x, y, z;
  gpu_recording *recording;
  device_check_row *row;
  err e;
} check;

static bool wrong(check *c, uint64_t i, double got, double want) {
  return ERR(&c->e, "element %llu is %.9g, expected %.9g", (unsigned long long)i, got, want);
}

static bool dispatch(check *c, const char *shader, const uint32_t *spec, uint32_t n_spec, uint32_t n, uint32_t groups) {
  gpu_kernel *k = kernel_get(c->device, shader, spec, n_spec, &c->e);
  if (!k) return false;
  struct check_params p = {.n = n, .scale = SCALE};
  gpu_slice slices[] = {c->x, c->y, c->z};
  return recording_dispatch(c->recording, k, slices, 3, &p, sizeof p, (uint32_t[]){groups, 1, 1}, &c->e);
}

static bool run(check *c) {
  return recording_end(c->recording, &c->e) && gpu_run(c->device, &c->recording, 1, &c->e);
}

// --- the checks ------------------------------------------------------------------------------------------------------

static float sample(uint32_t i) {
  return (float)((int)(i * 37 % 101) - 50) / 16;
}

static bool check_transfer(check *c) {
  static uint32_t words[N], back[N];
  for (uint32_t i = 0; i < N; i++) words[i] = i * 2654435761u;
  TRY(gpu_upload(c->device, c->x, words, sizeof words, &c->e));
  recording_fill(c->recording, c->y, 0x01020304);
  recording_barrier(c->recording);
  recording_copy(c->recording, c->x, c->y, sizeof words - 4);
  TRY(run(c));
  TRY(gpu_download(c->device, c->y, back, sizeof back, &c->e));
  words[N - 1] = 0x01020304;
  for (uint32_t i = 0; i < N; i++)
    if (words[i] != back[i]) return wrong(c, i, back[i], words[i]);
  return true;
}

static bool check_copy(check *c) {
  static uint32_t words[N], back[N];
  for (uint32_t i = 0; i < N; i++) words[i] = ~i * 2246822519u;
  TRY(gpu_upload(c->device, c->x, words, sizeof words, &c->e));
  TRY(dispatch(c, "check_copy", &(uint32_t){THREADS}, 1, N, GROUPS));
  TRY(run(c));
  TRY(gpu_download(c->device, c->y, back, sizeof back, &c->e));
  for (uint32_t i = 0; i < N; i++)
    if (words[i] != back[i]) return wrong(c, i, back[i], words[i]);
  return true;
}

// Also the order of dispatches: each adds to what the one before left.
static bool check_arith(check *c) {
  enum { TIMES = 20 };
  static float a[N], b[N], y[N];
  for (uint32_t i = 0; i < N; i++) a[i] = sample(i), b[i] = 1 + (float)(i % 7);
  TRY(gpu_upload(c->device, c->x, a, sizeof a, &c->e));
  TRY(gpu_upload(c->device, c->y, b, sizeof b, &c->e));
  recording_fill(c->recording, c->z, 0);
  for (int i = 0; i < TIMES; i++) {
    recording_barrier(c->recording);
    TRY(dispatch(c, "check_arith", &(uint32_t){THREADS}, 1, N, GROUPS));
  }
  TRY(run(c));
  TRY(gpu_download(c->device, c->z, y, sizeof y, &c->e));
  for (uint32_t i = 0; i < N; i++) {
    double v = a[i], want = TIMES * SCALE * (exp(-v * v) + sqrt(fabs(v)) * b[i] - v / b[i]);
    if (!(fabs(y[i] - want) <= 2e-5 * fmax(1, fabs(want)))) return wrong(c, i, y[i], want);
  }
  return true;
}

static bool check_sum(check *c) {
  static float x[N], y[GROUPS];
  for (uint32_t i = 0; i < N; i++) x[i] = sample(i); // sixteenths: sums are exact
  TRY(gpu_upload(c->device, c->x, x, sizeof x, &c->e));
  TRY(dispatch(c, "check_sum", &(uint32_t){THREADS}, 1, N, GROUPS));
  TRY(run(c));
  TRY(gpu_download(c->device, c->y, y, sizeof y, &c->e));
  for (uint32_t g = 0; g < GROUPS; g++) {
    float want = 0;
    for (uint32_t i = g * THREADS; i < N && i < (g + 1) * THREADS; i++) want += x[i];
    if (y[g] != want) return wrong(c, g, y[g], want);
  }
  return true;
}

// The values of normal 16-bit numbers, by their definition.
static double half_value(uint32_t bits, uint32_t type) {
  uint32_t mantissa_bits = type ? 7 : 10, exponent_bits = 15 - mantissa_bits;
  int bias = (1 << (exponent_bits - 1)) - 1;
  int exponent = (int)(bits >> mantissa_bits & ((1u << exponent_bits) - 1));
  double mantissa = 1 + (double)(bits & ((1u << mantissa_bits) - 1)) / (1 << mantissa_bits);
  return (bits >> 15 ? -1 : 1) * ldexp(mantissa, exponent - bias);
}

static bool check_half(check *c, uint32_t type) {
  enum { WORDS = N / 2 };
  static uint32_t x[WORDS];
  static float y[2 * WORDS];
  uint32_t exponent = type ? 0x3f80 : 0x3c00; // of 1; the sign and every mantissa vary, exponents of 2^-4 to 2^3 too
  for (uint32_t i = 0; i < WORDS; i++) {
    uint32_t step = type ? 1u << 7 : 1u << 10, low = exponent + i * 29 % (3 * step), high = exponent - i * 31 % (4 * step);
    x[i] = (low | (i & 1) << 15) | (high | (i & 2) << 14) << 16;
  }
  TRY(gpu_upload(c->device, c->x, x, sizeof x, &c->e));
  TRY(dispatch(c, "check_half", (uint32_t[]){THREADS, type}, 2, WORDS, (WORDS + THREADS - 1) / THREADS));
  TRY(run(c));
  TRY(gpu_download(c->device, c->y, y, sizeof y, &c->e));
  for (uint32_t i = 0; i < 2 * WORDS; i++) {
    double want = half_value(i % 2 ? x[i / 2] >> 16 : x[i / 2] & 0xffff, type);
    if (y[i] != want) return wrong(c, i, y[i], want);
  }
  return true;
}

static bool check_f16(check *c) {
  return check_half(c, 0);
}

static bool check_bf16(check *c) {
  return check_half(c, 1);
}

// Each invocation reports its subgroup and its place in it, so that the host can add up the same subgroups.
static bool check_subgroup(check *c) {
  static float x[N], y[4 * THREADS];
  if (!c->device->plan.on[GPU_FEATURE_SUBGROUP]) {
    c->row->skipped = true;
    return ERR(&c->e, "%s", c->device->plan.why_off[GPU_FEATURE_SUBGROUP]);
  }
  for (uint32_t i = 0; i < N; i++) x[i] = sample(i);
  TRY(gpu_upload(c->device, c->x, x, sizeof x, &c->e));
  TRY(dispatch(c, "check_subgroup", &(uint32_t){THREADS}, 1, THREADS, 1));
  TRY(run(c));
  TRY(gpu_download(c->device, c->y, y, sizeof y, &c->e));
  for (uint32_t i = 0; i < THREADS; i++) {
    float sum = 0, partner = NAN;
    for (uint32_t j = 0; j < THREADS; j++) {
      if (y[4 * j + 2] != y[4 * i + 2]) continue;
      sum += x[j];
      if ((uint32_t)y[4 * j + 3] == ((uint32_t)y[4 * i + 3] ^ 1)) partner = x[j];
    }
    if (y[4 * i] != sum) return wrong(c, 4 * i, y[4 * i], sum);
    if (!(y[4 * i + 1] == partner)) return wrong(c, 4 * i + 1, y[4 * i + 1], partner);
  }
  return true;
}

// As in a graph's recording (graph/indirect.h): live counts in x, the dispatches' table in z, and in y what each workgroup
// says of how many there are.
static bool check_indirect(check *c) {
  enum { DISPATCHES = 4, EACH = N / DISPATCHES };
  static const uint32_t live[DISPATCHES] = {0, 1, 37, UINT32_MAX}, answers[DISPATCHES][2] = {{0, 5}, {3, 4}, {7, 11}, {12, 2}};
  static const struct live_groups table[DISPATCHES] = {
      {.groups = {64, 5, 1}, .along = 0, .live = 0, .first = 0, .rows = 64, .per_row = 1, .per_group = 1},
      {.groups = {300, 4, 1}, .along = 0, .live = 1, .first = 0, .rows = 100, .per_row = 3, .per_group = 1},
      {.groups = {7, 34, 1}, .along = 1, .live = 2, .first = 5, .rows = 100, .per_row = 1, .per_group = 3},
      {.groups = {12, 2, 1}, .along = 0, .live = 3, .first = 8, .rows = 23, .per_row = 1, .per_group = 2}};
  static uint32_t y[N];
  if (!c->device->plan.on[GPU_FEATURE_INDIRECT]) {
    c->row->skipped = true;
    return ERR(&c->e, "%s", c->device->plan.why_off[GPU_FEATURE_INDIRECT]);
  }
  gpu_kernel *fill = kernel_get(c->device, "group_counts_fill", NULL, 0, &c->e);
  gpu_kernel *say = fill ? kernel_get(c->device, "check_indirect", NULL, 0, &c->e) : NULL;
  if (!say) return false;
  TRY(gpu_upload(c->device, c->x, live, sizeof live, &c->e));
  recording_fill(c->recording, c->y, 0);
  recording_write(c->recording, gpu_sub(c->z, 0, sizeof table), table);
  recording_barrier(c->recording);
  const struct group_counts_params p = {.n = DISPATCHES};
  const gpu_slice slices[] = {c->x, c->z};
  TRY(recording_dispatch(c->recording, fill, slices, 2, &p, sizeof p, (uint32_t[]){1, 1, 1}, &c->e));
  recording_barrier_indirect(c->recording);
  for (uint32_t i = 0; i < DISPATCHES; i++) {
    const struct check_params at = {.n = i * EACH};
    const gpu_slice groups = gpu_sub(c->z, i * sizeof *table, sizeof table->groups);
    TRY(recording_dispatch_indirect(c->recording, say, &c->y, 1, &at, sizeof at, groups, &c->e));
  }
  TRY(run(c));
  TRY(gpu_download(c->device, c->y, y, sizeof y, &c->e));
  for (uint32_t i = 0; i < DISPATCHES * EACH; i++) {
    const uint32_t *a = answers[i / EACH], want = i % EACH < a[0] * a[1] ? a[1] * 1000 + a[0] : 0;
    if (y[i] != want) return wrong(c, i, y[i], want);
  }
  return true;
}

static bool check_coopmat(check *c) {
  enum { MOST = 16 }; // rows, columns, depth
  static float x[2 * MOST * MOST], y[MOST * MOST];
  const gpu_plan *plan = &c->device->plan;
  const uint32_t m = plan->coopmat.m, n = plan->coopmat.n, k = plan->coopmat.k;
  const bool on = plan->on[GPU_FEATURE_COOPMAT];
  if (!on || !kernel_exists("check_coopmat")) {
    c->row->skipped = true;
    return ERR(&c->e, "%s", on ? "not built: the shader compiler did not know them" : plan->why_off[GPU_FEATURE_COOPMAT]);
  }
  REQUIRE(m <= MOST && n <= MOST && k <= MOST, "matrices of %u x %u x %u", m, n, k);
  for (uint32_t i = 0; i < (m + n) * k; i++) x[i] = (float)(i * 7 % 23) - 11; // sums are exact
  TRY(gpu_upload(c->device, c->x, x, sizeof x, &c->e));
  TRY(dispatch(c, "check_coopmat", (uint32_t[]){plan->subgroup_size, m, n, k}, 4, m * n, 1));
  TRY(run(c));
  TRY(gpu_download(c->device, c->y, y, sizeof y, &c->e));
  for (uint32_t i = 0; i < m * n; i++) {
    float want = 0;
    for (uint32_t d = 0; d < k; d++) want += x[i / n * k + d] * x[(m + i % n) * k + d];
    if (y[i] != want) return wrong(c, i, y[i], want);
  }
  return true;
}

// --- all of them -----------------------------------------------------------------------------------------------------

enum { CHECK_INDIRECT = DEVICE_CHECKS - 2, CHECK_COOPMAT }; // those of check_before_use

static const struct {
  const char *what;
  bool (*run)(check *c);
} checks[DEVICE_CHECKS] = {
    {"transfers, fills and copies", check_transfer},
    {"one memory seen as words and as vectors", check_copy},
    {"arithmetic, and dispatches in order", check_arith},
    {"shared memory and workgroup barriers", check_sum},
    {"f16 unpacked from words", check_f16},
    {"bf16 unpacked from words", check_bf16},
    {"subgroup sums and shuffles", check_subgroup},
    [CHECK_INDIRECT] = {"workgroups counted by the device", check_indirect},
    [CHECK_COOPMAT] = {"products of cooperative matrices", check_coopmat},
};

static void run_check(gpu_device *d, int i, device_check_row *row) {
  *row = (device_check_row){.what = checks[i].what};
  check c = {.device = d, .row = row, .recording = recording_new(d, checks[i].what)};
  gpu_heap *heap = heap_new(d, "known-answer check", GPU_MEMORY_DEVICE);
  const uint64_t bytes = N * sizeof(float);
  row->ok = heap_alloc(heap, bytes, &c.x, &c.e) && heap_alloc(heap, bytes, &c.y, &c.e) && heap_alloc(heap, bytes, &c.z, &c.e) &&
            checks[i].run(&c);
  if (!row->ok) snprintf(row->found, sizeof row->found, "%.*s", (int)sizeof row->found - 1, c.e.message);
  recording_free(c.recording);
  heap_free(heap);
}

bool device_check(gpu_device *d, device_check_row rows[DEVICE_CHECKS]) {
  bool ok = true;
  for (int i = 0; i < DEVICE_CHECKS; i++) {
    run_check(d, i, &rows[i]);
    ok &= rows[i].ok || rows[i].skipped;
  }
  return ok;
}

static void check_feature(gpu_device *d, gpu_feature f, int which, const char *why) {
  device_check_row row;
  if (!d->plan.on[f]) return;
  run_check(d, which, &row);
  if (row.ok || row.skipped) return;
  d->plan.on[f] = false;
  d->plan.why_off[f] = why;
}

void check_before_use(gpu_device *d) {
  check_feature(d, GPU_FEATURE_INDIRECT, CHECK_INDIRECT, "workgroups with a known answer came out wrong");
  check_feature(d, GPU_FEATURE_COOPMAT, CHECK_COOPMAT, "a product with a known answer came out wrong");
  d->plan.coopmat_first &= d->plan.on[GPU_FEATURE_COOPMAT];
}
