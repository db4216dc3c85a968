// A one-dimensional index over a grid that may have two dimensions, since a group count is limited to 65,535
// (record_elements in src/ops/op.h chooses the grid).
uint grid_group() {
  return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

uint grid_index() {
  return grid_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}
