#include "swiglu.h"

#define geglu_params swiglu_params // one host side for both (src/ops/swiglu.c)
