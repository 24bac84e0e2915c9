// Counter-based randomness: every draw is a hash of where it is used, so order, threads and backend cannot change it.

/** 32-bit finaliser with low bias; the same integer operations exist in TypeScript, WebAssembly and WGSL. */
export function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/**
 * Hashes a seed and any number of counters (layer, array, cell, draw …) to an unsigned 32-bit integer.
 *
 * @example
 * ```ts
 * import { hash } from "@bitline/bitline";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * assertEquals(hash(1, 2, 3), hash(1, 2, 3));
 * assertNotEquals(hash(1, 2, 3), hash(1, 3, 2));
 * ```
 */
export function hash(seed: number, ...counters: readonly number[]): number {
  let state = mix((seed >>> 0) + 0x9e3779b9);
  for (const counter of counters) state = hashOn(state, counter);
  return state;
}

/** One counter more: `hashOn(hash(seed, a), b)` is `hash(seed, a, b)`, without hashing again what many draws share. */
export function hashOn(state: number, counter: number): number {
  return mix(state ^ mix((counter >>> 0) + 0x85ebca6b));
}

/** Uniform draw in [0, 1) with 24 random bits, exact in f32. */
export function uniform(seed: number, ...counters: readonly number[]): number {
  return uniformOf(hash(seed, ...counters));
}

/** The uniform draw of a hash. */
export function uniformOf(state: number): number {
  return (state >>> 8) / 16777216;
}

/** Standard normal draw (Box–Muller on two hashed uniforms). */
export function normal(seed: number, ...counters: readonly number[]): number {
  return normalOf(hash(seed, ...counters));
}

/** The normal draw of a hash. */
export function normalOf(state: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniformOf(mix(state))));
  return radius * Math.cos(2 * Math.PI * uniformOf(mix(state ^ 0x5bd1e995)));
}

/** Permutation of 0 … length − 1 (Fisher–Yates), a function of the seed alone. */
export function permutation(length: number, seed: number, ...counters: readonly number[]): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index);
  const base = hash(seed, ...counters);
  for (let last = length - 1; last > 0; last--) {
    const pick = Math.floor((mix(base ^ mix(last)) / 4294967296) * (last + 1));
    [order[last], order[pick]] = [order[pick]!, order[last]!];
  }
  return order;
}
