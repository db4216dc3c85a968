// The soft cap of attention's scores: s becomes cap · tanh(s / cap), whose derivative is 1 − (capped s / cap)². The includer has p
// (attention_params) and defines CAPPED_ID: where CAPPED is 0 nothing of this is left.
#include "lib/tanh.glsl"

layout(constant_id = CAPPED_ID) const uint CAPPED = 0;

float cap_score(float s) {
  return CAPPED == 0 ? s : p.cap * tanh_of(s / p.cap);
}

float cap_slope(float capped) {
  const float t = capped / p.cap;
  return CAPPED == 0 ? 1.0 : 1.0 - t * t;
}

vec4 cap_scores(vec4 s) {
  return CAPPED == 0 ? s : vec4(cap_score(s.x), cap_score(s.y), cap_score(s.z), cap_score(s.w));
}

vec4 cap_slopes(vec4 capped) {
  const vec4 t = capped / p.cap;
  return CAPPED == 0 ? vec4(1) : 1.0 - t * t;
}
