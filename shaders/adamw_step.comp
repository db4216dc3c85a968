// One AdamW step on 4 elements an invocation, and the gradient sums back to 0. Where the step is not finite only the
// gradients are cleared.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "adamw.h"
#include "lib/step.h"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform PARAMS { adamw_params p; };
layout(std430, binding = 0) readonly buffer HYPER { step_hyper hyper; };
layout(std430, binding = 1) readonly buffer STATE { step_state state; };
layout(std430, binding = 2) buffer WEIGHT { vec4 weight[]; };
layout(std430, binding = 3) buffer GRAD { vec4 grad[]; };
layout(std430, binding = 4) buffer M { vec4 m[]; };
layout(std430, binding = 5) buffer V { vec4 v[]; };
#include "lib/adamw.glsl"
#include "lib/grid.glsl"

void main() {
  uint i = grid_index();
  if (i >= p.n / 4) return;
  vec4 g = grad[i] * state.grad_scale;
  grad[i] = vec4(0.0);
  if (state.finite == 0) return;
  float t = float(state.applied);
  float correction1 = one_minus_exp(t * hyper.ln_beta1), correction2 = one_minus_exp(t * hyper.ln_beta2);
  vec4 w = weight[i];
  if (p.decay != 0) w -= hyper.learning_rate * hyper.weight_decay * w;
  vec4 m1 = hyper.beta1 * m[i] + (1.0 - hyper.beta1) * g;
  vec4 v1 = hyper.beta2 * v[i] + (1.0 - hyper.beta2) * g * g;
  m[i] = m1;
  v[i] = v1;
  weight[i] = w - hyper.learning_rate / correction1 * m1 / (sqrt(v1 / correction2) + hyper.epsilon);
}
