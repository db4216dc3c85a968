#include "swiglu.h" // the same parameters: all but the kernels is shared (src/ops/swiglu.c)
