// f32 to the block types that vkift writes.
#ifndef BASE_QUANTIZE_H
#define BASE_QUANTIZE_H

#include <stdbool.h>

#include "base/dtype.h"

bool quantize_makes(dtype t); // F32, F16, BF16, Q8_0, Q4_0
// `n` elements, a multiple of the block, all finite.
void quantize(dtype t, const float *in, void *out, uint64_t n);

#endif
