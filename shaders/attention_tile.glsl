// How the tiled attention kernels share their work. Rows are queries and columns keys; in attention_dkv the other way
// round. A workgroup has GROUPS groups of four rows, LANES invocations each, and steps over the columns, COLUMNS at a
// time. In a step
//   1. each of the first TILES invocations of a group makes the 4 × 4 tile of weights of its rows and four columns (dot
//      products over the head's features) and puts it into shared memory: a vec4 of the rows' weights for each column;
//   2. each of the first QUADS invocations adds weight · features of all the columns to four rows' sums of its quad.
// The order of all sums is fixed. No private array depends on DIM, and loops over features, columns and rows of the
// workgroup stay loops ([[dont_unroll]]): unrolled they take lavapipe 1.5 to 5 times as long to compile and run no faster.
//
// What a row does not see is left out by predicate: memory there may be another example's, or hold NaN.
#include "attention_rows.glsl"

layout(local_size_x_id = 0) in;                  // LANES · GROUPS
layout(constant_id = 2) const uint LANES = 16;   // at least QUADS
layout(constant_id = 3) const uint TILES = 16;   // at most LANES
layout(constant_id = 4) const uint GROUPS = 4;
const uint COLUMNS = 4 * TILES;

uint group = gl_LocalInvocationID.x / LANES, lane = gl_LocalInvocationID.x % LANES;

// Columns [x, y) that a row sees. The includer defines it; a row that is not live sees none.
uvec2 range_of(uint row);

// What the four rows of a group see: row r the columns [begin[r], end[r]); all rows that see any, the columns `by_all`.
struct group_view {
  uvec4 begin, end;
  uvec2 by_all;
};

group_view view_of(uint first_row) {
  group_view v = group_view(uvec4(0), uvec4(0), uvec2(0, 0xffffffffu));
  for (uint r = 0; r < 4; r++) {
    uvec2 range = range_of(first_row + r);
    v.begin[r] = range.x;
    v.end[r] = range.y;
    if (range.x < range.y) v.by_all = uvec2(max(v.by_all.x, range.x), min(v.by_all.y, range.y));
  }
  return v;
}

bvec4 sees(group_view v, uint column) {
  return bvec4(uvec4(greaterThanEqual(uvec4(column), v.begin)) & uvec4(lessThan(uvec4(column), v.end)));
}

// The union of what the workgroup's rows see; x ≥ y where they see nothing.
uvec2 workgroup_span(uint first_row) {
  uvec2 span = uvec2(0xffffffffu, 0);
  [[dont_unroll]] for (uint r = 0; r < 4 * GROUPS; r++) {
    uvec2 range = range_of(first_row + r);
    if (range.x < range.y) span = uvec2(min(span.x, range.x), max(span.y, range.y));
  }
  return span;
}

// Indices of four rows' heads: rows from `first` on, at most the last one.
uvec4 head_rows(uint first, uint rows, uint n_heads, uint head) {
  return min(first + uvec4(0, 1, 2, 3), uvec4(rows - 1)) * n_heads + head;
}

// result[c][r] = a[rows[r]] · b[columns[c]]
#define TILE_DOTS(result, a, rows, b, columns)                                                              \
  result = mat4(0);                                                                                         \
  [[dont_unroll]] for (uint i = 0; i < QUADS; i++)                                                          \
    result += transpose(mat4(a##_at(rows.x, i), a##_at(rows.y, i), a##_at(rows.z, i), a##_at(rows.w, i))) * \
              mat4(b##_at(columns.x, i), b##_at(columns.y, i), b##_at(columns.z, i), b##_at(columns.w, i));

// sums[r] += weights[c][r] · features for one column c: all rows see it, or only those that `seen` says.
mat4 add_seen(mat4 sums, vec4 weights, vec4 features, bvec4 seen) {
  for (uint r = 0; r < 4; r++) sums[r] = mix(sums[r], sums[r] + weights[r] * features, bvec4(seen[r]));
  return sums;
}
