// The SPIR-V of shaders/*.comp, embedded by the build (cmake/shaders.cmake). Ends with a zeroed row.
#ifndef GPU_SHADER_TABLE_H
#define GPU_SHADER_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct shader_code {
  const char *name; // the file's name without ".comp"
  const uint32_t *words;
  size_t bytes;
} shader_code;

extern const shader_code shader_table[];

#endif
