// The sum of one value per invocation over the workgroup, by a tree whose shape never changes: the same bits each time.
// The workgroup size is a power of two, at most 256. Every invocation must call it.
shared float sum_partial[256];

float workgroup_sum(float value) {
  uint i = gl_LocalInvocationID.x;
  sum_partial[i] = value;
  barrier();
  for (uint half_size = gl_WorkGroupSize.x / 2; half_size > 0; half_size /= 2) {
    if (i < half_size) sum_partial[i] += sum_partial[i + half_size];
    barrier();
  }
  float total = sum_partial[0];
  barrier(); // the array may be used again
  return total;
}
