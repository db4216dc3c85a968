// groups[along] = ceil(live rows · per_row / per_group), for each dispatch of the table. One invocation a dispatch.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "group_counts.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform PARAMS { group_counts_params p; };
layout(std430, binding = 0) readonly buffer COUNTS { uint counts[]; };
layout(std430, binding = 1) buffer TABLE { live_groups table[]; };

void main() {
  const uint i = gl_GlobalInvocationID.x;
  if (i >= p.n) return;
  const uint live = counts[table[i].live], first = table[i].first, per_group = table[i].per_group;
  const uint all = (live > first ? min(live - first, table[i].rows) : 0) * table[i].per_row;
  table[i].groups[table[i].along] = all / per_group + (all % per_group != 0 ? 1 : 0);
}
