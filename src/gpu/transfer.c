// Blocking transfers between host memory and a slice, in pieces, through one staging slice of the device.
#include <string.h>

#include "gpu/internal.h"

static bool copy_piece(gpu_device *d, gpu_slice from, gpu_slice to, err *e) {
  TRY(submit_begin_transfer(d, e));
  VkBufferCopy region = {.srcOffset = from.offset, .dstOffset = to.offset, .size = from.bytes};
  vkCmdCopyBuffer(d->queue.transfer, from.buffer->handle, to.buffer->handle, 1, &region);
  return submit_transfer(d, e);
}

static uint64_t piece_bytes(const gpu_device *d, uint64_t left) {
  return left < d->queue.staging.bytes ? left : d->queue.staging.bytes;
}

bool gpu_upload(gpu_device *d, gpu_slice to, const void *data, uint64_t bytes, err *e) {
  REQUIRE(bytes <= to.bytes, "%llu bytes to a slice of %llu", (unsigned long long)bytes, (unsigned long long)to.bytes);
  TRY(submit_ready(d, e));
  for (uint64_t done = 0, n; done < bytes; done += n) {
    n = piece_bytes(d, bytes - done);
    memcpy(gpu_map(d->queue.staging), (const char *)data + done, (size_t)n);
    TRY(copy_piece(d, gpu_sub(d->queue.staging, 0, n), gpu_sub(to, done, n), e));
  }
  return true;
}

bool gpu_download(gpu_device *d, gpu_slice from, void *data, uint64_t bytes, err *e) {
  REQUIRE(bytes <= from.bytes, "%llu bytes of a slice of %llu", (unsigned long long)bytes, (unsigned long long)from.bytes);
  TRY(submit_ready(d, e));
  for (uint64_t done = 0, n; done < bytes; done += n) {
    n = piece_bytes(d, bytes - done);
    TRY(copy_piece(d, gpu_sub(from, done, n), gpu_sub(d->queue.staging, 0, n), e));
    memcpy((char *)data + done, gpu_map(d->queue.staging), (size_t)n);
  }
  return true;
}
