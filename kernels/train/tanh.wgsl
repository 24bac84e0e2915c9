// tanh to a few last bits, which the built-in function does not promise: a series near zero, exponentials beyond.
fn hyperbolic(w: f32) -> f32 {
  let t = w * w;
  if (t < 0.1) {
    return w + w * t * (-0.33333333333 + t * (0.13333333333 + t * (-0.05396825397 + t * (0.02186948854 + t * -0.00886323553))));
  }
  return sign(w) * (1.0 - 2.0 / (exp(2.0 * min(abs(w), 20.0)) + 1.0));
}
