// A compute shader's interface, read from its SPIR-V: storage-buffer bindings and their direction, the size of its push
// constants and of its shared memory, and its workgroup size with specialization constants applied.
// Source: the SPIR-V specification, sections 2.3 (layout of a module), 3.20 (decorations) and 3.49 (instructions).
#include <string.h>

#include "gpu/internal.h"

enum { // opcodes
  OP_ENTRY_POINT = 15,
  OP_EXECUTION_MODE = 16,
  OP_CAPABILITY = 17,
  OP_TYPE_BOOL = 20,
  OP_TYPE_INT = 21,
  OP_TYPE_FLOAT = 22,
  OP_TYPE_VECTOR = 23,
  OP_TYPE_MATRIX = 24,
  OP_TYPE_ARRAY = 28,
  OP_TYPE_STRUCT = 30,
  OP_TYPE_POINTER = 32,
  OP_CONSTANT_TRUE = 41,
  OP_CONSTANT = 43,
  OP_CONSTANT_COMPOSITE = 44,
  OP_SPEC_CONSTANT_TRUE = 48,
  OP_SPEC_CONSTANT_FALSE = 49,
  OP_SPEC_CONSTANT = 50,
  OP_SPEC_CONSTANT_COMPOSITE = 51,
  OP_SPEC_CONSTANT_OP = 52,
  OP_FUNCTION = 54,
  OP_VARIABLE = 59,
  OP_DECORATE = 71,
  OP_MEMBER_DECORATE = 72,
  OP_EXECUTION_MODE_ID = 331
};
enum { // arithmetic within OpSpecConstantOp
  OP_UCONVERT = 113,
  OP_SCONVERT = 114,
  OP_BITCAST = 124,
  OP_IADD = 128,
  OP_ISUB = 130,
  OP_IMUL = 132,
  OP_UDIV = 134,
  OP_SDIV = 135,
  OP_UMOD = 137,
  OP_SELECT = 169,
  OP_IEQUAL = 170,
  OP_INOT_EQUAL = 171,
  OP_UGREATER = 172,
  OP_SGREATER = 173,
  OP_UGREATER_EQUAL = 174,
  OP_ULESS = 176,
  OP_SLESS = 177,
  OP_SHIFT_RIGHT = 194,
  OP_SHIFT_LEFT = 196,
  OP_BIT_OR = 197,
  OP_BIT_AND = 199
};
enum { // decorations, storage classes, modes, a built-in
  DECORATION_SPEC_ID = 1,
  DECORATION_ARRAY_STRIDE = 6,
  DECORATION_BUILTIN = 11,
  DECORATION_NON_WRITABLE = 24,
  DECORATION_NON_READABLE = 25,
  DECORATION_BINDING = 33,
  DECORATION_OFFSET = 35,
  CLASS_WORKGROUP = 4,
  CLASS_PUSH_CONSTANT = 9,
  CLASS_STORAGE_BUFFER = 12,
  MODE_LOCAL_SIZE = 17,
  MODE_LOCAL_SIZE_ID = 38,
  BUILTIN_WORKGROUP_SIZE = 25,
  CAPABILITY_COOPERATIVE_MATRIX = 6022
};

enum { MAX_DEPTH = 32, HEADER_WORDS = 5 };

typedef struct module {
  const uint32_t *words;
  uint32_t n_words, bound;
  uint32_t *definition; // [bound] where the instruction that defines an id begins; 0 none
  const uint32_t *spec;
  uint32_t n_spec;
} module;

static uint32_t opcode(const module *m, uint32_t at) {
  return m->words[at] & 0xffff;
}

static uint32_t length(const module *m, uint32_t at) {
  return m->words[at] >> 16;
}

// Word i of an instruction; 0, which is no valid id, beyond its end.
static uint32_t word(const module *m, uint32_t at, uint32_t i) {
  return i < length(m, at) ? m->words[at + i] : 0;
}

static uint32_t definition(const module *m, uint32_t id) {
  return id < m->bound ? m->definition[id] : 0;
}

// The word of an instruction that holds its result's id; 0 for instructions that this file never looks up.
static uint32_t result_word(uint32_t op) {
  switch (op) {
    case OP_TYPE_BOOL:
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
    case OP_TYPE_VECTOR:
    case OP_TYPE_MATRIX:
    case OP_TYPE_ARRAY:
    case OP_TYPE_STRUCT:
    case OP_TYPE_POINTER: return 1;
    case OP_CONSTANT_TRUE:
    case OP_CONSTANT:
    case OP_CONSTANT_COMPOSITE:
    case OP_SPEC_CONSTANT_TRUE:
    case OP_SPEC_CONSTANT_FALSE:
    case OP_SPEC_CONSTANT:
    case OP_SPEC_CONSTANT_COMPOSITE:
    case OP_SPEC_CONSTANT_OP:
    case OP_VARIABLE: return 2;
    default: return 0;
  }
}

// A decoration of an id; its first literal to *value.
static bool decorated(const module *m, uint32_t id, uint32_t decoration, uint32_t *value) {
  for (uint32_t at = HEADER_WORDS; at < m->n_words && opcode(m, at) != OP_FUNCTION; at += length(m, at)) {
    if (opcode(m, at) != OP_DECORATE || word(m, at, 1) != id || word(m, at, 2) != decoration) continue;
    if (value) *value = word(m, at, 3);
    return true;
  }
  return false;
}

static bool member_decorated(const module *m, uint32_t type, uint32_t member, uint32_t decoration, uint32_t *value) {
  for (uint32_t at = HEADER_WORDS; at < m->n_words && opcode(m, at) != OP_FUNCTION; at += length(m, at)) {
    if (opcode(m, at) != OP_MEMBER_DECORATE || word(m, at, 1) != type || word(m, at, 2) != member) continue;
    if (word(m, at, 3) != decoration) continue;
    if (value) *value = word(m, at, 4);
    return true;
  }
  return false;
}

// --- constants -------------------------------------------------------------------------------------------------------

static uint32_t constant(const module *m, uint32_t id, uint32_t depth);

static uint32_t constant_op(const module *m, uint32_t at, uint32_t depth) {
  uint32_t a = constant(m, word(m, at, 4), depth), b = constant(m, word(m, at, 5), depth);
  switch (word(m, at, 3)) {
    case OP_UCONVERT:
    case OP_SCONVERT:
    case OP_BITCAST: return a;
    case OP_IADD: return a + b;
    case OP_ISUB: return a - b;
    case OP_IMUL: return a * b;
    case OP_UDIV:
    case OP_SDIV: return b ? a / b : 0; // sizes are never negative
    case OP_UMOD: return b ? a % b : 0;
    case OP_SELECT: return a ? b : constant(m, word(m, at, 6), depth);
    case OP_IEQUAL: return a == b;
    case OP_INOT_EQUAL: return a != b;
    case OP_UGREATER:
    case OP_SGREATER: return a > b;
    case OP_UGREATER_EQUAL: return a >= b;
    case OP_ULESS:
    case OP_SLESS: return a < b;
    case OP_SHIFT_RIGHT: return b < 32 ? a >> b : 0;
    case OP_SHIFT_LEFT: return b < 32 ? a << b : 0;
    case OP_BIT_OR: return a | b;
    case OP_BIT_AND: return a & b;
    default: return 0;
  }
}

// The value of a 32-bit scalar constant as specialized; 0 for what is none.
static uint32_t constant(const module *m, uint32_t id, uint32_t depth) {
  uint32_t at = definition(m, id), spec_id;
  if (!at || depth > MAX_DEPTH) return 0;
  uint32_t op = opcode(m, at);
  bool specializable = op == OP_SPEC_CONSTANT || op == OP_SPEC_CONSTANT_TRUE || op == OP_SPEC_CONSTANT_FALSE;
  if (specializable && decorated(m, id, DECORATION_SPEC_ID, &spec_id) && spec_id < m->n_spec) return m->spec[spec_id];
  switch (op) {
    case OP_CONSTANT:
    case OP_SPEC_CONSTANT: return word(m, at, 3);
    case OP_CONSTANT_TRUE:
    case OP_SPEC_CONSTANT_TRUE: return 1;
    case OP_SPEC_CONSTANT_OP: return constant_op(m, at, depth + 1);
    default: return 0;
  }
}

// --- types -----------------------------------------------------------------------------------------------------------

// Bytes of a type: with the offsets and strides that it is decorated with (blocks), packed where it has none (shared
// memory, whose layout is the driver's).
static uint64_t type_bytes(const module *m, uint32_t type, uint32_t depth) {
  uint32_t at = definition(m, type);
  if (!at || depth > MAX_DEPTH) return 0;
  switch (opcode(m, at)) {
    case OP_TYPE_BOOL: return 4;
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT: return word(m, at, 2) / 8;
    case OP_TYPE_POINTER: return 8;
    case OP_TYPE_VECTOR:
    case OP_TYPE_MATRIX: return type_bytes(m, word(m, at, 2), depth + 1) * word(m, at, 3);
    case OP_TYPE_ARRAY: {
      uint32_t stride;
      uint64_t each = decorated(m, type, DECORATION_ARRAY_STRIDE, &stride) ? stride : type_bytes(m, word(m, at, 2), depth + 1);
      return each * constant(m, word(m, at, 3), 0);
    }
    case OP_TYPE_STRUCT: {
      uint64_t bytes = 0;
      for (uint32_t i = 0; i + 2 < length(m, at); i++) {
        uint32_t offset;
        uint64_t member = type_bytes(m, word(m, at, i + 2), depth + 1);
        uint64_t begin = member_decorated(m, type, i, DECORATION_OFFSET, &offset) ? offset : bytes;
        if (begin + member > bytes) bytes = begin + member;
      }
      return bytes;
    }
    default: return 0;
  }
}

// NonReadable and NonWritable stand on the variable or on every member of its block.
static bool restricted(const module *m, uint32_t variable, uint32_t block, uint32_t decoration) {
  if (decorated(m, variable, decoration, NULL)) return true;
  uint32_t at = definition(m, block);
  if (!at || opcode(m, at) != OP_TYPE_STRUCT || length(m, at) < 3) return false;
  for (uint32_t i = 0; i + 2 < length(m, at); i++)
    if (!member_decorated(m, block, i, decoration, NULL)) return false;
  return true;
}

// --- the module ------------------------------------------------------------------------------------------------------

static bool read_variable(const module *m, uint32_t at, reflection *r, err *e) {
  uint32_t variable = word(m, at, 2), class = word(m, at, 3);
  uint32_t pointer = definition(m, word(m, at, 1));
  if (!pointer) return true;
  uint32_t type = word(m, pointer, 3), binding;
  if (class == CLASS_PUSH_CONSTANT) {
    uint64_t bytes = (type_bytes(m, type, 0) + 3) / 4 * 4;
    if (bytes > GPU_MAX_PUSH)
      return ERR(e, "its push constants take %llu bytes, at most %d are portable", (unsigned long long)bytes, GPU_MAX_PUSH);
    r->push_bytes = (uint32_t)bytes;
  } else if (class == CLASS_WORKGROUP) {
    r->shared_bytes += (uint32_t)type_bytes(m, type, 0);
  } else if (class == CLASS_STORAGE_BUFFER) {
    if (!decorated(m, variable, DECORATION_BINDING, &binding)) return ERR(e, "a storage buffer has no binding");
    if (binding >= GPU_MAX_BINDINGS) return ERR(e, "binding %u, expected less than %d", binding, GPU_MAX_BINDINGS);
    // Several variables may look at one binding with different element types.
    r->bindings[binding].used = true;
    if (!restricted(m, variable, type, DECORATION_NON_READABLE)) r->bindings[binding].reads = true;
    if (!restricted(m, variable, type, DECORATION_NON_WRITABLE)) r->bindings[binding].writes = true;
    if (binding >= r->n_bindings) r->n_bindings = binding + 1;
  }
  return true;
}

// The workgroup size: an execution mode with literals or ids, or a constant decorated as the built-in WorkgroupSize,
// which wins.
static void read_local_size(const module *m, uint32_t at, reflection *r) {
  uint32_t op = opcode(m, at), built_in;
  for (uint32_t i = 0; i < 3; i++) {
    if (op == OP_EXECUTION_MODE && word(m, at, 2) == MODE_LOCAL_SIZE) r->local_size[i] = word(m, at, 3 + i);
    if (op == OP_EXECUTION_MODE_ID && word(m, at, 2) == MODE_LOCAL_SIZE_ID) r->local_size[i] = constant(m, word(m, at, 3 + i), 0);
  }
  if (op != OP_CONSTANT_COMPOSITE && op != OP_SPEC_CONSTANT_COMPOSITE) return;
  if (!decorated(m, word(m, at, 2), DECORATION_BUILTIN, &built_in) || built_in != BUILTIN_WORKGROUP_SIZE) return;
  for (uint32_t i = 0; i < 3; i++) r->local_size[i] = constant(m, word(m, at, 3 + i), 0);
}

bool reflect(const uint32_t *words, size_t bytes, const uint32_t *spec, uint32_t n_spec, reflection *r, err *e) {
  *r = (reflection){.local_size = {1, 1, 1}};
  if (bytes % 4 || bytes / 4 <= HEADER_WORDS || bytes > UINT32_MAX || words[0] != 0x07230203)
    return ERR(e, "expected SPIR-V, found %zu bytes of something else", bytes);
  module m = {.words = words, .n_words = (uint32_t)(bytes / 4), .bound = words[3], .spec = spec, .n_spec = n_spec};
  if (m.bound > m.n_words) return ERR(e, "SPIR-V of %u words declares %u ids", m.n_words, m.bound);

  arena *memory = arena_new("SPIR-V reflection");
  m.definition = ARENA_ARRAY(memory, uint32_t, m.bound);
  bool ok = true, has_entry = false;
  for (uint32_t at = HEADER_WORDS; ok && at < m.n_words && opcode(&m, at) != OP_FUNCTION; at += length(&m, at)) {
    if (!length(&m, at) || length(&m, at) > m.n_words - at) {
      ok = ERR(e, "SPIR-V word %u: an instruction of %u words, %u are left", at, length(&m, at), m.n_words - at);
      break;
    }
    r->coopmat |= opcode(&m, at) == OP_CAPABILITY && word(&m, at, 1) == CAPABILITY_COOPERATIVE_MATRIX;
    has_entry |= opcode(&m, at) == OP_ENTRY_POINT;
    uint32_t result = result_word(opcode(&m, at)), id = result ? word(&m, at, result) : 0;
    if (id && id < m.bound) m.definition[id] = at;
  }
  if (ok && !has_entry) ok = ERR(e, "SPIR-V without an entry point");
  for (uint32_t at = HEADER_WORDS; ok && at < m.n_words && opcode(&m, at) != OP_FUNCTION; at += length(&m, at)) {
    read_local_size(&m, at, r);
    if (opcode(&m, at) == OP_VARIABLE) ok = read_variable(&m, at, r, e);
  }
  arena_free(memory);
  return ok;
}
