// The checksum goes bit by bit: records are a few dozen bytes, and a step of training writes five of them.
#include "io/tfrecord.h"

uint32_t tfrecord_crc32c(const void *data, size_t length) {
  const unsigned char *bytes = data;
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

static void put_little_endian(text *out, uint64_t value, int n_bytes) {
  for (int i = 0; i < n_bytes; i++) text_putc(out, (char)(value >> 8 * i & 0xFF));
}

static void put_masked_crc(text *out, const void *data, size_t length) {
  const uint32_t crc = tfrecord_crc32c(data, length);
  put_little_endian(out, (crc >> 15 | crc << 17) + 0xa282ead8u, 4);
}

void tfrecord_put(text *out, const void *data, size_t length) {
  const size_t begin = out->length;
  char head[8];
  put_little_endian(out, length, 8);
  for (int i = 0; i < 8; i++) head[i] = out->data[begin + (size_t)i];
  put_masked_crc(out, head, sizeof head);
  text_put(out, data, length);
  put_masked_crc(out, data, length);
}
