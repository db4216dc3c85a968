// The blocks of quantized types: each has its own scale, and its elements are small integers (ggml's types) or the numbers of
// table entries (nf4).
#ifndef BASE_BLOCKS_H
#define BASE_BLOCKS_H

#include "base/dtype.h"

// One block of a quantized type; block_elements floats.
void blocks_to_f32(dtype t, const uint8_t *block, float *out);
// 64 floats to a block of NF4.
void blocks_from_f32_nf4(const float *in, uint8_t *block);

// NF4_DOUBLE: what NF4 scales by is quantized itself, as bitsandbytes does it. n values (a multiple of 64) of a whole tensor.
void blocks_to_f32_nf4_double(const uint8_t *p, float *out, uint64_t n);
void blocks_from_f32_nf4_double(const float *in, uint8_t *p, uint64_t n);

// The dynamic map of 8 bits (Dettmers 2016), ascending: 7 decades, i = 0 … 6, of which decade i is [0.1, 1] · 10^(i − 6) cut into
// 2^i equal intervals (signed: 127 for either sign) or 2^(i + 1) (unsigned: 254), whose middles are the values; and 0 and 1.
enum { DYNAMIC_MAP = 256 };
void blocks_dynamic_map(bool is_signed, float out[DYNAMIC_MAP]);

#endif
