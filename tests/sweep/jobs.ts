// Jobs of the sweep tests, run in other processes by name.

import type { Point } from "../../lib/sweep/axes.ts";
import type { ShardContext } from "../../lib/sweep/job.ts";

/** A light result that depends on point, shard and seed. */
export function light({ x, y = 0 }: Point, { shard, seed }: ShardContext) {
  return { sum: Number(x) + Number(y), shard, seed };
}

/** As `light`, after `wait` ms. */
export async function slow(point: Point, context: ShardContext) {
  context.report(0.5);
  await new Promise((done) => setTimeout(done, Number(point["wait"] ?? 20)));
  return light(point, context);
}

/** Fails on odd x. */
export function odd({ x }: Point) {
  if (Number(x) % 2 === 1) throw new RangeError(`x is odd: ${x}`);
  return Number(x) / 2;
}

/** Fails until the file `flag` exists, and makes it. */
export function once({ x, flag }: Point) {
  try {
    Deno.statSync(String(flag));
  } catch {
    Deno.writeTextFileSync(String(flag), "");
    throw new Error("not yet");
  }
  return x!;
}

/** Ends its process the first time it is asked. */
export function dies({ x, flag }: Point) {
  try {
    Deno.statSync(String(flag));
  } catch {
    Deno.writeTextFileSync(String(flag), "");
    Deno.exit(7);
  }
  return x!;
}

/** Never ends. */
export function forever() {
  return new Promise<never>(() => setInterval(() => {}, 1000));
}

/** Returns what JSON would change in silence. */
export function notFinite() {
  return { accuracy: NaN };
}

/** Writes to standard output, and rejects on the side for x = 1. */
export async function noisy({ x }: Point) {
  Deno.stdout.writeSync(new TextEncoder().encode('{"kind":"outcome"'));
  console.log("printed");
  if (x === 1) {
    Promise.reject(new Error("on the side"));
    await new Promise((done) => setTimeout(done, 10_000));
  }
  return x!;
}

/** A curve that gets sharper with the budget. */
export function learns({ x, epochs }: Point) {
  return { accuracy: { test: -((Number(x) - 7) ** 2) + Number(epochs) } };
}

export const notAFunction = 1;
