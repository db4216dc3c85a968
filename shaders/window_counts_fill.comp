// How many of a window's rows are live, for each kind of live rows: those of all rows, less the rows before the window.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "window_counts.h"

layout(local_size_x = WINDOW_COUNTS) in;
layout(push_constant) uniform PARAMS { window_counts_params p; };
layout(std430, binding = 0) readonly buffer COUNTS { uint counts[]; }; // all ones: all rows
layout(std430, binding = 1) writeonly buffer OF_WINDOWS { uint of_windows[]; }; // 64 words a window

void main() {
  const uint kind = gl_LocalInvocationID.x;
  of_windows[p.at * 64 + kind] = counts[kind] > p.first ? min(counts[kind] - p.first, p.rows) : 0;
}
