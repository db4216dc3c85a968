// How the attention kernels for CPU devices share their work. An invocation holds one row (a query, with HEADS query heads
// that share a key head; in attention_lanes_dkv a key) in private arrays, which the unrolled loops over features turn into
// registers and stack. A workgroup is one subgroup. Columns (keys; in attention_lanes_dkv queries) are the same for all its
// invocations, so that each element of a column is one scalar, broadcast, for HEADS rows of each lane. They are taken STEP
// at a time. No shared memory, no barrier, and the order of all sums is fixed.
//
// What a row does not see is left out by predicate: memory there may be another example's, or hold NaN.
//
// They run by buffer addresses only (-DADDRESSES, see matmul.glsl; indices are clamped, so that nothing beyond a buffer's end
// is read): with bindings the tests of bounds take half of the time, and lavapipe 25.0 a minute to compile. Without the
// feature CPU devices take the kernels of attention_tile.glsl.
layout(local_size_x_id = 0) in;               // the subgroup's size
layout(constant_id = 1) const uint DIM = 64;  // head_dim, a multiple of 4
layout(constant_id = 2) const uint HEADS = 1; // of one key head; divides their number
layout(constant_id = 3) const uint STEP = 2;
const uint QUADS = DIM / 4;

#ifdef ADDRESSES
#extension GL_EXT_buffer_reference : require
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer IN_ROWS { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer OUT_ROWS { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer IN_RANGES { uvec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer IN_SPANS { uvec2 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer IN_STATS { vec2 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer IN_COUNTS { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer IN_FLOATS { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer OUT_FLOATS { float at[]; };
#endif

// Columns [x, y) that a row sees. The includer defines it; a row that is not live sees none.
uvec2 range_of(uint row);

// The union of what the workgroup's rows see; x ≥ y where they see nothing.
uvec2 workgroup_span() {
  uvec2 span = uvec2(0xffffffffu, 0);
  [[dont_unroll]] for (uint r = 0; r < gl_WorkGroupSize.x; r++) {
    uvec2 range = range_of(gl_WorkGroupID.x * gl_WorkGroupSize.x + r);
    if (range.x < range.y) span = uvec2(min(span.x, range.x), max(span.y, range.y));
  }
  return span;
}
