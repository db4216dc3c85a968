// The blocks of quantized types: each has its own scale, and its elements are small integers (ggml's types) or the numbers of
// table entries (nf4).
#ifndef BASE_BLOCKS_H
#define BASE_BLOCKS_H

#include "base/dtype.h"

// One block of a quantized type; block_elements floats.
void blocks_to_f32(dtype t, const uint8_t *block, float *out);
// 64 floats to a block of NF4.
void blocks_from_f32_nf4(const float *in, uint8_t *block);

#endif
