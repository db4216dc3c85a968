// How the attention kernels for GPUs share their work. A row of the kernel is a query with one head, and a column is a key;
// in attention_dkv the other way round. The SHARING query heads of a key head lie side by side: (query, head) pairs
// are counted as pair = query · SHARING + head, and all of them meet the same staged keys.
//
// A workgroup takes ROWS = 4 · DOWN rows and goes over the columns, COLUMNS at a time. In a step
//   1. DOTS: scores, 4 × MINE for an invocation, from CHUNK quads of features at a time of both sides in shared memory;
//   2. each invocation puts the weights of its scores into shared memory: a vec4 of four rows for each column;
//   3. ADD_WEIGHTED: sums of weight · features, 4 × SUMS quads for an invocation, with WIDE quads of the columns' features in
//      shared memory at a time.
// The order of all sums is fixed. Steps of columns that no row of the workgroup sees are left out. What a row does not see is
// left out by predicate: memory there may be another example's, or hold NaN.
//
// The quads of a column lie at places exclusive-or column % 8: neighbouring invocations, which read the same quad of
// neighbouring columns or neighbouring quads of one, never meet in a bank. Those that read a row read the same one.
#include "attention_rows.glsl"

layout(local_size_x_id = 0) in;                   // SIZE = ACROSS · DOWN, which divides COLUMNS · CHUNK
layout(constant_id = 2) const uint ACROSS = 8;    // invocations over the columns, and over the quads of sums
layout(constant_id = 3) const uint DOWN = 16;     // groups of four rows
layout(constant_id = 4) const uint WIDE = 8;      // a multiple of 8 and of ACROSS
layout(constant_id = 5) const uint SHARING = 1;
layout(constant_id = 6) const uint PARTS = 1;     // of the quads of sums, each of another workgroup
layout(constant_id = 7) const uint UNROLLED = 2;  // of columns and of CHUNK; 1 for compilers that take seconds a kernel: loops
                                                  // then stay loops where they can
layout(constant_id = 8) const uint CHUNK = 8;     // a multiple of 8
const uint SIZE = ACROSS * DOWN, COLUMNS = 32, ROWS = 4 * DOWN, MINE = COLUMNS / ACROSS;
const uint SUMS = (QUADS + ACROSS * PARTS - 1) / (ACROSS * PARTS), TOGETHER = WIDE / ACROSS; // quads in one go over the columns
const uint GOES = (SUMS + TOGETHER - 1) / TOGETHER, STAGED = 4 * CHUNK / ACROSS;

shared vec4 row_tile[ROWS * CHUNK]; // features, then weights [DOWN][COLUMNS]
shared vec4 column_tile[COLUMNS * (WIDE > CHUNK ? WIDE : CHUNK)];

uint across = gl_LocalInvocationID.x % ACROSS, down = gl_LocalInvocationID.x / ACROSS;
uint first_row = gl_WorkGroupID.x * ROWS, kv_head = gl_WorkGroupID.y;
uint first_sum = gl_WorkGroupID.z * SUMS * ACROSS; // the first quad of this part

// Where a pair's features are, and a key's: indices of heads, of pairs or keys at most the last one.
uint head_of_pair(uint pair, uint rows, uint n_heads) {
  pair = min(pair, rows * SHARING - 1);
  return pair / SHARING * (n_heads - SHARING) + pair + kv_head * SHARING;
}

uint head_of_key(uint key, uint keys, uint n_kv_heads) {
  return min(key, keys - 1) * n_kv_heads + kv_head;
}

// The includer defines them. Columns [x, y) that a row sees; a row that is not live sees none.
uvec2 range_of(uint row);
uint head_of_row(uint row);
uint head_of_column(uint column);

// What four rows see: row r the columns [begin[r], end[r]); some the columns `by_any`, all that see any the columns `by_all`.
struct group_view {
  uvec4 begin, end;
  uvec2 by_any, by_all;
};

group_view view_of(uint row) {
  group_view v = group_view(uvec4(0), uvec4(0), uvec2(0xffffffffu, 0), uvec2(0, 0xffffffffu));
  [[unroll]] for (uint r = 0; r < 4; r++) {
    const uvec2 range = range_of(row + r);
    v.begin[r] = range.x;
    v.end[r] = range.y;
    if (range.x < range.y) {
      v.by_any = uvec2(min(v.by_any.x, range.x), max(v.by_any.y, range.y));
      v.by_all = uvec2(max(v.by_all.x, range.x), min(v.by_all.y, range.y));
    }
  }
  return v;
}

bvec4 sees(group_view v, uint column) {
  return bvec4(uvec4(greaterThanEqual(uvec4(column), v.begin)) & uvec4(lessThan(uvec4(column), v.end)));
}

// The union of what the workgroup's rows see; x ≥ y where they see nothing. `per`: rows that see the same.
uvec2 workgroup_span(uint per) {
  uvec2 span = uvec2(0xffffffffu, 0);
  [[dont_unroll]] for (uint row = first_row / per * per; row < first_row + ROWS; row += per) {
    const uvec2 range = range_of(row);
    if (range.x < range.y) span = uvec2(min(span.x, range.x), max(span.y, range.y));
  }
  return span;
}

// --- to shared memory ------------------------------------------------------------------------------------------------

uint staged_heads[STAGED]; // of the rows that this invocation stages

uint staged_head(uint i) {
  return head_of_row(first_row + gl_LocalInvocationID.x / CHUNK + i * (SIZE / CHUNK));
}

void set_rows() {
  [[unroll]] for (uint i = 0; i < STAGED; i++) staged_heads[i] = staged_head(i);
}

uint place(uint column, uint quad, uint wide) {
  return column * wide + (quad ^ (column % 8));
}

// Quads beyond the last are 0.
#define STAGE_ROW(a, first, i, head)                                                        \
  {                                                                                         \
    const uint quad = first + gl_LocalInvocationID.x % CHUNK;                               \
    const vec4 features = a##_at(head, min(quad, QUADS - 1));                               \
    const bool inside = QUADS % CHUNK == 0 || quad < QUADS;                                 \
    row_tile[gl_LocalInvocationID.x + i * SIZE] = inside ? features : vec4(0);              \
  }
#define STAGE_ROWS(a, first)                                                                \
  if (UNROLLED > 1) {                                                                       \
    [[unroll]] for (uint i = 0; i < STAGED; i++) STAGE_ROW(a, first, i, staged_heads[i])    \
  } else {                                                                                  \
    [[dont_unroll]] for (uint i = 0; i < STAGED; i++) STAGE_ROW(a, first, i, staged_head(i)) \
  }

#define STAGE_COLUMN(b, column, first, wide, i)                                             \
  {                                                                                         \
    const uint at = gl_LocalInvocationID.x + i, c = at / wide, quad = first + at % wide;    \
    const vec4 features = b##_at(head_of_column(column + c), min(quad, QUADS - 1));         \
    const bool inside = QUADS % CHUNK == 0 || quad < QUADS;                                 \
    column_tile[place(c, at % wide, wide)] = inside ? features : vec4(0);                   \
  }
#define STAGE_COLUMNS(b, column, first, wide)                                               \
  if (UNROLLED > 1) {                                                                       \
    [[unroll]] for (uint i = 0; i < COLUMNS * wide; i += SIZE) STAGE_COLUMN(b, column, first, wide, i)      \
  } else {                                                                                  \
    [[dont_unroll]] for (uint i = 0; i < COLUMNS * wide; i += SIZE) STAGE_COLUMN(b, column, first, wide, i) \
  }

// --- 1: scores -------------------------------------------------------------------------------------------------------

vec4 dots[MINE], more_dots[MINE]; // four rows' of the columns across + i · ACROSS of the step

#define DOTS(result, a, b, column)                                                          \
  [[unroll]] for (uint i = 0; i < MINE; i++) result[i] = vec4(0);                           \
  [[dont_unroll]] for (uint first = 0; first < QUADS; first += CHUNK) {                     \
    barrier();                                                                              \
    STAGE_ROWS(a, first)                                                                    \
    STAGE_COLUMNS(b, column, first, CHUNK)                                                  \
    barrier();                                                                              \
    add_dots(result, min(CHUNK, QUADS - first));                                            \
  }

void add_dots(inout vec4 result[MINE], uint n) {
  [[dont_unroll]] for (uint first = 0; first < n; first += UNROLLED)
    [[unroll]] for (uint u = 0; u < UNROLLED; u++) {
      const uint quad = first + u, row = 4 * down * CHUNK + quad;
      const mat4 a = transpose(mat4(row_tile[row], row_tile[row + CHUNK], row_tile[row + 2 * CHUNK], row_tile[row + 3 * CHUNK]));
      [[unroll]] for (uint i = 0; i < MINE; i++) {
        const vec4 b = column_tile[place(across + i * ACROSS, quad, CHUNK)];
        [[unroll]] for (uint f = 0; f < 4; f++) result[i] = fma(a[f], vec4(b[f]), result[i]);
      }
    }
}

// --- 2: weights ------------------------------------------------------------------------------------------------------

void set_weights(uint i, vec4 weights) {
  row_tile[down * COLUMNS + across + i * ACROSS] = weights;
}

// --- 3: sums ---------------------------------------------------------------------------------------------------------

// sums[s][r] += weight[c][r] · features[c], of quads first_sum + across + s · ACROSS, for the columns that the rows see. A
// barrier has passed since the last one read the columns' tile.
#define ADD_WEIGHTED(sums, b, column, view)                                                 \
  [[unroll]] for (uint go = 0; go < GOES; go++) {                                           \
    if (go > 0) barrier();                                                                  \
    STAGE_COLUMNS(b, column, first_sum + go * WIDE, WIDE)                                   \
    barrier();                                                                              \
    add_weighted(sums, go, column, view);                                                   \
  }

void add_column(inout mat4 sums[SUMS], uint go, uint c, bool all_seen, bvec4 seen) {
  const vec4 weights = row_tile[down * COLUMNS + c];
  [[unroll]] for (uint t = 0; t < TOGETHER; t++) {
    const uint s = min(go * TOGETHER + t, SUMS - 1);
    if (go * TOGETHER + t >= SUMS) continue;
    const vec4 features = column_tile[place(c, across + t * ACROSS, WIDE)];
    [[unroll]] for (uint r = 0; r < 4; r++) {
      const vec4 sum = fma(vec4(weights[r]), features, sums[s][r]);
      sums[s][r] = all_seen ? sum : mix(sums[s][r], sum, bvec4(seen[r]));
    }
  }
}

void add_weighted(inout mat4 sums[SUMS], uint go, uint column, group_view view) {
  if (UNROLLED > 1 && column >= view.by_all.x && column + COLUMNS <= view.by_all.y) {
    [[dont_unroll]] for (uint first = 0; first < COLUMNS; first += UNROLLED)
      [[unroll]] for (uint u = 0; u < UNROLLED; u++) add_column(sums, go, first + u, true, bvec4(true));
  } else {
    const uint begin = max(column, view.by_any.x), end = min(column + COLUMNS, view.by_any.y);
    [[dont_unroll]] for (uint c = begin; c < end; c++) add_column(sums, go, c - column, false, sees(view, c));
  }
}

// name_store of the quads of row r's sums; 0 where the row sees nothing, since these may hold what others see.
#define STORE_SUMS(name, sums, head, r, empty)                                              \
  [[unroll]] for (uint s = 0; s < SUMS; s++) {                                              \
    const uint quad = first_sum + across + s * ACROSS;                                      \
    if (quad < QUADS) name##_store(head, quad, empty ? vec4(0) : sums[s][r]);               \
  }
