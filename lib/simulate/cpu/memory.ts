// Where values lie: buffers are shared by values that are never needed at the same time, so memory follows the widest step, not the depth.

import { elements } from "../../tensor.ts";
import type { Program, Value } from "../program.ts";

/** Every buffer starts at a multiple of this many bytes. */
const ALIGN = 64;

/** Places of a program's values, in bytes per image. */
export interface MemoryPlan {
  /** Start of each value; views start where the value they show does. */
  readonly offsets: readonly number[];
  /** Bytes of all values together. */
  readonly bytes: number;
}

/** Bytes of a value per image. */
export function bytesOf({ type, shape }: Value): number {
  return elements(shape) * (type === "u8" ? 1 : 4);
}

/**
 * Plans the buffers of a program: a value holds its bytes from the step that writes it to the last step that reads it or a view of it.
 *
 * Largest values are placed first, each at the lowest offset that is free all its life. The output is kept to the end; values tapped must be copied
 * before the next step runs.
 */
export function planMemory({ values, steps, output }: Program): MemoryPlan {
  const owner = values.map((_, value) => value);
  const first = values.map(() => -1), last = values.map(() => -1);
  steps.forEach((step, index) => {
    if (step.op === "view") owner[step.output] = owner[step.input]!;
    else first[step.output] = index;
    for (const value of [...("inputs" in step ? step.inputs : [step.input]), step.output]) last[owner[value]!] = index;
  });
  last[owner[output]!] = steps.length;
  const sizes = values.map((value) => Math.ceil(bytesOf(value) / ALIGN) * ALIGN);
  const order = values.map((_, value) => value).filter((value) => owner[value] === value).sort((a, b) => sizes[b]! - sizes[a]!);
  const offsets = values.map(() => 0), placed: number[] = [];
  for (const value of order) {
    const others = placed.filter((other) => first[other]! <= last[value]! && first[value]! <= last[other]!)
      .sort((a, b) => offsets[a]! - offsets[b]!);
    let offset = 0;
    for (const other of others) {
      if (offsets[other]! >= offset + sizes[value]!) break;
      offset = Math.max(offset, offsets[other]! + sizes[other]!);
    }
    offsets[value] = offset;
    placed.push(value);
  }
  return {
    offsets: owner.map((value) => offsets[value]!),
    bytes: placed.reduce((most, value) => Math.max(most, offsets[value]! + sizes[value]!), 0),
  };
}
