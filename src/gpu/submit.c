// Submission: runs recordings in slices short enough for watchdogs and screens, and checks that each slice finished.
//
// The last command of a slice sets a status word that the host cleared before: some drivers reset a hanging device and
// then signal the fence as if all were well (https://github.com/ggml-org/llama.cpp/pull/26813), and only a missing word
// tells.
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "gpu/internal.h"

enum { STAGING_BYTES = 4 << 20, SLICE_DONE = 0x646f6e65 };

static const double NANOSECONDS = 1e9;
static const double TIMEOUT_SECONDS = 60, TIMEOUT_SECONDS_CPU = 600; // a software driver may share its cores

// --- the device's own command buffers --------------------------------------------------------------------------------

static bool record_tail(gpu_device *d, err *e) {
  gpu_queue *q = &d->queue;
  VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  TRY(VK(vkBeginCommandBuffer(q->tail, &begin)));
  recording_full_barrier(q->tail, BARRIER_HOST); // the fill after all before it; what that wrote to staging, for the host
  vkCmdFillBuffer(q->tail, q->status.buffer->handle, q->status.offset, 4, SLICE_DONE);
  VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                             .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                             .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
  vkCmdPipelineBarrier(q->tail, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
  return VK(vkEndCommandBuffer(q->tail));
}

static bool make_ready(gpu_device *d, err *e) {
  gpu_queue *q = &d->queue;
  VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  TRY(VK(vkCreateFence(d->handle, &fence, NULL, &q->fence)));
  VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                  .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                  .queueFamilyIndex = d->snapshot.compute_family};
  TRY(VK(vkCreateCommandPool(d->handle, &pool, NULL, &q->pool)));
  VkCommandBuffer buffers[2];
  VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                          .commandPool = q->pool,
                                          .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                          .commandBufferCount = 2};
  TRY(VK(vkAllocateCommandBuffers(d->handle, &allocate, buffers)));
  q->tail = buffers[0];
  q->transfer = buffers[1];
  q->heap = heap_new(d, "transfers", GPU_MEMORY_STAGING);
  uint64_t staging = d->plan.max_chunk_bytes / 2 < STAGING_BYTES ? d->plan.max_chunk_bytes / 2 : STAGING_BYTES;
  TRY(heap_alloc(q->heap, staging, &q->staging, e));
  TRY(heap_alloc(q->heap, 4, &q->status, e));
  return record_tail(d, e);
}

bool submit_ready(gpu_device *d, err *e) {
  if (d->queue.ready) return true;
  d->queue.ready = make_ready(d, e);
  if (!d->queue.ready) submit_close(d);
  return d->queue.ready;
}

void submit_close(gpu_device *d) {
  gpu_queue *q = &d->queue;
  heap_free(q->heap);
  vkDestroyCommandPool(d->handle, q->pool, NULL);
  vkDestroyFence(d->handle, q->fence, NULL);
  *q = (gpu_queue){.handle = q->handle};
}

// --- one slice -------------------------------------------------------------------------------------------------------

static bool lose(gpu_device *d, err *e, const char *what) {
  d->lost = true;
  return ERR(e,
             "%s: %s. The driver or the system's watchdog may have reset it: see the kernel's log (dmesg), then start "
             "vkift again; a resumed run goes on from its last checkpoint",
             d->snapshot.name, what);
}

static bool wait(gpu_device *d, double seconds, err *e) {
  VkResult result = vkWaitForFences(d->handle, 1, &d->queue.fence, true, (uint64_t)(seconds * NANOSECONDS));
  if (result == VK_TIMEOUT) {
    d->hung = true;
    char what[96];
    snprintf(what, sizeof what, "the device did not finish a submission within %.0f seconds", seconds);
    return lose(d, e, what);
  }
  if (result == VK_ERROR_DEVICE_LOST) return lose(d, e, "the device was lost (VK_ERROR_DEVICE_LOST)");
  d->hung = d->lost = result != VK_SUCCESS; // nothing is known of what was submitted
  return instance_check(result, "vkWaitForFences", __FILE__, __LINE__, e);
}

bool submit_wait(gpu_device *d, const VkCommandBuffer *buffers, uint32_t n, double expected, err *e) {
  if (d->lost) return ERR(e, "%s was lost earlier", d->snapshot.name);
  volatile uint32_t *status = gpu_map(d->queue.status);
  *status = 0;
  VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = n, .pCommandBuffers = buffers};
  const double begin = clock_seconds();
  VkResult result = vkQueueSubmit(d->queue.handle, 1, &info, d->queue.fence);
  const double submitted = clock_seconds();
  if (result == VK_ERROR_DEVICE_LOST) return lose(d, e, "the device was lost (VK_ERROR_DEVICE_LOST)");
  TRY(instance_check(result, "vkQueueSubmit", __FILE__, __LINE__, e));
  TRY(wait(d, expected + (d->plan.is_cpu ? TIMEOUT_SECONDS_CPU : TIMEOUT_SECONDS), e));
  const double ended = clock_seconds();
  d->busy_seconds += ended - submitted;
  if (d->trace) trace_add_host(d, begin, submitted, ended);
  TRY(VK(vkResetFences(d->handle, 1, &d->queue.fence)));
  if (*status == SLICE_DONE) return true;
  return lose(d, e, "the device was lost: it reports success, but the last command of a slice did not run");
}

bool submit_begin_transfer(gpu_device *d, err *e) {
  TRY(submit_ready(d, e));
  VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                    .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
  TRY(VK(vkBeginCommandBuffer(d->queue.transfer, &begin))); // resets it
  recording_full_barrier(d->queue.transfer, BARRIER_KERNELS);
  return true;
}

bool submit_transfer(gpu_device *d, err *e) {
  TRY(VK(vkEndCommandBuffer(d->queue.transfer)));
  VkCommandBuffer buffers[2] = {d->queue.transfer, d->queue.tail};
  return submit_wait(d, buffers, 2, 0, e);
}

// --- recordings in slices --------------------------------------------------------------------------------------------

typedef struct run { // what the functions below hand on
  gpu_device *device;
  run_slice slice;
  const char *first, *last; // names of the recordings that the slice begins and ends in
} run;

static bool flush(run *r, err *e) {
  gpu_device *d = r->device;
  gpu_queue *q = &d->queue;
  run_slice *s = &r->slice;
  const uint32_t n = s->n;
  if (!n) return true;
  for (uint32_t i = 0; i < n; i++) q->batch[i] = s->parts[i]->buffer;
  q->batch[n] = q->tail;
  const double start = clock_seconds();
  if (!submit_wait(d, q->batch, n + 1, s->pace * s->expected, e)) {
    if (r->first == r->last) return err_prefix(e, "recording %s", r->last);
    return err_prefix(e, "recordings %s to %s", r->first, r->last);
  }
  slice_ran(s, clock_seconds() - start, d->plan.slice_seconds, ++q->slice_number);
  for (uint32_t i = 0; d->trace && i < n; i++) TRY(trace_add_part(d, s->parts[i], e));
  return true;
}

static bool add(run *r, const gpu_recording *recording, recording_part *p, err *e) {
  if (!slice_takes(&r->slice, p, r->device->plan.slice_seconds)) TRY(flush(r, e));
  if (!r->slice.n) r->first = recording->name;
  r->last = recording->name;
  slice_add(&r->slice, p);
  return true;
}

double gpu_busy_seconds(const gpu_device *d) {
  return d->busy_seconds;
}

bool gpu_run(gpu_device *d, gpu_recording *const *recordings, uint32_t n, err *e) {
  gpu_queue *q = &d->queue;
  TRY(submit_ready(d, e));
  uint64_t parts = 0;
  for (uint32_t i = 0; i < n; i++) {
    REQUIRE(recordings[i]->ended && !recordings[i]->failure.failed, "recording %s was not ended", recordings[i]->name);
    parts += recordings[i]->n_parts;
  }
  if (q->batch_capacity < parts + 1) {
    void *batch = q->batch, *list = q->parts;
    uint64_t capacity = q->batch_capacity;
    arena_grow(d->memory, &batch, &capacity, parts + 1, sizeof *q->batch);
    arena_grow(d->memory, &list, &q->batch_capacity, parts + 1, sizeof *q->parts);
    q->batch = batch;
    q->parts = list;
  }
  if (kernel_pool_is_idle(d)) cache_keep(d); // who is killed from here on need not compile again
  run r = {.device = d, .slice.parts = q->parts};
  slice_begin_run(&r.slice, ++q->slice_number);
  for (uint32_t i = 0; i < n; i++)
    for (uint64_t j = 0; j < recordings[i]->n_parts; j++) TRY(add(&r, recordings[i], &recordings[i]->parts[j], e));
  return flush(&r, e);
}
