import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { NumericError, OptionError } from "../../lib/errors.ts";
import type { Pair, Shape } from "../../lib/network/graph.ts";
import { hash } from "../../lib/random.ts";
import type { Backend } from "../../lib/simulate/backend.ts";
import { analogBlocks, fitsNarrow } from "../../lib/simulate/cpu/analog_pack.ts";
import { analogConversion } from "../../lib/simulate/cpu/analog_thresholds.ts";
import { cpuBackend } from "../../lib/simulate/cpu/backend.ts";
import { NOISE_LEVELS } from "../../lib/simulate/noise.ts";
import type { AnalogConverter, AnalogNoise, AnalogStep, Geometry, Program } from "../../lib/simulate/program.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import type { Tensor } from "../../lib/tensor.ts";

/** What a random step is made of; everything else is drawn. */
interface Kind {
  readonly converter: "uniform" | "thresholds" | "many" | "perColumn" | "manyPerColumn" | "none";
  readonly noise: "none" | "constant" | "levels";
  readonly digitBits: number;
  /** Whether each drive level has cells of its own. */
  readonly driven: boolean;
}

const KINDS: readonly Kind[] = (["uniform", "thresholds", "many", "perColumn", "manyPerColumn", "none"] as const).flatMap((converter) =>
  (["none", "constant", "levels"] as const).flatMap((noise) =>
    [1, 2, 3].flatMap((digitBits) => [false, true].map((driven) => ({ converter, noise, digitBits, driven })))
  )
);

function drawing(seed: number) {
  let count = 0;
  const integer = (low: number, high: number) => low + hash(seed, count++) % (high - low + 1);
  return { integer, pick: <T>(items: readonly T[]): T => items[integer(0, items.length - 1)]! };
}
type Draws = ReturnType<typeof drawing>;

function geometryOf({ integer, pick }: Draws, tall: boolean): Geometry {
  const groups = tall ? 1 : integer(1, 2), linear = tall || integer(0, 3) === 0;
  const depth = tall ? 330 : integer(1, 9), columns = pick([1, 3, 8, 10, 17, 24, 35, 47, 66]);
  const [height, width] = linear ? [1, 1] : [integer(3, 5), integer(3, 6)];
  const kernel: Pair = linear ? [1, 1] : [integer(1, 3), integer(1, 3)];
  const padding: Pair = linear ? [0, 0] : [integer(0, 1), integer(0, 1)], stride: Pair = [integer(1, 2), integer(1, 2)];
  const extent = (axis: 0 | 1, input: number) => Math.floor((input + 2 * padding[axis] - kernel[axis]) / stride[axis]) + 1;
  const outputShape: Shape = [extent(0, height), extent(1, width), groups * columns];
  return { kernel, stride, padding, dilation: [1, 1], groups, inputShape: [height, width, groups * depth], outputShape };
}

function randomStep(seed: number, kind: Kind): AnalogStep {
  const draws = drawing(seed), { integer, pick } = draws, tall = seed % 6 === 0, geometry = geometryOf(draws, tall), { groups } = geometry;
  const rows = geometry.kernel[0] * geometry.kernel[1] * geometry.inputShape[2] / groups, columns = geometry.outputShape[2] / groups;
  const lines = integer(1, 3), planes = groups * lines, inputBits = integer(1, 8);
  const tiles = tall ? [0, 7, 290, rows] : [0];
  while (tiles.at(-1)! < rows) tiles.push(Math.min(rows, tiles.at(-1)! + integer(1, 30)));
  const rowIndex = Int32Array.from({ length: rows }, (_, row) => row);
  if (integer(0, 1) === 1) rowIndex.reverse();
  const scale = pick([20, 3000, 60000]),
    draw = (length: number, low: number, high: number) => Int32Array.from({ length }, () => integer(low, high));
  const real = kind.converter === "none", drives = kind.driven ? 2 ** Math.min(kind.digitBits, inputBits) - 1 : 1;
  const cells = planes * rows * drives * columns;
  return {
    op: "analog",
    input: 0,
    output: 1,
    geometry,
    cells: draw(cells, -scale >> integer(0, 4), scale),
    ...(kind.driven ? { drives } : {}),
    lines,
    lineWeights: Array.from({ length: lines }, () => integer(-4, 4) * (real ? 0.37 : 1)),
    ...(integer(0, 2) === 0 ? {} : { offset: draw(planes * (tiles.length - 1) * columns, -9 * scale, 9 * scale) }),
    inputBits,
    digitBits: kind.digitBits,
    rowIndex,
    tiles,
    converter: converterOf(draws, kind.converter, { lines, planes, columns, scale }),
    ...(kind.noise === "none" ? {} : { noise: noiseOf(draws, kind.noise, { lines, cells, scale }) }),
    correction: integer(-3, 3) * (real ? 0.21 : 1),
  };
}

function converterOf(
  { integer, pick }: Draws,
  kind: Kind["converter"],
  { lines, planes, columns, scale }: { lines: number; planes: number; columns: number; scale: number },
): AnalogConverter {
  if (kind === "none") return { kind, unit: Array.from({ length: lines }, () => integer(1, 99) / 1000) };
  if (kind === "uniform") {
    const shift = Array.from({ length: lines }, () => pick([0, 1, 2, integer(3, Math.ceil(Math.log2(scale * 8)))]));
    return { kind, levels: pick([2, 15, 64, 1024]), shift, first: Array.from({ length: lines }, () => integer(-40, 40)) };
  }
  const levels = kind === "thresholds" || kind === "perColumn" ? integer(1, 16) : integer(30, 90);
  const perColumn = kind === "perColumn" || kind === "manyPerColumn", sets = perColumn ? planes * columns : lines;
  const thresholds = new Int32Array(sets * (levels - 1));
  for (let set = 0; set < sets; set++) {
    const each = Int32Array.from({ length: levels - 1 }, () => integer(-20 * scale, 60 * scale)).sort();
    thresholds.set(each, set * (levels - 1));
  }
  return {
    kind: "thresholds",
    levels,
    perColumn,
    thresholds,
    codes: Int32Array.from({ length: lines * levels }, () => integer(-500, 500)),
  };
}

function noiseOf(
  { integer }: Draws,
  kind: "constant" | "levels",
  { lines, cells, scale }: { lines: number; cells: number; scale: number },
): AnalogNoise {
  const deviations = Int32Array.from({ length: lines * (NOISE_LEVELS + 1) }, () => integer(0, Math.min(2 ** 20, 200 * scale)));
  const common = { key: integer(0, 2 ** 31 - 1) * 2, deviations, precision: Array.from({ length: lines }, () => integer(1, 9)) };
  if (kind === "constant") return common;
  const variance = Uint8Array.from({ length: cells }, () => integer(0, 255));
  return { ...common, variance, levelShift: Array.from({ length: lines }, () => integer(0, 4)) };
}

function programOf(step: AnalogStep): Program {
  const { inputShape, outputShape } = step.geometry, channels = outputShape[2], real = step.converter.kind === "none";
  return {
    values: [
      { type: "u8", shape: inputShape, name: "input" },
      { type: real ? "f32" : "i32", shape: outputShape, name: "sums" },
      { type: "f32", shape: outputShape, name: "output" },
    ],
    steps: [step, { op: "affine", input: 1, output: 2, scale: new Float32Array(channels).fill(1), bias: new Float32Array(channels) }],
    output: 2,
  };
}

function imagesOf(step: AnalogStep, batch: number, seed: number): Tensor<Uint8Array> {
  const [height, width, channels] = step.geometry.inputShape, length = batch * height * width * channels;
  const data = Uint8Array.from({ length }, (_, at) => hash(seed, 7, at) & (2 ** step.inputBits - 1));
  return { shape: [batch, height, width, channels], data };
}

/** Sums of a step, the batch run in parts of `part` images. */
async function sums(
  backend: Pick<Backend, "prepare">,
  step: AnalogStep,
  images: Tensor<Uint8Array>,
  first: number,
  part: number,
): Promise<number[]> {
  await using session = await backend.prepare(programOf(step));
  const batch = images.shape[0]!, pixels = images.data.length / batch, found: number[] = [];
  for (let at = 0; at < batch; at += part) {
    const count = Math.min(part, batch - at), data = images.data.subarray(at * pixels, (at + count) * pixels);
    const { taps } = await session.run({ shape: [count, ...images.shape.slice(1)], data }, [1], first + at);
    found.push(...taps.get(1)!.data);
  }
  return found;
}

function compare(step: AnalogStep, got: readonly number[], wanted: readonly number[], message: string): void {
  if (step.converter.kind !== "none") return assertEquals([...got], [...wanted], message);
  const largest = wanted.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  got.forEach((each, at) => assertAlmostEquals(each, wanted[at]!, 1e-5 * Math.max(largest, 1e-9), message));
}

Deno.test("prepareAnalog() agrees with the reference on random steps of every kind", async () => {
  await using cpu = await cpuBackend({ threads: 2 });
  const ways = new Set<string>();
  for (const [seed, kind] of KINDS.entries()) {
    const step = randomStep(seed, kind), images = imagesOf(step, 3, seed), first = seed * 5;
    const wanted = await sums(referenceBackend(), step, images, first, 3);
    compare(step, await sums(cpu, step, images, first, 3), wanted, `seed ${seed}: ${JSON.stringify(kind)}`);
    const narrow = fitsNarrow(step), { converter, perColumn } = analogConversion(step, analogBlocks(step, narrow));
    ways.add(`${narrow ? 16 : 32} bits`).add(`${converter}${perColumn ? " per column" : ""}`);
  }
  assertEquals([...ways].sort(), ["16 bits", "32 bits", "buckets", "buckets per column", "none", "search", "search per column", "uniform"]);
});

Deno.test("prepareAnalog() gives results that depend neither on batches nor on threads", async () => {
  await using one = await cpuBackend({ threads: 1 });
  await using three = await cpuBackend({ threads: 3 });
  for (const [seed, kind] of KINDS.filter(({ digitBits }) => digitBits === 1).entries()) {
    const step = randomStep(100 + seed, kind), images = imagesOf(step, 5, seed);
    const wanted = await sums(one, step, images, 11, 5);
    assertEquals(await sums(three, step, images, 11, 2), wanted);
    assertEquals(await sums(one, step, images, 11, 1), wanted);
  }
});

Deno.test("prepareAnalog() takes many positions in pieces", async () => {
  await using cpu = await cpuBackend({ threads: 2 });
  const step = randomStep(3, { converter: "uniform", noise: "levels", digitBits: 2, driven: true }),
    [height, width] = step.geometry.outputShape;
  const images = imagesOf(step, Math.ceil(700 / (height * width)), 5), batch = images.shape[0]!;
  assertEquals(await sums(cpu, step, images, 0, batch), await sums(referenceBackend(), step, images, 0, batch));
});

Deno.test("prepareAnalog() refuses variances and weights it cannot add up", async () => {
  await using cpu = await cpuBackend({ threads: 1 });
  const step = randomStep(6, { converter: "uniform", noise: "levels", digitBits: 3, driven: false });
  const variance = new Uint8Array(step.cells.length).fill(255), noise = { ...step.noise!, variance };
  const wide = { ...step, inputBits: 8, digitBits: 8, noise };
  await assertRejects(() => cpu.prepare(programOf(wide)), NumericError, "sums.noise");
  await assertRejects(() => cpu.prepare(programOf({ ...step, correction: 0.5 })), OptionError, "integer line weights");
});
