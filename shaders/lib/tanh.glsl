// tanh(x). Drivers' own may lose the digits of small results, or overflow to NaN where |x| is large. Near 0 the first terms of the
// series, which lose less than a rounding there.
float tanh_of(float x) {
  const float a = abs(x), square = x * x;
  if (a < 0.3) return x * (1.0 + square * (-1.0 / 3.0 + square * (2.0 / 15.0 + square * (-17.0 / 315.0 + square * 62.0 / 2835.0))));
  const float of_a = a > 20.0 ? 1.0 : 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
  return x < 0.0 ? -of_a : of_a;
}
