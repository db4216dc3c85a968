#include "io/gguf_types.h"

static const struct {
  const char *name;
  uint32_t bytes;
} value_types[GGUF_N_TYPES] = {
    [GGUF_U8] = {"u8", 1},         [GGUF_I8] = {"i8", 1},       [GGUF_U16] = {"u16", 2}, [GGUF_I16] = {"i16", 2},
    [GGUF_U32] = {"u32", 4},       [GGUF_I32] = {"i32", 4},     [GGUF_F32] = {"f32", 4}, [GGUF_BOOL] = {"bool", 1},
    [GGUF_STRING] = {"string", 0}, [GGUF_ARRAY] = {"array", 0}, [GGUF_U64] = {"u64", 8}, [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_type_name(gguf_type t) {
  REQUIRE((uint32_t)t < GGUF_N_TYPES, "type %d", (int)t);
  return value_types[t].name;
}

uint32_t gguf_type_bytes(gguf_type t) {
  REQUIRE((uint32_t)t < GGUF_N_TYPES, "type %d", (int)t);
  return value_types[t].bytes;
}

uint64_t gguf_load(const uint8_t *p, uint32_t bytes) {
  uint64_t x = 0;
  for (uint32_t i = 0; i < bytes; i++) x |= (uint64_t)p[i] << 8 * i;
  return x;
}

// enum ggml_type of ggml.h, with the numbers that were given up again.
static const char *const tensor_types[] = {
    [0] = "F32",         [1] = "F16",         [2] = "Q4_0",        [3] = "Q4_1",      [4] = "Q4_2",     [5] = "Q4_3",
    [6] = "Q5_0",        [7] = "Q5_1",        [8] = "Q8_0",        [9] = "Q8_1",      [10] = "Q2_K",    [11] = "Q3_K",
    [12] = "Q4_K",       [13] = "Q5_K",       [14] = "Q6_K",       [15] = "Q8_K",     [16] = "IQ2_XXS", [17] = "IQ2_XS",
    [18] = "IQ3_XXS",    [19] = "IQ1_S",      [20] = "IQ4_NL",     [21] = "IQ3_S",    [22] = "IQ2_S",   [23] = "IQ4_XS",
    [24] = "I8",         [25] = "I16",        [26] = "I32",        [27] = "I64",      [28] = "F64",     [29] = "IQ1_M",
    [30] = "BF16",       [31] = "Q4_0_4_4",   [32] = "Q4_0_4_8",   [33] = "Q4_0_8_8", [34] = "TQ1_0",   [35] = "TQ2_0",
    [36] = "IQ4_NL_4_4", [37] = "IQ4_NL_4_8", [38] = "IQ4_NL_8_8", [39] = "MXFP4",
};

const char *gguf_tensor_type(uint32_t number, dtype *type) {
  switch (number) {
    case 0: *type = DTYPE_F32; break;
    case 1: *type = DTYPE_F16; break;
    case 2: *type = DTYPE_Q4_0; break;
    case 3: *type = DTYPE_Q4_1; break;
    case 6: *type = DTYPE_Q5_0; break;
    case 7: *type = DTYPE_Q5_1; break;
    case 8: *type = DTYPE_Q8_0; break;
    case 12: *type = DTYPE_Q4_K; break;
    case 13: *type = DTYPE_Q5_K; break;
    case 14: *type = DTYPE_Q6_K; break;
    case 30: *type = DTYPE_BF16; break;
    default: *type = DTYPE_COUNT; break;
  }
  return number < sizeof tensor_types / sizeof *tensor_types ? tensor_types[number] : NULL;
}

uint32_t gguf_tensor_number(dtype type) {
  const uint32_t n = sizeof tensor_types / sizeof *tensor_types;
  dtype found;
  for (uint32_t i = 0; i < n; i++)
    if (gguf_tensor_type(i, &found) && found == type) return i;
  REQUIRE(false, "GGUF has no type for %s", dtype_get(type)->name);
}
