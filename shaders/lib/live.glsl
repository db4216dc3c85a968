// Live rows: how many leading rows of a tensor hold data in this submission (tensor_live in src/graph/graph.h).
// The includer declares: layout(std430, binding = …) readonly buffer COUNTS { uint counts[]; };   (or int)
const uint LIVE_ALL = 255;

// An index below LIVE_COUNTS: kernels by address may load it even where the condition is false.
uint live_rows(uint rows, uint live) {
  return live == LIVE_ALL ? rows : min(rows, uint(counts[min(live, 4)]));
}
