// Small text helpers for kernels written as WebAssembly text. They only concatenate: what you read is what runs.

/** `body(0)`, `body(1)` … joined by newlines. */
export function repeat(count: number, body: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => body(index)).join("\n");
}

/** i32 constant. */
export const int = (value: number): string => `(i32.const ${value})`;
/** Reads a local. */
export const get = (name: string): string => `(local.get $${name})`;
/** Writes a local. */
export const set = (name: string, value: string): string => `(local.set $${name} ${value})`;
/** Sum of any number of i32 terms. */
export const add = (first: string, ...rest: string[]): string =>
  rest.length === 0 ? first : `(i32.add ${first} ${add(rest[0]!, ...rest.slice(1))})`;
/** i32 product. */
export const mul = (a: string, b: string): string => `(i32.mul ${a} ${b})`;
/** All-zero vector. */
export const ZERO = "(v128.const i32x4 0 0 0 0)";

/** Locals of one type. */
export function locals(type: "i32" | "v128" | "f32" | "f64", ...names: string[]): string {
  return names.map((name) => `(local $${name} ${type})`).join("");
}

/** `for (name = from; name < to; name += step) body`, entered only when from < to. Comparison is unsigned. */
export function loop(name: string, from: string, to: string, body: string, step: number | string = 1): string {
  const increment = typeof step === "number" ? int(step) : step;
  return `${set(name, from)}(if (i32.lt_u ${get(name)} ${to}) (then (loop $loop_${name} ${body}
    ${set(name, add(get(name), increment))}(br_if $loop_${name} (i32.lt_u ${get(name)} ${to})))))`;
}

/** A module whose `run(begin, end, thread, ...parameters)` works on chunk [begin, end) in the pool's shared memory. */
export function kernel(parameters: readonly string[], declarations: string, body: string): string {
  const names = ["begin", "end", "thread", ...parameters];
  return `(module (import "env" "memory" (memory 1 65536 shared))
  (func (export "run") ${names.map((name) => `(param $${name} i32)`).join("")} ${declarations}
  ${body}))`;
}
