// TFRecord, the framing of TensorBoard's event files:
//   u64 length, u32 masked CRC-32C of those 8 bytes, `length` bytes of data, u32 masked CRC-32C of the data; little-endian
//   masked = (crc rotated right by 15) + 0xa282ead8
#ifndef IO_TFRECORD_H
#define IO_TFRECORD_H

#include "base/text.h"

uint32_t tfrecord_crc32c(const void *data, size_t length); // Castagnoli's polynomial, reflected: 0x82f63b78
void tfrecord_put(text *out, const void *data, size_t length);

#endif
