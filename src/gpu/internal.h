// What the files of this room share. Vulkan's types stay behind this door.
#ifndef GPU_INTERNAL_H
#define GPU_INTERNAL_H

#include <stdatomic.h>
#include <volk.h>

#include "gpu/gpu.h"

// --- errors (instance.c) ---------------------------------------------------------------------------------------------

// Runs a Vulkan call; anything but VK_SUCCESS becomes an error with the call's text and place. For use as TRY(VK(…)).
#define VK(call) instance_check((call), #call, __FILE__, __LINE__, e)
bool instance_check(VkResult result, const char *call, const char *file, int line, err *e);

// --- instance and the devices that it shows (instance.c) -------------------------------------------------------------

typedef struct gpu_instance {
  VkInstance handle;
  VkDebugUtilsMessengerEXT messenger; // VK_NULL_HANDLE without validation
  atomic_uint messages;               // of validation, warnings and errors
  uint32_t n_devices, n_unusable;     // n_unusable: left out because they are below Vulkan 1.1 or cannot compute
  VkPhysicalDevice *devices;          // in the order of `vkift devices`
  gpu_snapshot *snapshots;            // of the same devices
} gpu_instance;

bool instance_open(arena *a, gpu_instance *instance, err *e);
void instance_close(gpu_instance *instance); // a zeroed one is fine

// --- validation (validation.c) ---------------------------------------------------------------------------------------

// What creating the instance needs for it. Points into itself: must stay where it is until the instance exists.
typedef struct validation_setting {
  const char *layers[1], *extensions[2];
  uint32_t n_layers, n_extensions;
  const void *chain; // for VkInstanceCreateInfo.pNext
  bool listens;
  VkValidationFeatureEnableEXT sync;
  VkValidationFeaturesEXT features;
  VkDebugUtilsMessengerCreateInfoEXT messenger;
} validation_setting;

bool validation_setup(arena *a, gpu_instance *instance, validation_setting *v, err *e);
bool validation_listen(gpu_instance *instance, validation_setting *v, err *e);
void validation_stop(gpu_instance *instance);

// --- snapshot (snapshot.c) -------------------------------------------------------------------------------------------

// False for a device that vkift cannot use at all: below Vulkan 1.1, or without compute.
bool snapshot_take(VkPhysicalDevice device, gpu_snapshot *s);
bool snapshot_has_extension(const VkExtensionProperties *list, uint32_t n, const char *name);
// Budget and size of the largest device-local heap now; budget 0 where the driver does not tell.
uint64_t snapshot_budget(VkPhysicalDevice device, bool has_budget, uint64_t *heap_bytes);

// --- quirks (quirks.c) -----------------------------------------------------------------------------------------------

// Why a feature must stay off with this driver, or NULL.
const char *quirk_reason(const gpu_snapshot *s, gpu_feature f);

// --- reflection (reflect.c) ------------------------------------------------------------------------------------------

typedef struct reflection {
  uint32_t n_bindings, push_bytes, shared_bytes;
  uint32_t local_size[3];
  bool coopmat; // multiplies cooperative matrices
  kernel_binding bindings[GPU_MAX_BINDINGS];
} reflection;

// Reads a compute shader's interface, with the specialization constants given.
bool reflect(const uint32_t *words, size_t bytes, const uint32_t *spec, uint32_t n_spec, reflection *r, err *e);

// --- device ----------------------------------------------------------------------------------------------------------

typedef struct gpu_buffer { // one chunk of a heap
  struct gpu_buffer *next;
  VkBuffer handle;
  VkDeviceMemory memory;
  VkDeviceAddress address; // 0 without the feature buffer_address
  uint64_t bytes, used;
  uint8_t *mapped; // STAGING only
  bool is_filled;  // it was zeroed as a whole
} gpu_buffer;

struct gpu_heap {
  arena *memory;
  gpu_device *device; // NULL: it only counts
  const char *name;
  gpu_memory kind;
  gpu_buffer *chunks; // the newest first
  uint64_t bytes, max_chunk_bytes;
  uint64_t *expected, n_expected; // sizes of chunks, in the order in which they are made
  gpu_heap *next, *previous;      // in device->heaps
};

typedef enum kernel_state { KERNEL_IDLE, KERNEL_QUEUED, KERNEL_MAKING, KERNEL_MADE, KERNEL_FAILED } kernel_state;

struct gpu_kernel {
  kernel_info info;
  uint32_t addresses_at; // takes_addresses: where they begin in the push constants
  bool full_subgroups;   // and of the plan's size
  uint64_t key;
  const struct shader_code *code;
  VkDescriptorSetLayout set_layout;
  VkPipelineLayout layout;
  VkPipeline pipeline; // once it is made
  uint32_t n_spec, spec[GPU_MAX_SPEC];
  bool reported; // by kernel_reports
  // the pool's, under its lock
  kernel_state state;
  err failure;
  struct gpu_kernel *next; // in the queue
};

// One submission in flight at a time: a fence, and a word that the last command of each slice sets.
typedef struct gpu_queue {
  VkQueue handle;
  bool ready; // the rest was made
  VkFence fence;
  VkCommandPool pool;
  VkCommandBuffer tail, transfer; // tail: waits for all before it and sets the word; transfer: rerecorded at will
  gpu_heap *heap;                 // STAGING, of these two
  gpu_slice status, staging;
  VkCommandBuffer *batch;        // [batch_capacity] of the slice being put together
  struct recording_part **parts; // [batch_capacity] the same slice's parts
  uint64_t batch_capacity, slice_number;
} gpu_queue;

typedef struct kernel_choice {
  const char *problem, *variant;
} kernel_choice;

struct gpu_device {
  arena *memory;
  gpu_instance instance;
  gpu_snapshot snapshot;
  gpu_plan plan;
  VkPhysicalDevice physical;
  VkDevice handle;
  VkPhysicalDeviceMemoryProperties memory_types;
  gpu_queue queue;
  gpu_heap *heaps;
  uint64_t heap_bytes; // of DEVICE heaps
  gpu_recording *recordings;
  gpu_kernel **kernels; // open addressing, n_kernels of kernel_capacity (a power of two)
  uint64_t n_kernels, kernel_capacity;
  struct kernel_pool *pool; // from the first kernel on
  kernel_compiling *on_compiling;
  void *on_compiling_user;
  VkPipelineCache pipeline_cache;
  uint64_t cache_bytes, cache_kernels; // of the pipeline cache as the file has it: bytes, and kernels that it was kept with
  gpu_trace *trace;                    // NULL: nobody asks
  double busy_seconds;                 // from the end of each submission to that of what it submitted
  bool reports;                        // keeps what compilers report (statistics.c)
  kernel_choice *choices;              // choices.c
  uint64_t n_choices, choice_capacity;
  choices_measuring *on_measuring;
  void *on_measuring_user;
  bool lost, hung; // lost: nothing more can be submitted; hung: it may still be using its objects
};

// --- kernels (kernel.c) ----------------------------------------------------------------------------------------------

void kernel_free_all(gpu_device *d);
// Makes the pipeline of a kernel that has all else. Several threads may, of different kernels.
bool kernel_compile(gpu_device *d, gpu_kernel *k, err *e);

// --- threads that make them (kernel_pool.c) --------------------------------------------------------------------------

typedef struct kernel_pool kernel_pool;

void kernel_pool_add(gpu_device *d, gpu_kernel *k);          // what was added already stays as it is
bool kernel_pool_wait(gpu_device *d, gpu_kernel *k, err *e); // k was added
bool kernel_pool_is_idle(const gpu_device *d);               // nothing is queued or being made
void kernel_pool_stop(gpu_device *d);                        // waits for what is being made; the rest stays unmade

// --- the pipeline cache on disk (cache.c) ----------------------------------------------------------------------------

// Where it is kept: VKIFT_CACHE_DIR, $XDG_CACHE_HOME/vkift or ~/.cache/vkift; NULL without any of them.
char *cache_path(arena *a, const gpu_snapshot *s);
bool cache_open(gpu_device *d, err *e); // no file, or a bad one, is an empty cache
// Writes it if kernels were made since, and it grew; failing to is no error.
void cache_keep(gpu_device *d);
void cache_close(gpu_device *d); // keeps it too

// --- command buffers (recording.c) -----------------------------------------------------------------------------------

typedef struct timed_command {
  const char *command;
  recording_label label;
} timed_command;

typedef struct recording_part { // one command buffer
  VkCommandBuffer buffer;
  const char *recording;   // its name
  VkQueryPool stamps;      // timed: [n_timed + 1] timestamps, before the first command and after each
  timed_command *commands; // [n_timed]
  uint32_t n_timed;
  double seconds; // measured; below 0: not yet
  uint64_t slice; // the last slice it was put in
} recording_part;

struct gpu_recording {
  arena *memory;
  gpu_device *device;
  const char *name;
  VkCommandPool pool;
  recording_part *parts;
  uint64_t n_parts, part_capacity;
  uint32_t n_commands, n_sets; // in the open part; in the newest descriptor pool
  bool open, ended, timed;
  recording_label label; // timed: of the next commands
  err failure;           // the first failure of a call that cannot report one; recording_end does
  VkDescriptorPool *pools;
  uint64_t n_pools, pool_capacity;
  VkPipeline bound;
  gpu_kernel **kernels; // [n_kernels] each once
  uint64_t n_kernels, kernel_capacity;
  gpu_recording *next, *previous; // in device->recordings
};

// Everything before (compute and transfer) is visible to everything after.
typedef enum barrier_reach {
  BARRIER_KERNELS,
  BARRIER_HOST,     // and to the host
  BARRIER_INDIRECT, // and to indirect dispatches, which have read what they read before
} barrier_reach;
void recording_full_barrier(VkCommandBuffer buffer, barrier_reach reach);

// --- timestamps (trace.c) --------------------------------------------------------------------------------------------

bool stamps_open(gpu_recording *r, recording_part *p, err *e);          // at the start of a part
bool stamps_full(const recording_part *p);                              // no room for another command
void stamps_add(gpu_recording *r, recording_part *p, const char *what); // after a command
void stamps_free(gpu_device *d, recording_part *p);

// Of a slice that has ended: the host's times, then its parts' commands.
void trace_add_host(gpu_device *d, double begin, double submitted, double end);
bool trace_add_part(gpu_device *d, const recording_part *p, err *e);

// --- slices (slices.c) -----------------------------------------------------------------------------------------------

typedef struct run_slice { // what is submitted together
  uint64_t number;
  recording_part **parts; // [n], room for all of a run
  uint32_t n;
  double expected; // seconds, as its parts were measured last
  double pace;     // how much longer than that this run seems to take
} run_slice;

void slice_begin_run(run_slice *s, uint64_t number);
bool slice_takes(const run_slice *s, const recording_part *p, double limit); // false: run what is in it first
void slice_add(run_slice *s, recording_part *p);
void slice_ran(run_slice *s, double seconds, double limit, uint64_t next); // parts [0, n) stay where they are

// --- known answers (check.c) -----------------------------------------------------------------------------------------

// Switches off what the device offers and gets wrong, where being wrong has been seen in the field (cooperative matrices) or
// where drivers build it out of other things (indirect dispatches).
void check_before_use(gpu_device *d);

// --- submission (submit.c) -------------------------------------------------------------------------------------------

// What submitting needs is made at the first submission: drivers that only compile (RADV's null hardware) lack all of it.
bool submit_ready(gpu_device *d, err *e);
void submit_close(gpu_device *d);
// Runs command buffers and waits. `expected` seconds lengthen the time-out.
bool submit_wait(gpu_device *d, const VkCommandBuffer *buffers, uint32_t n, double expected, err *e);
// A command buffer for a blocking transfer: begun with a full barrier; submit_transfer ends, runs and waits for it.
bool submit_begin_transfer(gpu_device *d, err *e);
bool submit_transfer(gpu_device *d, err *e);

#endif
