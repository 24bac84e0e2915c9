// Decides where values live: one slot per value while it is needed, views over the same slot, and how many images fit at once.

import { DeviceError, ShapeError } from "../../errors.ts";
import type { GpuDevice } from "../../gpu/device.ts";
import { elements } from "../../tensor.ts";
import type { Program, Step, Value } from "../program.ts";
import type { Scratch, StepPlan } from "./launch.ts";

/** Device memory for activations and scratch space together, in bytes. */
const BUDGET = 2 ** 30;

/** Placement of a program's values. */
export interface MemoryPlan {
  /** Slot of each value; undefined if no step computes it. */
  readonly slotOf: readonly (number | undefined)[];
  /** Bytes per image of each slot. */
  readonly slots: readonly number[];
  /** Scratch bytes per image. */
  readonly scratch: Readonly<Record<Scratch, number>>;
  /** Most images that fit at once. */
  readonly capacity: number;
}

/** Bytes one image of a value takes. */
export function bytesOf({ type, shape }: Value): number {
  return elements(shape) * (type === "u8" ? 1 : 4);
}

/** Values a step reads. */
export function inputsOf(step: Step): readonly number[] {
  return "inputs" in step ? step.inputs : [step.input];
}

/**
 * Places values in slots, reusing a slot once nothing reads it any more.
 *
 * @throws {ShapeError} if a step reads what no earlier step computes.
 * @throws {DeviceError} if not even one image fits.
 */
export function planMemory(device: GpuDevice, program: Program, plans: readonly StepPlan[]): MemoryPlan {
  const { values, steps } = program;
  const root = values.map((_, index) => index);
  const lastRead = new Map<number, number>();
  steps.forEach((step, index) => {
    for (const input of inputsOf(step)) lastRead.set(root[input]!, index);
    if (step.op === "view") root[step.output] = root[step.input]!;
  });
  const slots: number[] = [];
  const slotOf: (number | undefined)[] = values.map(() => undefined);
  const free: number[] = [];
  const take = (bytes: number): number => {
    // The free slot that wastes or grows least.
    free.sort((a, b) => Math.abs(slots[a]! - bytes) - Math.abs(slots[b]! - bytes));
    const slot = free.shift() ?? slots.push(0) - 1;
    slots[slot] = Math.max(slots[slot]!, bytes);
    return slot;
  };
  slotOf[0] = take(bytesOf(values[0]!));
  steps.forEach((step, index) => {
    const inputs = inputsOf(step);
    const missing = inputs.find((input) => slotOf[input] === undefined);
    const output = values[step.output];
    if (missing !== undefined || output === undefined) {
      throw new ShapeError("plan a program", {
        where: `step ${index} (${step.op})`,
        got: missing ?? step.output,
        wanted: "values computed before",
      });
    }
    if (step.op === "view") slotOf[step.output] = slotOf[step.input];
    else slotOf[step.output] = take(bytesOf(output));
    const ended = new Set(inputs.map((input) => root[input]!).filter((input) => lastRead.get(input) === index));
    if (step.op !== "view" && !lastRead.has(step.output)) ended.add(step.output);
    for (const value of ended) free.push(slotOf[value]!);
  });
  const scratch = { bits: 0, counts: 0, flags: 0 };
  for (const plan of plans) {
    scratch.bits = Math.max(scratch.bits, plan.scratch?.bits ?? 0);
    scratch.counts = Math.max(scratch.counts, plan.scratch?.counts ?? 0);
    scratch.flags = Math.max(scratch.flags, plan.scratch?.flags ?? 0);
  }
  const sizes = [...slots, scratch.bits, scratch.counts, scratch.flags];
  const largest = Math.max(...sizes);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const capacity = Math.floor(Math.min(device.limits.bindingSize / largest, Math.max(BUDGET / total, 1)));
  if (capacity < 1) {
    throw new DeviceError("plan a program", {
      got: `${largest} bytes per image`,
      wanted: `at most ${device.limits.bindingSize} on ${device.description}`,
    });
  }
  return { slotOf, slots, scratch, capacity };
}
