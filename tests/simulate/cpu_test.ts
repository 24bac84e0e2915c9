// The CPU backend against the oracle: random geometry, every step kind, every ADC form, several thread counts.

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { DeviceError, GraphError, NumericError, OptionError, ShapeError } from "../../lib/errors.ts";
import type { Backend } from "../../lib/simulate/backend.ts";
import { cpuBackend } from "../../lib/simulate/cpu.ts";
import type { Program } from "../../lib/simulate/program.ts";
import { referenceBackend } from "../../lib/simulate/reference.ts";
import type { Tensor } from "../../lib/tensor.ts";
import { randomCrossbarProgram, randomImages, randomProgram } from "./random_program.ts";

/** Runs a program on both backends and compares every value. */
async function compare(backend: Backend, program: Program, images: Tensor<Uint8Array>, label: string): Promise<void> {
  const oracle = await referenceBackend().prepare(program);
  await using session = await backend.prepare(program);
  const taps = program.values.map((_, value) => value);
  const [wanted, got] = [await oracle.run(images, taps), await session.run(images, taps)];
  assertEquals(got.output.shape, wanted.output.shape);
  for (const tap of taps) {
    const { type, name } = program.values[tap]!;
    const expected = wanted.taps.get(tap)!, actual = got.taps.get(tap)!;
    assertEquals(actual.shape, expected.shape);
    const scale = type === "f32" ? expected.data.reduce((most: number, item: number) => Math.max(most, Math.abs(item)), 0) : 0;
    for (let at = 0; at < expected.data.length; at++) {
      assertAlmostEquals(actual.data[at]!, expected.data[at]!, 1e-5 * scale, `${label}: ${name}[${at}]`);
    }
  }
}

Deno.test("cpuBackend() agrees with the reference on random crossbars", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 60; seed++) {
    const program = randomCrossbarProgram(seed);
    await compare(backend, program, randomImages(seed, program, 2), `seed ${seed}`);
  }
});

Deno.test("cpuBackend() agrees with the reference on dynamic ADC ranges", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 12; seed++) {
    const program = randomCrossbarProgram(seed, { dynamic: true });
    await compare(backend, program, randomImages(seed, program, 2), `seed ${seed}`);
  }
});

Deno.test("cpuBackend() agrees with the reference on random networks, whatever the thread count", async () => {
  for (const threads of [1, 2, 3]) {
    await using backend = await cpuBackend({ threads });
    for (let seed = 0; seed < 10; seed++) {
      const program = randomProgram(seed);
      await compare(backend, program, randomImages(seed, program, 3), `seed ${seed}, ${threads} threads`);
    }
  }
});
