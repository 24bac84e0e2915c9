// Cuts a program in two: steps that are the same whatever the chip, and those that follow from what differs. Between them go codes alone.

import { elements } from "../tensor.ts";
import type { GatherStep, Program, Step, Value } from "./program.ts";

/** One half of a program, with values renumbered. */
export interface ProgramHalf {
  /** The half as a program of its own. */
  readonly program: Program;
  /** Its number of each value of the whole program that it computes or reads. */
  readonly numbers: ReadonlyMap<number, number>;
}

/** Where a program is cut. */
export interface Cut {
  /** By step: whether it belongs to the second half. */
  readonly second: readonly boolean[];
  /** Values of the whole program that pass from the first half to the second, u8 all of them. */
  readonly live: readonly number[];
}

/** What a step reads and writes. */
type StepOutline = Pick<Step, "op" | "output"> & { readonly inputs: readonly number[] };

/** Values a step reads. */
function inputsOf(step: Step | StepOutline): readonly number[] {
  return "inputs" in step ? step.inputs : [step.input];
}

/**
 * Decides where to cut: steps that differ, and all that read what they make, come second. So does what makes values other than codes for them, which is
 * cheaper made again than kept, as long as that leads back to codes.
 *
 * @param differs Whether a step is one that differs.
 * @returns Undefined if the output differs in nothing, or nothing is left for the first half.
 */
export function cutProgram({ values, steps, output }: Program, differs: (step: Step) => boolean): Cut | undefined {
  const touched = new Set<number>(),
    second = steps.map((step) => {
      const own = differs(step) || inputsOf(step).some((input) => touched.has(input));
      if (own) touched.add(step.output);
      return own;
    });
  if (!touched.has(output)) return undefined;
  // From the end, so that what a step needs is known before the step that makes it is met.
  const needed = new Set<number>();
  for (let at = steps.length - 1; at >= 0; at--) {
    const step = steps[at]!;
    if (!second[at] && needed.has(step.output) && values[step.output]!.type !== "u8") second[at] = true;
    if (second[at]) { for (const input of inputsOf(step)) needed.add(input); }
  }
  if (second.every((own) => own)) return undefined;
  const made = new Set(steps.filter((_, at) => second[at]).map((step) => step.output));
  return { second, live: [...needed].filter((value) => !made.has(value)).sort((a, b) => a - b) };
}

/**
 * The first half. What passes to the second half is to be tapped; the output says nothing.
 */
export function firstHalf(program: Program, { second }: Cut): ProgramHalf {
  const half = draft(program.values[0]!);
  half.numbers.set(0, 0);
  program.steps.forEach((step, at) => second[at] || take(half, program, step));
  const one: GatherStep = {
    op: "gather",
    input: 0,
    output: add(half, { type: "u8", shape: [1, 1, 1], name: "first code" }),
    origins: new Int32Array(2),
    rows: new Int32Array(3),
  };
  half.steps.push(one);
  return finished(half, real(half, one.output));
}

/**
 * The second half. It reads the live values of an image one after the other, `[batch, 1, 1, codes]`, or, where there is one only, that value as it is.
 */
export function secondHalf(program: Program, { second, live }: Cut): ProgramHalf {
  const { values, steps } = program, [only] = live, sizes = live.map((value) => elements(values[value]!.shape));
  const total = sizes.reduce((sum, size) => sum + size, 0), most = largestCodes(program), digital = digitalInputs(program, second);
  const half = draft(live.length === 1 ? values[only!]! : { type: "u8", shape: [1, 1, total], name: "kept codes" });
  let from = 0;
  live.forEach((value, at) => {
    const { shape, name } = values[value]!, size = sizes[at]!;
    let codes = 0;
    if (live.length > 1) {
      const flat = add(half, { type: "u8", shape: [1, 1, size], name }), rows = new Int32Array(3 * size);
      for (let row = 0; row < size; row++) rows[3 * row + 2] = from + row;
      half.steps.push({ op: "gather", input: 0, output: flat, origins: new Int32Array(2), rows });
      half.steps.push({ op: "view", input: flat, output: codes = add(half, { type: "u8", shape, name }) });
    }
    // Digital layers rely on how large codes can be, which the input of a program does not tell.
    if (digital.has(value) && most[value]! < 255) {
      const input = real(half, codes);
      codes = add(half, { type: "u8", shape, name });
      half.steps.push({ op: "quantize", input, output: codes, step: 1, levels: most[value]! });
    }
    half.numbers.set(value, codes);
    from += size;
  });
  steps.forEach((step, at) => second[at] && take(half, program, step));
  return finished(half, half.numbers.get(program.output)!);
}

/** A half being made. */
interface Draft {
  readonly values: Value[];
  readonly steps: Step[];
  readonly numbers: Map<number, number>;
}

function draft(input: Value): Draft {
  return { values: [input], steps: [], numbers: new Map() };
}

function add({ values }: Draft, value: Value): number {
  return values.push(value) - 1;
}

/** Takes a step of the whole program over, with values by their numbers here. */
function take(half: Draft, { values }: Program, step: Step): void {
  const number = (value: number) => half.numbers.get(value)!, output = add(half, values[step.output]!);
  half.numbers.set(step.output, output);
  half.steps.push("inputs" in step ? { ...step, inputs: step.inputs.map(number), output } : { ...step, input: number(step.input), output });
}

/** Adds a step that makes codes real numbers. */
function real(half: Draft, input: number): number {
  const { shape, name } = half.values[input]!, output = add(half, { type: "f32", shape, name }), channels = shape[2];
  half.steps.push({ op: "affine", input, output, scale: new Float32Array(channels).fill(1), bias: new Float32Array(channels) });
  return output;
}

function finished({ values, steps, numbers }: Draft, output: number): ProgramHalf {
  return { program: { values, steps, output }, numbers };
}

/** Largest code of each u8 value. */
function largestCodes({ values, steps }: Program): number[] {
  const most = values.map(() => 255);
  for (const step of steps) {
    if (step.op === "threshold" || step.op === "quantize") most[step.output] = Math.min(255, step.levels);
    else if (step.op === "view" || step.op === "maxPool" || step.op === "gather") most[step.output] = most[step.input]!;
  }
  return most;
}

/** Values whose codes reach a digital layer of the second half as they are. */
function digitalInputs({ steps }: Program, second: readonly boolean[]): Set<number> {
  const found = new Set<number>();
  for (let at = steps.length - 1; at >= 0; at--) {
    const step = steps[at]!, keeps = step.op === "view" || step.op === "maxPool" || step.op === "gather";
    if (second[at] && (step.op === "integer" || keeps && found.has(step.output))) found.add(step.input);
  }
  return found;
}

/** What a step costs per image, in multiplications of one bit by one bit on ideal cells: real cells cost about five times as much, digital layers eight. */
export function workOf(step: Step): number {
  if (!("geometry" in step)) return 0;
  const { kernel, inputShape, outputShape, groups } = step.geometry;
  const macs = elements(outputShape) * elements(kernel) * inputShape[2] / groups;
  if (step.op === "integer" || step.op === "float") return 8 * macs;
  return macs * Math.ceil(step.inputBits / step.digitBits) * (step.op === "analog" ? 5 * step.lines : step.slices);
}

/** The first half of a program to the bit, and the plan of the second: what it takes to know whether another program can be cut like it. */
export interface CommonPart {
  readonly values: readonly Value[];
  readonly steps: readonly (Step | StepOutline)[];
  readonly output: number;
}

/** What a program has in common with those that can be cut like it; the weights of its second half are not kept. */
export function commonPart({ values, steps, output }: Program, { second }: Cut): CommonPart {
  return { values, steps: steps.map((step, at) => second[at] ? outline(step) : step), output };
}

/** Whether a program has the first half of another to the bit, and a second half of the same plan. */
export function sameFirstHalf(common: CommonPart, program: Program, cut: Cut): boolean {
  return same(common, commonPart(program, cut));
}

function outline(step: Step): StepOutline {
  return { op: step.op, inputs: inputsOf(step), output: step.output };
}

/** Whether plain data are equal to the bit. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) return a.constructor === b.constructor && sameBytes(a, b);
  const names = Object.keys(a);
  return names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && same(a[name as keyof typeof a], b[name as keyof typeof b]));
}

function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.byteLength !== b.byteLength) return false;
  const one = new Uint8Array(a.buffer, a.byteOffset, a.byteLength), other = new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
