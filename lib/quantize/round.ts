// Rounding half to even, the one rounding rule of every quantizer and converter here (as in IEEE 754 and in WGSL and WebAssembly).

/** Nearest integer; ties go to the even one. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
