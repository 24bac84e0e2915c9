// Comparing the WGSL backend with the oracle, value by value; and programs whose ADC loses nothing.

import { assertEquals } from "@std/assert";
import { DeviceError } from "../../../lib/errors.ts";
import { type GpuDevice, openDevice } from "../../../lib/gpu/device.ts";
import type { AdcTable, Program } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { prepareSession, type SessionOptions } from "../../../lib/simulate/webgpu/session.ts";
import type { Tensor, TypedArray } from "../../../lib/tensor.ts";

/** A device, or undefined where there is no adapter. */
export async function deviceIfAny(): Promise<GpuDevice | undefined> {
  try {
    return await openDevice();
  } catch (error) {
    if (error instanceof DeviceError) return undefined;
    throw error;
  }
}

/** Integers must be equal, floats within 1e-5 of the largest. */
export function assertClose(actual: Tensor<TypedArray>, expected: Tensor<TypedArray>, what: string): void {
  assertEquals(actual.shape, expected.shape, what);
  let largest = 0;
  for (const item of expected.data) largest = Math.max(largest, Math.abs(item));
  for (let at = 0; at < expected.data.length; at++) {
    const [got, wanted] = [actual.data[at]!, expected.data[at]!];
    const tolerance = expected.data instanceof Float32Array ? 1e-5 * Math.max(Math.abs(wanted), largest) : 0;
    if (!(Math.abs(got - wanted) <= tolerance) && got !== wanted) throw new Error(`${what}[${at}]: got ${got}, wanted ${wanted}`);
  }
}

/** Compares every value of a program under each of several session options. */
export async function agreeOn(
  device: GpuDevice,
  program: Program,
  images: Tensor<Uint8Array>,
  label: string,
  options: readonly SessionOptions[],
): Promise<void> {
  const taps = program.values.map((_, value) => value);
  await using reference = referenceBackend();
  await using expected = await reference.prepare(program);
  const want = await expected.run(images, taps);
  for (const [index, option] of options.entries()) {
    await using session = await prepareSession(device, program, option);
    const got = await session.run(images, taps);
    for (const tap of taps) {
      assertClose(got.taps.get(tap)!, want.taps.get(tap)!, `${label}, options ${index}, ${program.values[tap]!.name}`);
    }
    assertClose(got.output, want.output, `${label}, options ${index}`);
  }
}

/** The same program with every table replaced by gain · d + offset, which loses nothing. */
export function lossless(program: Program, gain: number, offset: number): Program {
  const linear = ({ min, max, codes }: AdcTable): AdcTable => ({ min, max, codes: codes.map((_, index) => gain * (index + min) + offset) });
  return {
    ...program,
    steps: program.steps.map((step) =>
      step.op === "crossbar" && step.adc.kind === "table" ? { ...step, adc: { kind: "table", table: linear(step.adc.table) } } : step
    ),
  };
}
