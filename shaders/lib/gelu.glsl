// gelu(z) = z / 2 · (1 + t), t = tanh(u), u = √(2/π) (z + 0.044715 z³), and its derivative.
#include "lib/tanh.glsl"

float gelu_tanh(float z) {
  return tanh_of(0.7978845608028654 * z * (1.0 + 0.044715 * z * z));
}

float gelu(float z) {
  return 0.5 * z * (1.0 + gelu_tanh(z));
}

float gelu_slope(float z) {
  const float t = gelu_tanh(z);
  return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * 0.7978845608028654 * (1.0 + 3.0 * 0.044715 * z * z);
}
