// How the attention kernels for CPU devices share their work. An invocation holds one row (a query, with HEADS query heads
// that share a key head; in attention_lanes_dkv a key) in private arrays, which the unrolled loops over features turn into
// registers and stack. Columns (keys; in attention_lanes_dkv queries) are the same for all invocations of a subgroup, so
// that each element of a column is one scalar, broadcast: they are staged in shared memory, COLUMNS at a time, where a load
// needs no check of bounds, and taken STEP at a time. The workgroup shares what is staged; each subgroup steps only
// over what its own rows see. The order of all sums is fixed.
//
// What a row does not see is left out by predicate: memory there may be another example's, or hold NaN.
#extension GL_KHR_shader_subgroup_basic : require
#include "attention_rows.glsl" // DIM is a multiple of 4 here

layout(local_size_x_id = 0) in;                // a multiple of the subgroup's size
layout(constant_id = 2) const uint HEADS = 1;  // of one key head; divides their number
layout(constant_id = 3) const uint STEP = 4;
layout(constant_id = 4) const uint COLUMNS = 32; // a multiple of STEP

shared vec4 staged_a[COLUMNS * QUADS], staged_b[COLUMNS * QUADS];

// Rows of this invocation's workgroup and subgroup.
uint workgroup_row = gl_WorkGroupID.x * gl_WorkGroupSize.x;
uint subgroup_row = workgroup_row + gl_SubgroupID * gl_SubgroupSize, row = subgroup_row + gl_SubgroupInvocationID;

// Columns [x, y) that a row sees. The includer defines it; a row that is not live sees none.
uvec2 range_of(uint row);

// The union of what n rows see; x ≥ y where they see nothing.
uvec2 span_of(uint first, uint n) {
  uvec2 span = uvec2(0xffffffffu, 0);
  [[dont_unroll]] for (uint r = first; r < first + n; r++) {
    uvec2 range = range_of(r);
    if (range.x < range.y) span = uvec2(min(span.x, range.x), max(span.y, range.y));
  }
  return span;
}

// Stages columns [first, end), at most COLUMNS, of inputs a and b: head `head` of `n_heads`.
#define STAGE(first, end, a, b, n_heads, head)                                                                \
  barrier();                                                                                                  \
  [[dont_unroll]] for (uint at = gl_LocalInvocationID.x; at < min(COLUMNS, end - first) * QUADS; at += gl_WorkGroupSize.x) { \
    uint from = (first + at / QUADS) * n_heads + head;                                                        \
    staged_a[at] = a##_at(from, at % QUADS);                                                                  \
    staged_b[at] = b##_at(from, at % QUADS);                                                                  \
  }                                                                                                           \
  barrier();

// The first step at or after `first`, in the steps counted from `staged`, that may hold columns from `begin` on.
uint step_of(uint staged, uint begin) {
  return begin > staged ? staged + (begin - staged) / STEP * STEP : staged;
}
