// Parameter structs are written once and included by C and GLSL: here `uint` gets its meaning in C.
#ifndef LIB_TYPES_H
#define LIB_TYPES_H
#ifndef VULKAN
#include <stdint.h>
typedef uint32_t uint;
#endif
#endif
