// One AdamW step with moments of 8 bits: one workgroup of 64 invocations for each part of 256 elements, four each. The
// part's moments are decoded, stepped, and encoded again with the part's new largest value. Where the step is not finite only
// the gradients are cleared.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "adamw_8bit.h"
#include "lib/step.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform PARAMS { adamw_8bit_params p; };
layout(std430, binding = 0) readonly buffer HYPER { step_hyper hyper; };
layout(std430, binding = 1) readonly buffer STATE { step_state state; };
layout(std430, binding = 2) readonly buffer CODES { float codes[]; }; // 256 of m, 256 of v, ascending
layout(std430, binding = 3) buffer WEIGHT { vec4 weight[]; };
layout(std430, binding = 4) buffer GRAD { vec4 grad[]; };
layout(std430, binding = 5) buffer M { uint m[]; }; // four codes a word
layout(std430, binding = 6) buffer V { uint v[]; };
layout(std430, binding = 7) buffer SCALES { float scales[]; }; // for each block of four parts: 4 of m, 4 of v
#include "lib/adamw.glsl"
#include "lib/grid.glsl"

const uint CODES_M = 0, CODES_V = 256;
shared float largest_m[64], largest_v[64];

vec4 decode(uint word, uint map, float scale) {
  return scale * vec4(codes[map + (word & 255u)], codes[map + (word >> 8 & 255u)], codes[map + (word >> 16 & 255u)],
                      codes[map + (word >> 24)]);
}

// The code nearest to x in [−1, 1]; the lower one of two that are equally near.
uint encode_one(float x, uint map) {
  uint low = 0, high = 255; // codes[low] ≤ x, where any is
  while (high - low > 1) {
    const uint middle = (low + high) / 2;
    if (codes[map + middle] <= x) low = middle;
    else high = middle;
  }
  return codes[map + high] - x < x - codes[map + low] ? high : low;
}

uint encode(vec4 x, uint map, float scale) {
  if (!(scale > 0.0)) return 0;
  const vec4 y = x / scale;
  uvec4 c = uvec4(encode_one(y.x, map), encode_one(y.y, map), encode_one(y.z, map), encode_one(y.w, map));
  if (map == CODES_V) c = max(c, uvec4(greaterThan(x, vec4(0.0)))); // code 0 is 0: never under a moment that is not
  return c.x | c.y << 8 | c.z << 16 | c.w << 24;
}

float of_four(vec4 x) {
  return max(max(x.x, x.y), max(x.z, x.w));
}

void main() {
  const uint part = grid_group(), lane = gl_LocalInvocationID.x, i = part * 64 + lane;
  if (part >= p.n) return; // the whole workgroup
  const vec4 g = grad[i] * state.grad_scale;
  grad[i] = vec4(0.0);
  if (state.finite == 0) return; // here too
  const uint at = (p.first_part + part) / 4 * 8 + (p.first_part + part) % 4;
  const vec4 m1 = hyper.beta1 * decode(m[i], CODES_M, scales[at]) + (1.0 - hyper.beta1) * g;
  const vec4 v1 = hyper.beta2 * decode(v[i], CODES_V, scales[at + 4]) + (1.0 - hyper.beta2) * g * g;
  largest_m[lane] = of_four(abs(m1));
  largest_v[lane] = of_four(v1);
  barrier();
  for (uint step = 32; step > 0; step /= 2) {
    if (lane < step) {
      largest_m[lane] = max(largest_m[lane], largest_m[lane + step]);
      largest_v[lane] = max(largest_v[lane], largest_v[lane + step]);
    }
    barrier();
  }
  m[i] = encode(m1, CODES_M, largest_m[0]);
  v[i] = encode(v1, CODES_V, largest_v[0]);
  if (lane == 0) { // everyone has read the old ones before the first barrier
    scales[at] = largest_m[0];
    scales[at + 4] = largest_v[0];
  }
  const float t = float(state.applied);
  const float correction1 = one_minus_exp(t * hyper.ln_beta1), correction2 = one_minus_exp(t * hyper.ln_beta2);
  vec4 w = weight[i];
  if (p.decay != 0) w -= hyper.learning_rate * hyper.weight_decay * w;
  weight[i] = w - hyper.learning_rate / correction1 * m1 / (sqrt(v1 / correction2) + hyper.epsilon);
}
