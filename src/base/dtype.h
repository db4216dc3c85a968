// Element types of tensors, in files and on the device.
#ifndef BASE_DTYPE_H
#define BASE_DTYPE_H

#include <stdbool.h>
#include <stdint.h>

// Block types count elements and bytes per block, so that quantized weights are types like others.
// The numbers are those of shaders/lib/weight.glsl.
typedef enum dtype {
  DTYPE_F32,
  DTYPE_F16,
  DTYPE_BF16,
  DTYPE_I32,
  DTYPE_Q8_0, // ggml's blocks (blocks.h), as GGUF files have them
  DTYPE_Q4_0,
  DTYPE_Q4_1,
  DTYPE_Q5_0,
  DTYPE_Q5_1,
  DTYPE_Q4_K,
  DTYPE_Q5_K,
  DTYPE_Q6_K,
  DTYPE_NF4,        // QLoRA's, in no file: made from wider weights
  DTYPE_NF4_DOUBLE, // its blocks are of many rows; the last one is filled up
  DTYPE_COUNT
} dtype;

typedef struct dtype_info {
  const char *name;        // "f32"
  uint32_t block_elements; // 1; of quantized types 32 and more
  uint32_t block_bytes;
} dtype_info;

const dtype_info *dtype_get(dtype t);
// Bytes of `elements` elements (a multiple of the block, but for NF4_DOUBLE).
uint64_t dtype_bytes(dtype t, uint64_t elements);
bool dtype_is_quantized(dtype t);     // in blocks
uint32_t dtype_row_elements(dtype t); // of which a row must have a multiple

float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f); // round to nearest even, overflow to infinity
float bf16_to_f32(uint16_t h);
uint16_t f32_to_bf16(float f); // round to nearest even, NaN stays NaN

// `n` elements (a multiple of the block) of any type to f32.
void dtype_to_f32(dtype t, const void *in, float *out, uint64_t n);
// f32 to F32, F16, BF16, NF4 or, as a whole tensor, NF4_DOUBLE.
void dtype_from_f32(dtype t, const float *in, void *out, uint64_t n);

#endif
