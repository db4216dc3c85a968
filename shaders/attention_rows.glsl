// Heads' rows as quads of features: [rows, heads · DIM] read by (row · heads + head, quad).
layout(constant_id = 1) const uint DIM = 64; // head_dim; where 4 does not divide it, the last quad is filled with 0
const uint QUADS = (DIM + 3) / 4;

// Declares input `name` at binding `slot` and vec4 name_at(head_row, quad).
#define ATTENTION_INPUT(slot, name)                                                             \
  layout(std430, binding = slot) readonly buffer name##_ELEMENTS { float name##_elements[]; };  \
  layout(std430, binding = slot) readonly buffer name##_VECTORS { vec4 name##_vectors[]; };     \
  vec4 name##_at(uint head_row, uint quad) {                                                    \
    if (DIM % 4 == 0) return name##_vectors[head_row * QUADS + quad];                           \
    vec4 features = vec4(0);                                                                    \
    for (uint i = 0; i < 4; i++)                                                                \
      if (4 * quad + i < DIM) features[i] = name##_elements[head_row * DIM + 4 * quad + i];     \
    return features;                                                                            \
  }

// Declares output `name` and name_store(head_row, quad, features).
#define ATTENTION_OUTPUT(slot, name)                                                            \
  layout(std430, binding = slot) writeonly buffer name##_ELEMENTS { float name##_elements[]; }; \
  layout(std430, binding = slot) writeonly buffer name##_VECTORS { vec4 name##_vectors[]; };    \
  void name##_store(uint head_row, uint quad, vec4 features) {                                  \
    if (DIM % 4 == 0) name##_vectors[head_row * QUADS + quad] = features;                       \
    else                                                                                        \
      for (uint i = 0; i < 4; i++)                                                              \
        if (4 * quad + i < DIM) name##_elements[head_row * DIM + 4 * quad + i] = features[i];   \
  }
