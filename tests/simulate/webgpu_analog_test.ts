// Analog steps on WebGPU against the oracle: random geometry, tiles, digits, converters and noise, to the bit; skipped without an adapter.

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { DeviceError, NumericError, OptionError } from "../../lib/errors.ts";
import { GpuDevice } from "../../lib/gpu/device.ts";
import type { Pair, Shape } from "../../lib/network/graph.ts";
import { hash, uniform } from "../../lib/random.ts";
import { NOISE_LEVELS } from "../../lib/simulate/noise.ts";
import type { AnalogConverter, AnalogNoise, AnalogStep, Geometry, Program } from "../../lib/simulate/program.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { analogParts, type AnalogSizes, rowsOfPart } from "../../lib/simulate/webgpu/analog_parts.ts";
import { prepareSession } from "../../lib/simulate/webgpu/session.ts";
import type { AnalogTile } from "../../lib/simulate/webgpu/analog.ts";
import type { TilePicker } from "../../lib/simulate/webgpu/tiles.ts";
import type { Tensor } from "../../lib/tensor.ts";
import { assertClose, deviceIfAny } from "./webgpu/agree.ts";

const device = await deviceIfAny();
const ignore = device === undefined;

/** What is fixed in the text of a kernel, so that cases of one scheme share pipelines. */
interface Scheme {
  readonly inputBits: number;
  readonly digitBits: number;
  readonly converter: "uniform" | "thresholds" | "perColumn" | "none";
  readonly noise?: "plain" | "varied";
  readonly offset?: boolean;
  readonly correction?: number;
  readonly shape: AnalogTile;
  /** Rows at least. */
  readonly rows?: number;
  /** Whether each drive level has cells of its own. */
  readonly driven?: boolean;
}

const ONE: AnalogTile = { lanesX: 8, lanesY: 4, rows: 1, columns: 1, planes: false };
const ONE_BY_PLANES: AnalogTile = { ...ONE, planes: true };
const TWO: AnalogTile = { lanesX: 4, lanesY: 4, rows: 2, columns: 2, planes: false };
const TWO_BY_PLANES: AnalogTile = { ...TWO, planes: true };
const SCHEMES: readonly Scheme[] = [
  { inputBits: 4, digitBits: 1, converter: "uniform", offset: true, shape: TWO_BY_PLANES },
  { inputBits: 8, digitBits: 3, converter: "uniform", noise: "varied", correction: -7, shape: ONE_BY_PLANES },
  { inputBits: 8, digitBits: 3, converter: "uniform", noise: "varied", correction: -7, shape: ONE },
  { inputBits: 5, digitBits: 2, converter: "thresholds", noise: "plain", offset: true, shape: ONE },
  { inputBits: 3, digitBits: 1, converter: "perColumn", noise: "varied", offset: true, correction: 5, shape: TWO_BY_PLANES },
  { inputBits: 4, digitBits: 3, converter: "none", noise: "varied", correction: 0.75, shape: ONE },
  { inputBits: 2, digitBits: 1, converter: "none", offset: true, shape: TWO },
  { inputBits: 8, digitBits: 8, converter: "uniform", noise: "varied", shape: ONE, rows: 600 },
  { inputBits: 4, digitBits: 2, converter: "uniform", noise: "varied", offset: true, correction: 3, shape: TWO, driven: true },
  { inputBits: 5, digitBits: 3, converter: "uniform", noise: "varied", correction: -7, shape: ONE_BY_PLANES, driven: true },
  { inputBits: 2, digitBits: 3, converter: "none", correction: 0.75, shape: TWO_BY_PLANES, driven: true },
];

/** Always this shape. */
function always(shape: AnalogTile): TilePicker {
  return { pick: (_, { make }) => make(shape) };
}

function draws(seed: number) {
  let count = 0;
  const integer = (low: number, high: number) => low + Math.floor(uniform(seed, count++) * (high - low + 1));
  return { integer, pick: <T>(items: readonly T[]): T => items[integer(0, items.length - 1)]! };
}
type Draws = ReturnType<typeof draws>;

function randomGeometry({ integer, pick }: Draws, rows: number): Geometry {
  if (rows > 0) {
    const inputShape: Shape = [1, 2, rows + integer(0, 9)], columns = integer(1, 9);
    return { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, inputShape, outputShape: [1, 2, columns] };
  }
  const groups = pick([1, 1, 2, 3]), inputShape: Shape = [integer(3, 5), integer(3, 5), groups * pick([1, 3, 4, 8, 12, 40])];
  const kernel: Pair = [integer(1, 3), integer(1, 3)], stride: Pair = [integer(1, 2), integer(1, 2)];
  const padding: Pair = [integer(0, kernel[0] - 1), integer(0, kernel[1] - 1)];
  const dilation: Pair = [kernel[0] === 2 ? integer(1, 2) : 1, 1];
  const extent = (axis: 0 | 1) =>
    Math.floor((inputShape[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  return { kernel, stride, padding, dilation, groups, inputShape, outputShape: [extent(0), extent(1), groups * integer(1, 21)] };
}

function randomConverter(
  { integer, pick }: Draws,
  scheme: Scheme,
  lines: number,
  columns: number,
  groups: number,
  spread: number,
): AnalogConverter {
  const perLine = <T>(make: () => T) => Array.from({ length: lines }, make);
  if (scheme.converter === "none") return { kind: "none", unit: perLine(() => integer(1, 99) / 2 ** 12) };
  const levels = pick([1, 2, 5, 16, 37]);
  if (scheme.converter === "uniform") {
    const near = Math.max(0, Math.round(Math.log2(spread / levels)));
    return { kind: "uniform", levels, shift: perLine(() => pick([0, near, near + 1])), first: perLine(() => integer(-9, 9)) };
  }
  const perColumn = scheme.converter === "perColumn", lists = perColumn ? groups * lines * columns : lines;
  const thresholds = new Int32Array(lists * (levels - 1));
  for (let list = 0; list < lists; list++) {
    const values = Int32Array.from({ length: levels - 1 }, () => Math.round((integer(0, 2000) / 1000 - 1) * spread)).sort();
    thresholds.set(values, list * (levels - 1));
  }
  return {
    kind: "thresholds",
    levels,
    perColumn,
    thresholds,
    codes: Int32Array.from({ length: lines * levels }, () => integer(-300, 300)),
  };
}

function randomNoise({ integer, pick }: Draws, scheme: Scheme, lines: number, cells: number, seed: number): AnalogNoise {
  const deviations = new Int32Array(lines * (NOISE_LEVELS + 1));
  for (let at = 0; at < deviations.length; at++) deviations[at] = hash(seed, 1, at) % 4096;
  const noise = { key: hash(seed, 2), deviations, precision: Array.from({ length: lines }, () => integer(4, 12)) };
  if (scheme.noise === "plain") return noise;
  const variance = new Uint8Array(cells);
  for (let at = 0; at < cells; at++) variance[at] = hash(seed, 3, at) & (scheme.rows === undefined ? 15 : 255);
  // From levels that differ by ones to levels that are nearly all the last.
  const shifts = scheme.rows === undefined ? [0, 1, 4] : [14, 15, 16, 19, 21];
  return { ...noise, variance, levelShift: Array.from({ length: lines }, () => pick(shifts)) };
}

interface Case {
  readonly program: Program;
  readonly step: AnalogStep;
}

function randomCase(seed: number, scheme: Scheme): Case {
  const random = draws(hash(seed, 5)), { integer, pick } = random;
  const geometry = randomGeometry(random, scheme.rows ?? 0), { groups, kernel, inputShape, outputShape } = geometry;
  const rows = kernel[0] * kernel[1] * inputShape[2] / groups, columns = outputShape[2] / groups, lines = integer(1, 3);
  const rowIndex = Int32Array.from({ length: rows }, (_, row) => row);
  for (let last = seed % 3 === 0 ? rows - 1 : 0; last > 0; last--) {
    const other = integer(0, last);
    [rowIndex[last], rowIndex[other]] = [rowIndex[other]!, rowIndex[last]!];
  }
  const tiles = [0];
  while (tiles.at(-1)! < rows) tiles.push(Math.min(rows, tiles.at(-1)! + (scheme.rows ?? pick([4, 13, 32, 64, 280]))));
  const drives = scheme.driven ? 2 ** Math.min(scheme.digitBits, scheme.inputBits) - 1 : 1;
  const cells = new Int32Array(groups * lines * rows * drives * columns);
  // From one i8 plane to four; no sum reaches 2^30.
  const mask = 2 ** scheme.digitBits - 1, size = Math.min([100, 2000, 200000][seed % 3]!, Math.floor(2 ** 28 / 280 / mask));
  for (let at = 0; at < cells.length; at++) cells[at] = hash(seed, 6, at) % (2 * size + 1) - size;
  for (let row = 5; seed % 4 === 0 && mask < 8 && row < rows; row += 97) cells[row * columns] = (row % 2 - 0.5) * 2 ** 25;
  const spread = size / 2 * Math.sqrt(rows / (tiles.length - 1)) * mask / 2;
  const offset = scheme.offset
    ? { offset: new Int32Array(groups * lines * (tiles.length - 1) * columns).map(() => integer(-2000, 2000)) }
    : {};
  const noise = scheme.noise === undefined ? {} : { noise: randomNoise(random, scheme, lines, cells.length, seed) };
  const step: AnalogStep = {
    op: "analog",
    input: 0,
    output: 1,
    geometry,
    cells,
    ...(scheme.driven ? { drives } : {}),
    lines,
    lineWeights: Array.from({ length: lines }, (_, line) => scheme.converter === "none" ? 0.5 - line : pick([1, -1, 4, 16])),
    inputBits: scheme.inputBits,
    digitBits: scheme.digitBits,
    rowIndex,
    tiles,
    converter: randomConverter(random, scheme, lines, columns, groups, spread),
    correction: scheme.correction ?? 0,
    ...offset,
    ...noise,
  };
  return { step, program: programOf(step) };
}

function programOf(step: AnalogStep): Program {
  const { inputShape, outputShape } = step.geometry, channels = outputShape[2], real = step.converter.kind === "none";
  const scale = new Float32Array(channels).fill(2 ** -10), bias = new Float32Array(channels);
  return {
    values: [
      { type: "u8", shape: inputShape, name: "input" },
      { type: real ? "f32" : "i32", shape: outputShape, name: "analog" },
      { type: "f32", shape: outputShape, name: "output" },
    ],
    steps: [step, { op: "affine", input: 1, output: 2, scale, bias }],
    output: 2,
  };
}

function randomImages(seed: number, { geometry, inputBits }: AnalogStep, batch: number): Tensor<Uint8Array> {
  const shape = [batch, ...geometry.inputShape], data = new Uint8Array(shape.reduce((product, extent) => product * extent, 1));
  for (let at = 0; at < data.length; at++) data[at] = hash(seed, 7, at) & (2 ** inputBits - 1);
  return { shape, data };
}

function part({ shape, data }: Tensor<Uint8Array>, from: number, to: number): Tensor<Uint8Array> {
  const size = data.length / shape[0]!;
  return { shape: [to - from, ...shape.slice(1)], data: data.subarray(from * size, to * size) };
}

async function expectedOf(program: Program, images: Tensor<Uint8Array>, first: number) {
  await using reference = referenceBackend();
  await using session = await reference.prepare(program);
  return (await session.run(images, [1], first)).taps.get(1)!;
}

Deno.test("analogParts() covers every line of every tile once, within bytes and rounds", () => {
  const tiles = [0, 100, 180, 300, 301];
  const sizes: AnalogSizes = {
    groups: 2,
    lines: 3,
    tiles,
    rowBytes: 40,
    bytes: 1e9,
    rounds: (rows) => rows,
    mostRounds: 1e9,
    name: "layer",
  };
  assertEquals(analogParts(sizes), [{ groups: [0, 2], lines: [0, 3], tiles: [0, 4] }]);
  assertEquals(analogParts({ ...sizes, bytes: 40 * 602 }).map(({ lines }) => lines), [[0, 2], [2, 3], [0, 2], [2, 3]]);
  for (
    const limits of [{ bytes: 40 * 602 }, { bytes: 40 * 301 }, { bytes: 40 * 130 }, { mostRounds: 200 }, {
      bytes: 40 * 200,
      mostRounds: 185,
    }]
  ) {
    const seen = new Set<string>(), cut = { ...sizes, ...limits };
    for (const part of analogParts(cut)) {
      const [from, to] = rowsOfPart(cut, part);
      let rows = 0;
      for (let group = part.groups[0]; group < part.groups[1]; group++) {
        for (let line = part.lines[0]; line < part.lines[1]; line++) {
          for (let tile = part.tiles[0]; tile < part.tiles[1]; tile++) {
            assert(!seen.has(`${group} ${line} ${tile}`));
            seen.add(`${group} ${line} ${tile}`);
            rows += tiles[tile + 1]! - tiles[tile]!;
          }
        }
      }
      assertEquals(to - from, rows);
      assert(rows * 40 <= cut.bytes);
    }
    assertEquals(seen.size, 2 * 3 * 4);
  }
  assertThrows(() => analogParts({ ...sizes, bytes: 40 * 119 }), DeviceError, "layer");
});

Deno.test({
  name: "planAnalog() agrees with the oracle on every converter and noise, whatever the batch",
  ignore,
  fn: async () => {
    for (const [index, scheme] of SCHEMES.entries()) {
      const results = new Set<number>();
      for (let seed = 100 * index; seed < 100 * index + 4; seed++) {
        const { step, program } = randomCase(seed, scheme), images = randomImages(seed, step, 5), first = 1000 * seed + 3;
        const expected = await expectedOf(program, images, first);
        await using session = await prepareSession(device!, program, { tiles: always(scheme.shape) });
        const { taps } = await session.run(images, [1], first);
        const what = `${scheme.converter}, seed ${seed}`;
        assertClose(taps.get(1)!, expected, what);
        for (const value of expected.data) results.add(value);
        const size = expected.data.length / 5;
        for (const [from, to] of [[0, 2], [2, 3], [3, 5]] as const) {
          const got = (await session.run(part(images, from, to), [1], first + from)).taps.get(1)!;
          assertEquals(got.data, taps.get(1)!.data.slice(from * size, to * size), `${what}, images ${from} … ${to}`);
        }
        if (step.noise !== undefined && step.converter.kind === "none") {
          assertNotEquals((await session.run(images, [1], first + 1)).taps.get(1)!.data, taps.get(1)!.data);
        }
      }
      assert(results.size > 20, `scheme ${index} told nothing apart`);
    }
  },
});

Deno.test({
  name: "planAnalog() splits cells that exceed a binding, and batches that exceed the device",
  ignore,
  fn: async () => {
    // Another view of the same device, with less of it.
    const small = new GpuDevice(device!.raw, "a small device", true);
    let [cut, parted, shifted, driven] = [false, false, false, false];
    for (
      const [seed, scheme] of [[101, SCHEMES[3]!], [102, SCHEMES[0]!], [122, { ...SCHEMES[2]!, rows: 1501 }], [801, {
        ...SCHEMES[8]!,
        rows: 500,
      }]] as const
    ) {
      const { step, program } = randomCase(seed, scheme), images = randomImages(seed, step, 7);
      const { geometry, cells, tiles } = step,
        longest = Math.max(...tiles.slice(1).map((end, tile) => end - tiles[tile]!)) * (step.drives ?? 1);
      const [height, width, channels] = geometry.outputShape, rowBytes = 4 * channels / geometry.groups;
      const table = step.noise?.variance === undefined ? 1024 : step.lines * (NOISE_LEVELS + 20) + 300;
      const bindingSize = Math.max(longest * rowBytes, height * width * channels * 12, 4 * table, step.offset?.byteLength ?? 0);
      cut ||= cells.byteLength > bindingSize;
      driven ||= cells.byteLength > bindingSize && step.drives !== undefined;
      shifted ||= cells.byteLength > bindingSize && step.noise?.variance !== undefined;
      parted ||= 7 * height * width * channels * 4 > bindingSize && step.noise !== undefined;
      Object.defineProperty(small, "limits", { configurable: true, value: { ...device!.limits, bindingSize } });
      await using session = await prepareSession(small, program, { tiles: always(scheme.shape) });
      const { taps } = await session.run(images, [1], seed);
      assertEquals(taps.get(1)!.data, (await expectedOf(program, images, seed)).data);
    }
    assert(cut && parted && shifted && driven, `cut ${cut}, parted ${parted}, shifted ${shifted}, driven ${driven}`);
  },
});

Deno.test({
  name: "planAnalog() refuses fractional weights and sums beyond 32 bits",
  ignore,
  fn: async () => {
    const { step } = randomCase(0, SCHEMES[0]!),
      prepare = (change: Partial<AnalogStep>) => prepareSession(device!, programOf({ ...step, ...change }), { tiles: always(TWO) });
    await assertRejects(() => prepare({ lineWeights: step.lineWeights.map(() => 0.5) }), OptionError, "integer line weights");
    await assertRejects(() => prepare({ lineWeights: step.lineWeights.map(() => 2 ** 30) }), NumericError, "32 bits");
  },
});
