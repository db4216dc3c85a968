// The GPU room's public face: what the rest of vkift needs of a Vulkan device, without Vulkan's types. Only files in
// src/gpu include volk.h.
//
//   snapshot (device → plain struct) → choose (snapshot → plan of features and limits) → device
//   heap: memory in chunks · kernel: pipelines · submit: recordings, slices, waiting
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "gpu/choose.h"
#include "gpu/snapshot.h"

typedef struct gpu_device gpu_device;

// --- device ----------------------------------------------------------------------------------------------------------

// Opens the device that `which` names (NULL or "": the best; else an index of `vkift devices` or part of a name).
// Order: discrete, integrated, virtual, CPU. On failure the message says what was found and what to install.
bool device_open(arena *a, const char *which, gpu_device **device, err *e);
void device_close(gpu_device *d); // NULL is fine; frees every object made from it
// The devices that vkift could open, in the order of `vkift devices`. *n may be 0.
bool device_list(arena *a, gpu_snapshot **list, uint32_t *n, err *e);
// choose() with the environment's VKIFT_DISABLE and VKIFT_DEVICE_PROFILE.
bool device_choose(const gpu_snapshot *s, gpu_plan *plan, err *e);
// Why only a software driver was found, and what would help: one sentence, written to `buffer`.
const char *device_cpu_reason(char buffer[256]);
const gpu_snapshot *device_snapshot(const gpu_device *d);
const gpu_plan *device_plan(const gpu_device *d); // chosen features, paths and limits (after profile and VKIFT_DISABLE)
uint64_t device_bytes(const gpu_device *d);       // device memory allocated through heaps now
// Messages of the validation layers so far (0 where they are off), also after device_close, which may bring some. Tests
// fail, and the CLI exits 1, when it is not 0.
uint32_t device_validation_messages(const gpu_device *d);

// --- memory ----------------------------------------------------------------------------------------------------------

// A piece of a buffer. Owns nothing: it lives as long as its heap.
typedef struct gpu_slice {
  struct gpu_buffer *buffer; // NULL: no memory
  uint64_t offset, bytes;    // offset is a multiple of the plan's storage_align (at most 256)
} gpu_slice;

typedef struct gpu_heap gpu_heap;
typedef enum gpu_memory {
  GPU_MEMORY_DEVICE,  // fast for kernels; the host reaches it by gpu_upload, gpu_download and copies
  GPU_MEMORY_STAGING, // host-visible and coherent, for copies: gpu_map gives its address
} gpu_memory;

// Allocates chunks of at most the plan's max_chunk_bytes; one slice never spans chunks. A new heap has no memory.
gpu_heap *heap_new(gpu_device *d, const char *name, gpu_memory kind);
// Zero-filled when `kind` is DEVICE. Fails with what was asked for, what is left and what would help.
bool heap_alloc(gpu_heap *h, uint64_t bytes, gpu_slice *slice, err *e);
// A DEVICE slice that holds anything: for what is written before it is read. Zeroing gigabytes takes a CPU device seconds.
bool heap_alloc_unfilled(gpu_heap *h, uint64_t bytes, gpu_slice *slice, err *e);
uint64_t heap_bytes(const gpu_heap *h); // allocated from the driver; of a counting heap: what would be
uint64_t heap_used(const gpu_heap *h);  // handed out so far, with what rounds each slice up
void heap_free(gpu_heap *h);            // with all its slices; the device must be idle

uint64_t heap_most_bytes(const gpu_heap *h);     // of one slice
gpu_slice *heap_slices(gpu_heap *h, uint32_t n); // an array that lives as long as the heap

// A heap on no device: heap_alloc hands out slices that only count. What a run allocates is first asked of such a heap;
// after heap_expect (before the first allocation) the same requests in the same order, made of a real one, get chunks of
// exactly the sizes that were counted, so that plan and allocation differ by nothing.
gpu_heap *heap_new_counting(const gpu_plan *limits, const char *name);
void heap_expect(gpu_heap *h, const gpu_heap *counted);

void *gpu_map(gpu_slice staging);                                // the host address of a STAGING slice
gpu_slice gpu_sub(gpu_slice s, uint64_t offset, uint64_t bytes); // a part of a slice; must lie within it

// Blocking transfers, through a staging buffer of a few MiB.
bool gpu_upload(gpu_device *d, gpu_slice to, const void *data, uint64_t bytes, err *e);
bool gpu_download(gpu_device *d, gpu_slice from, void *data, uint64_t bytes, err *e);

// --- kernels ---------------------------------------------------------------------------------------------------------

// A compute pipeline: a shader of shaders/ (by file name without ".comp") with its specialization constants. Its
// bindings, their direction and the push-constant size are reflected from the SPIR-V. Made once, kept until the device
// closes; a pipeline cache on disk (keyed by device, driver and shaders) makes later starts quick.
//
// A shader X_addr (cmake/shaders.cmake) is X reading and writing by buffer addresses, which cost no test of bounds: after
// its parameters the push constants hold one address a binding. Its bindings are its twin's, so barriers follow from what
// the twin declares. The validation layers see no race through addresses; they see the twin's, which tests run too (those
// of attention_lanes, which take long to compile, for small heads: ops_attention_bound). It needs the feature buffer_address.
// Every address is at a multiple of GPU_ADDRESS_ALIGN.
typedef struct gpu_kernel gpu_kernel;

enum { GPU_ADDRESS_ALIGN = 16, GPU_MAX_BINDINGS = 8, GPU_MAX_SPEC = 12, GPU_MAX_PUSH = 128 };

// `spec[i]` is the value of constant_id i. A kernel's workgroup size comes from `layout(local_size_x_id = …)` or is fixed.
// It waits until the kernel is made.
gpu_kernel *kernel_get(gpu_device *d, const char *shader, const uint32_t *spec, uint32_t n_spec, err *e);
// Asks for a kernel that kernel_get will want: its pipeline is made meanwhile, with others, on all cores. What does not
// suit the device is an error now, what the compiler says one of kernel_get.
bool kernel_request(gpu_device *d, const char *shader, const uint32_t *spec, uint32_t n_spec, err *e);
// Whether the shader was built: *_coopmat is not where the shader compiler was too old (cmake/shaders.cmake).
bool kernel_exists(const char *shader);

// Called where kernel_get has waited for a second in all, and n_kernels are still to be made.
typedef void kernel_compiling(void *user, uint32_t n_kernels);
void kernel_on_compiling(gpu_device *d, kernel_compiling *call, void *user);

typedef struct kernel_binding {
  bool used, reads, writes; // from NonReadable / NonWritable: shaders always say readonly or writeonly where it is so
} kernel_binding;
typedef struct kernel_info {
  const char *shader;
  uint32_t n_bindings, push_bytes;
  uint32_t local_size[3]; // as specialized
  bool takes_addresses;
  kernel_binding bindings[GPU_MAX_BINDINGS];
} kernel_info;
const kernel_info *kernel_get_info(const gpu_kernel *k);
void kernel_describe(const gpu_kernel *k, text *out); // appends the shader's name and its constants: "matmul_tile 256,4,4"

// --- choices among kernels (choices.c) ---------------------------------------------------------------------------------

// For a problem ("nt bf16 512x576x576") the variant that was measured to be the fastest ("matmul_rows_nt_addr 8 32x3"). The
// device holds them; a file beside the pipeline cache remembers them.
const char *choices_find(const gpu_device *d, const char *problem); // NULL: none, take the default
void choices_set(gpu_device *d, const char *problem, const char *variant);
bool choices_set_text(gpu_device *d, const char *line); // "problem = variant"; false for anything else
void choices_clear(gpu_device *d);
void choices_load(gpu_device *d);       // adds what the file has; nothing without one
void choices_save(const gpu_device *d); // failing to is no error
// Called before products are measured, with their number.
typedef void choices_measuring(void *user, uint32_t n_products);
void choices_on_measuring(gpu_device *d, choices_measuring *call, void *user);
void choices_begin_measuring(const gpu_device *d, uint32_t n_products);

// --- recordings ------------------------------------------------------------------------------------------------------

// A list of commands that is recorded once and submitted many times. It is kept as many small command buffers: the
// first run submits them one by one and times them, later runs group them by time into slices (16 ms where the device
// drives a display, 100 ms elsewhere), measure those, and make them shorter where the device slows down. Barriers are the caller's business (graph/record.c); a recording itself starts
// with a full one.
typedef struct gpu_recording gpu_recording;

gpu_recording *recording_new(gpu_device *d, const char *name);
void recording_free(gpu_recording *r); // NULL is fine; must not be running

// Binding i of the kernel gets slices[i] (offset aligned, at most the plan's max_binding_bytes: both are REQUIREd).
// `groups` are workgroup counts; each is REQUIREd to be at most 65,535 and a dispatch with a zero is left out.
bool recording_dispatch(gpu_recording *r, gpu_kernel *k, const gpu_slice *slices, uint32_t n_slices, const void *push,
                        uint32_t push_bytes, const uint32_t groups[3], err *e);
// The same with the counts that the device finds in `groups`, three words, when it gets there: none where one is zero. They
// must be visible there (recording_barrier_indirect), and the feature `indirect` on.
bool recording_dispatch_indirect(gpu_recording *r, gpu_kernel *k, const gpu_slice *slices, uint32_t n_slices, const void *push,
                                 uint32_t push_bytes, gpu_slice groups, err *e);
void recording_copy(gpu_recording *r, gpu_slice from, gpu_slice to, uint64_t bytes); // transfer
void recording_fill(gpu_recording *r, gpu_slice to, uint32_t word);                  // transfer; bytes a multiple of 4
// The same with words of the host, which the recording keeps: `to` has at most GPU_MAX_WRITE bytes.
enum { GPU_MAX_WRITE = 65536 };
void recording_write(gpu_recording *r, gpu_slice to, const void *data);
// Everything before (compute and transfer writes) is visible to everything after (compute and transfer accesses).
void recording_barrier(gpu_recording *r);
void recording_barrier_indirect(gpu_recording *r); // and to the counts of indirect dispatches
// A place where a long recording may be cut into another command buffer.
void recording_cut(gpu_recording *r);
bool recording_end(gpu_recording *r, err *e);

// The kernels that it dispatches, each once, in the order of their first dispatch.
gpu_kernel *const *recording_kernels(const gpu_recording *r, uint32_t *n);

// Before the first command: each is to be timed by the device itself. Without timestamps there (device_has_timestamps)
// nothing changes. The commands cost more then, and nothing where this is not called.
void recording_time(gpu_recording *r);
// What the commands from here on belong to. Kept by pointer; for timed recordings only.
typedef struct recording_label {
  const char *op, *tensor; // the node's operation, and the tensor that tells it from its like
  uint32_t node, segment;  // numbers in the graph
} recording_label;
void recording_set_label(gpu_recording *r, const recording_label *label);

// Submits the recordings in order and waits for them, with a finite time-out. A lost device, a time-out or a slice that
// did not finish is an error that says so.
bool gpu_run(gpu_device *d, gpu_recording *const *recordings, uint32_t n, err *e);
// Seconds for which the host has waited for what it submitted. The rest of a step is host work, which the device waits for.
double gpu_busy_seconds(const gpu_device *d);

// --- the time that it takes (trace.c, measure.c) -----------------------------------------------------------------------

bool device_has_timestamps(const gpu_device *d);

// Spans of time, in seconds of clock_seconds(). Those of commands are the device's: its clock is shifted, by one amount for
// the whole trace, so that no command ends after the host has seen its slice end.
typedef enum trace_kind { TRACE_SUBMIT, TRACE_WAIT, TRACE_COMMAND } trace_kind;
typedef struct trace_span {
  trace_kind kind;
  uint64_t slice; // of one submission: its submit, wait and commands
  double begin, end;
  const char *recording,
      *command;          // TRACE_COMMAND: the shader's name, "copy", "fill" or "write". They live as long as the recording
  recording_label label; // … of timed recordings; op NULL where nothing was said
} trace_span;
typedef struct gpu_trace {
  arena *memory;
  trace_span *spans;
  uint64_t n, capacity, n_slices;
  uint64_t base; // the device's clock at the first timestamp
  bool has_base;
} gpu_trace;

// From now on gpu_run adds to `t`, zeroed but for `memory`; commands only of timed recordings. NULL: no more.
void device_trace(gpu_device *d, gpu_trace *t);
// After device_trace(d, NULL): brings the device's times to the host's clock.
void trace_finish(gpu_trace *t);

typedef struct measured {
  double seconds;     // median of a run: by the device's timestamps where all recordings are timed, else by the host's clock
  double cpu_seconds; // median of the process's own time: what a software driver takes, however busy the machine is
  uint32_t runs;
} measured;

double measure_median(double *values, uint32_t n);                                                   // sorts them
bool measure_once(gpu_device *d, gpu_recording *const *recordings, uint32_t n, measured *m, err *e); // a single run
// Runs the recordings twice for nothing (drivers finish compiling, slices find their size), then at least three times and
// until `seconds` have passed.
bool measure_run(gpu_device *d, gpu_recording *const *recordings, uint32_t n, double seconds, measured *m, err *e);
// The same of gpu_upload, or with `down` of gpu_download, by the host's clock.
bool measure_transfer(gpu_device *d, gpu_slice slice, void *host, uint64_t bytes, bool down, double seconds, measured *m, err *e);

// --- for people (report.c, check.c) ----------------------------------------------------------------------------------

// What a device offers, which limits and features vkift uses, and why a feature is off: lines of text, or a JSON object.
void device_report(const gpu_snapshot *s, const gpu_plan *plan, bool json, text *out);

// Small kernels with known answers, run on the device.
enum { DEVICE_CHECKS = 9 };
typedef struct device_check_row {
  const char *what;
  bool skipped, ok;
  char found[200]; // why it was skipped, or what was wrong
} device_check_row;
bool device_check(gpu_device *d, device_check_row rows[DEVICE_CHECKS]); // true: no row failed

// --- what compilers make of kernels (statistics.c) -------------------------------------------------------------------

// Opens a device that keeps what the driver's compiler reports of each kernel. Drivers compile without a card too.
bool device_open_for_reports(arena *a, const char *which, gpu_device **device, err *e);

typedef struct kernel_statistic {
  char name[64]; // the driver's own
  double value;
} kernel_statistic;
typedef struct kernel_report {
  const kernel_info *info;
  uint32_t n_spec, spec[GPU_MAX_SPEC];
  err failure; // failed: the driver could not compile it
  uint32_t subgroup_size, n;
  kernel_statistic *items; // [n]
  const char *code;        // as the driver shows it: intermediate and machine code
} kernel_report;
// Of the kernels that were asked for since the last call, in the order of their names and constants.
bool kernel_reports(arena *a, gpu_device *d, kernel_report **list, uint64_t *n, err *e);

#endif
