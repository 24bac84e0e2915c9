// Random layers for proving that all ways to compute one agree: many small cases of one cell scheme in one program, each known by its seed.

import { hash, uniform } from "../../lib/random.ts";
import type { Pair, Shape } from "../../lib/network/graph.ts";
import type { Backend } from "../../lib/simulate/backend.ts";
import { reachOf } from "../../lib/simulate/cpu/cells.ts";
import type { AdcTable, CrossbarStep, Geometry, IntegerStep, Program, Step, Value } from "../../lib/simulate/program.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import type { Tensor } from "../../lib/tensor.ts";
import { type Draws, draws } from "./random_program.ts";

/** Seeds s with the same ⌊s / GROUP⌋ share a scheme and may share a program. */
export const GROUP = 32;
/** Pixels of an image, from which every case gathers its own input. */
const PIXELS: Shape = [8, 8, 16];
/** Images per program, unless said otherwise; some kernels run only where there are many. */
const BATCH = 2;

/** What the cases of a group have in common: everything that is fixed in the text of a kernel. */
interface Scheme {
  readonly inputBits: number;
  readonly digitBits: number;
  readonly sliceWeights: readonly number[];
  readonly lowest: number;
  readonly highest: number;
  readonly tileRows: number;
  readonly correction: number;
  /** Share of the inputs that are not 0. */
  readonly density: number;
}

function schemeOf(group: number): Scheme {
  const random = draws(hash(group, 11)), inputBits = random.integer(1, 8), cellBits = random.pick([1, 1, 1, 2, 3, 4]);
  const slices = random.pick([1, 1, 2, 2, 3, 4]), top = 2 ** cellBits - 1;
  return {
    inputBits,
    digitBits: random.chance(0.6) ? 1 : random.integer(1, Math.min(4, inputBits)),
    sliceWeights: Array.from({ length: slices }, (_, slice) => (random.chance(0.15) ? -1 : 1) * 2 ** (cellBits * slice)),
    lowest: random.pick([0, 0, -top, -1]),
    highest: top,
    tileRows: random.pick([7, 16, 31, 32, 33, 64, 100, 128, 200, 300]),
    correction: random.pick([0, 0, -3, 8]),
    density: random.pick([0.1, 0.3, 0.7, 1]),
  };
}

/** A convolution or a linear layer whose input has at most as many elements as an image. */
function geometryOf(random: Draws): Geometry {
  const dense = random.chance(0.3), groups = random.chance(0.6) ? 1 : random.integer(2, 4);
  const depth = dense ? random.integer(1, 1024 / groups) : random.pick([1, 2, 3, 4, 5, 8, 11, 16, 20]);
  const channels = groups * (dense ? Math.min(depth, 256) : depth);
  const side = dense ? 1 : Math.max(1, Math.min(6, Math.floor(Math.sqrt(1024 / channels))));
  const [height, width] = dense ? [1, 1] : [random.integer(1, side), random.integer(1, side)];
  const kernel: Pair = dense ? [1, 1] : [random.integer(1, Math.min(3, height)), random.integer(1, Math.min(3, width))];
  const padding: Pair = [random.integer(0, kernel[0] - 1), random.integer(0, kernel[1] - 1)];
  const stride: Pair = [random.integer(1, 2), random.integer(1, 2)];
  const dilation = [0, 1].map((axis) => kernel[axis]! > 1 && (kernel[axis]! - 1) * 2 < [height, width][axis]! ? random.integer(1, 2) : 1);
  const extent = (axis: 0 | 1, input: number) =>
    Math.floor((input + 2 * padding[axis] - dilation[axis]! * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  const outputShape: Shape = [extent(0, height), extent(1, width), groups * random.pick([1, 2, 3, 8, 9, 16, 17, 33])];
  return { kernel, stride, padding, dilation: [dilation[0]!, dilation[1]!], groups, inputShape: [height, width, channels], outputShape };
}

/** Kinds of converters, each taking another way through some backend. */
const CONVERTERS = ["lossless", "clip", "clip", "clip", "even", "affine", "table"] as const;

function converter(random: Draws, { low: min, high: max }: { low: number; high: number }, largest: number): AdcTable {
  const kind = random.pick(CONVERTERS),
    table = (code: (d: number) => number): AdcTable => {
      const codes = Int32Array.from({ length: max - min + 1 }, (_, index) => Math.min(Math.max(code(index + min), -largest), largest));
      return { min, max, codes };
    };
  const top = random.pick([1, 3, 7, 15, 31, 63, 255, Math.max(1, max >> 1)]), base = random.pick([0, 0, 0, 5, -2]);
  if (kind === "lossless") {
    const [gain, offset] = [random.pick([1, 1, 2, -1]), random.integer(-3, 3)];
    return table((d) => gain * d + offset);
  }
  const bottom = min === 0 ? 0 : -random.integer(0, top), bound = (code: number) => Math.min(Math.max(code, bottom), top) + base;
  if (kind === "clip") return table(bound);
  const shift = random.integer(1, 4), step = random.integer(9, 90) / 8;
  if (kind === "even") {
    return table((d) => {
      const code = Math.round(d / 2 ** shift);
      return bound(Math.abs(d / 2 ** shift - Math.trunc(d / 2 ** shift)) === 0.5 && code % 2 !== 0 ? code - 1 : code);
    });
  }
  if (kind === "affine") return table((d) => bound(Math.round(d / step)));
  const key = random.integer(0, 2 ** 30), some = random.chance(0.5);
  return table((d) => some ? Math.round(Math.sqrt(Math.abs(d))) : hash(key, d) % (top + 1));
}

function crossbarCase(random: Draws, scheme: Scheme, geometry: Geometry, numbers: { input: number; output: number }): CrossbarStep {
  const { lowest, highest, sliceWeights, inputBits, digitBits, tileRows } = scheme;
  const { kernel, groups, inputShape, outputShape } = geometry;
  const rows = kernel[0] * kernel[1] * inputShape[2] / groups, columns = outputShape[2] / groups, slices = sliceWeights.length;
  const share = random.pick([0.05, 0.5, 1]);
  const cells = Int8Array.from(
    { length: groups * slices * rows * columns },
    () => random.chance(share) ? random.integer(lowest, highest) : Math.max(lowest, 0),
  );
  // Both ends in every slice, so that all cases of a group have the same planes.
  for (let slice = 0; slice < slices; slice++) cells.set([lowest, highest].slice(0, rows * columns), slice * rows * columns);
  const rowIndex = Int32Array.from({ length: rows }, (_, row) => row);
  for (let last = rows - 1; random.chance(0.97) && share < 1 && last > 0; last--) {
    const other = random.integer(0, last);
    [rowIndex[last], rowIndex[other]] = [rowIndex[other]!, rowIndex[last]!];
  }
  const tiles = [0], height = Math.min(rows, tileRows);
  while (tiles.at(-1)! < rows) tiles.push(Math.min(rows, tiles.at(-1)! + (random.chance(0.2) ? Math.max(1, height >> 1) : height)));
  const rest = { op: "crossbar", ...numbers, geometry, cells, slices, sliceWeights, inputBits, digitBits, rowIndex, tiles } as const;
  const unset = { kind: "table", table: { min: 0, max: 0, codes: new Int32Array(1) } } as const;
  const reach = reachOf({ ...rest, adc: unset, correction: 0 });
  const gain = (tiles.length - 1) * 2 ** (inputBits + digitBits) * sliceWeights.reduce((sum, weight) => sum + Math.abs(weight), 0);
  const spare = random.chance(0.2) ? random.integer(0, 4) : 0;
  const table = converter(random, { low: reach.low - spare, high: reach.high + spare }, Math.max(1, Math.floor(2 ** 29 / gain)));
  return { ...rest, adc: { kind: "table", table }, correction: scheme.correction };
}

function integerCase(random: Draws, geometry: Geometry, numbers: { input: number; output: number }): IntegerStep {
  const rows = geometry.kernel[0] * geometry.kernel[1] * geometry.inputShape[2] / geometry.groups;
  const largest = random.pick([1, 7, 127, 128, 4000, 32767]);
  const weights = Int16Array.from({ length: rows * geometry.outputShape[2] }, () => random.integer(-largest, largest));
  return { op: "integer", ...numbers, geometry, weights, zero: random.pick([0, 0, 3, 128, 255]) };
}

/** Cases in one program. */
export interface Agreement {
  readonly program: Program;
  readonly images: Tensor<Uint8Array>;
  /** Value that each case makes, in the order of the seeds. */
  readonly sums: readonly number[];
}

/** Layers side by side, each on pixels of its own: about one in eight digital, the others crossbars. All seeds must be of one group. */
export function agreementProgram(seeds: readonly number[], batch = BATCH): Agreement {
  const group = Math.floor(seeds[0]! / GROUP), scheme = schemeOf(group), total = PIXELS[0] * PIXELS[1] * PIXELS[2];
  const values: Value[] = [{ type: "u8", shape: PIXELS, name: "input" }], steps: Step[] = [];
  const add = (type: Value["type"], shape: Shape, name: string) => values.push({ type, shape, name }) - 1;
  const sums = seeds.map((seed) => {
    const random = draws(hash(seed, 12)), geometry = geometryOf(random), [height, width, channels] = geometry.inputShape;
    const count = height * width * channels, start = random.integer(0, total - 1), pace = random.pick([1, 1, 3, 77]);
    const rows = new Int32Array(3 * count);
    for (let at = 0; at < count; at++) {
      const pixel = (start + pace * at) % total, channel = pixel % PIXELS[2], place = (pixel - channel) / PIXELS[2];
      rows.set([Math.floor(place / PIXELS[1]), place % PIXELS[1], channel], 3 * at);
    }
    const gathered = add("u8", [1, 1, count], `gather ${seed}`), input = add("u8", geometry.inputShape, `input ${seed}`);
    const output = add("i32", geometry.outputShape, `case ${seed}`);
    steps.push({ op: "gather", input: 0, output: gathered, origins: new Int32Array(2), rows });
    steps.push({ op: "view", input: gathered, output: input });
    const make = random.chance(0.12) ? integerCase(random, geometry, { input, output }) : undefined;
    steps.push(make ?? crossbarCase(random, scheme, geometry, { input, output }));
    return output;
  });
  const last = values[sums.at(-1)!]!, output = add("f32", last.shape, "output");
  steps.push({
    op: "affine",
    input: sums.at(-1)!,
    output,
    scale: new Float32Array(last.shape[2]).fill(2 ** -8),
    bias: new Float32Array(last.shape[2]),
  });
  const key = hash(group, 13), data = new Uint8Array(batch * total);
  for (let at = 0; at < data.length; at++) {
    if (uniform(key, at, 1) < scheme.density) data[at] = hash(key, at) & (2 ** scheme.inputBits - 1);
  }
  return { program: { values, steps, output }, images: { shape: [batch, ...PIXELS], data }, sums };
}

/** A case on which a backend and the oracle differ. */
export interface Disagreement {
  readonly seed: number;
  /** What differs, or what was thrown. */
  readonly what: string;
}

/**
 * Runs `count` cases from `seed` on `batch` images each, group by group, and gives back the wrong ones; `onGroup` hears of the cases done and the wrong ones
 * so far.
 */
export async function disagreements(
  backend: Pick<Backend, "prepare">,
  seed: number,
  count: number,
  onGroup: (done: number, wrong: readonly Disagreement[]) => void = () => {},
  batch = BATCH,
): Promise<Disagreement[]> {
  const wrong: Disagreement[] = [];
  for (let first = seed; first < seed + count;) {
    const end = Math.min(seed + count, (Math.floor(first / GROUP) + 1) * GROUP);
    wrong.push(...await wrongCases(backend, Array.from({ length: end - first }, (_, at) => first + at), batch));
    first = end;
    onGroup(first - seed, wrong);
  }
  return wrong;
}

async function wrongCases(backend: Pick<Backend, "prepare">, seeds: readonly number[], batch: number): Promise<Disagreement[]> {
  const { program, images, sums } = agreementProgram(seeds, batch), wrong: Disagreement[] = [];
  try {
    await using oracle = referenceBackend();
    await using expected = await oracle.prepare(program);
    await using session = await backend.prepare(program);
    const [want, got] = [await expected.run(images, sums), await session.run(images, sums)];
    seeds.forEach((seed, index) => {
      const [wanted, actual] = [want.taps.get(sums[index]!)!.data, got.taps.get(sums[index]!)!.data];
      const at = wanted.findIndex((each, place) => each !== actual[place]);
      if (at >= 0) wrong.push({ seed, what: `element ${at}: ${actual[at]} for ${wanted[at]} (${describe(program, sums[index]!)})` });
    });
  } catch (error) {
    // One case at a time tells whose fault it was.
    if (seeds.length === 1) return [{ seed: seeds[0]!, what: (error as Error).stack ?? String(error) }];
    for (const seed of seeds) wrong.push(...await wrongCases(backend, [seed], batch));
    if (wrong.length === 0) wrong.push({ seed: seeds[0]!, what: `only together with ${seeds.length - 1} more: ${error}` });
  }
  return wrong;
}

function describe({ steps }: Program, value: number): string {
  const step = steps.find(({ output }) => output === value) as CrossbarStep | IntegerStep, { geometry } = step;
  const shape = `${step.op} ${geometry.inputShape} → ${geometry.outputShape}, ${geometry.kernel} in ${geometry.groups} groups`;
  return step.op === "integer" ? shape : `${shape}, ${step.inputBits}/${step.digitBits} bits, ${step.slices} slices, tiles ${step.tiles}`;
}
