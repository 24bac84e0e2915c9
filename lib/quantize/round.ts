// Rounding half to even, the one rounding rule of every quantizer and converter here (as in IEEE 754 and in WGSL and WebAssembly).

/** Nearest integer; ties go to the even one. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** 1.5 · 2^52: doubles near it are whole, so that adding it rounds, half to even. */
const WHOLE = 6755399441055744;

/** As {@linkcode roundHalfEven} for magnitudes below 2^51, for loops over weights: one addition and one subtraction, and never −0. */
export function roundSmall(value: number): number {
  return value + WHOLE - WHOLE;
}
