// What GGUF's types are called and how large they are. Inside the io room.
#ifndef IO_GGUF_TYPES_H
#define IO_GGUF_TYPES_H

#include "io/gguf.h"

enum { GGUF_N_TYPES = GGUF_F64 + 1 };

const char *gguf_type_name(gguf_type t);
uint32_t gguf_type_bytes(gguf_type t); // 0 for strings and arrays
// Little-endian, whatever the host's order.
uint64_t gguf_load(const uint8_t *p, uint32_t bytes);

// A tensor type by its number in the file: "Q4_K"; NULL when it is none that was ever defined. *type is what vkift reads
// it as, or DTYPE_COUNT.
const char *gguf_tensor_type(uint32_t number, dtype *type);
uint32_t gguf_tensor_number(dtype type); // the other way, of a type that GGUF has

#endif
