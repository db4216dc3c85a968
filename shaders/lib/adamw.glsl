// 1 − exp(x) for x < 0, exact near 0 where the subtraction would lose all digits (β₂ = 0.999 in the first steps).
float one_minus_exp(float x) {
  if (x < -0.25) return 1.0 - exp(x);
  return -x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0)))));
}
