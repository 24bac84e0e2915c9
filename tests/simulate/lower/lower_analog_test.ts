// Programmed layers against the integer path where chips are perfect, and against their arrays as they stand where they are not.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { adcCode, type LayerAdc, type ResolvedAdc } from "../../../lib/circuit/adc.ts";
import { columnErrors } from "../../../lib/circuit/column_errors.ts";
import { decompose } from "../../../lib/decompose/decompose.ts";
import type { DecomposeOptions } from "../../../lib/decompose/options.ts";
import { genericDevice } from "../../../lib/device/generic.ts";
import { pcmLike } from "../../../lib/device/pcm_like.ts";
import { NumericError, OptionError } from "../../../lib/errors.ts";
import { activations, tapOf } from "../../../lib/map/activations.ts";
import { columnLayout, physicalColumn } from "../../../lib/map/layout.ts";
import { map, mapLayer, type MapOptions } from "../../../lib/map/map.ts";
import type { MappedLayer } from "../../../lib/map/mapped.ts";
import { arrayCells } from "../../../lib/program/array_cells.ts";
import { type LayerPhysics, type ProgramOptions, resolveProgram } from "../../../lib/program/options.ts";
import { lowestStates, program } from "../../../lib/program/program.ts";
import { hash } from "../../../lib/random.ts";
import type { Backend } from "../../../lib/simulate/backend.ts";
import { lowerAnalog } from "../../../lib/simulate/lower/analog.ts";
import { type LoweredProgram, lowerMapped, lowerProgrammed, lowerQuantized } from "../../../lib/simulate/lower/lower.ts";
import { type LayerLowered, type LayerPlan, type LayerTarget, lowerPlan, planLayer } from "../../../lib/simulate/lower/placed.ts";
import { calibrate } from "../../../lib/simulate/observe/calibrate.ts";
import type { AnalogStep, Program, Value } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { elements, type Tensor } from "../../../lib/tensor.ts";
import { quantizedLayer, randomCodes } from "../../decompose/quantized.ts";
import { randomProblem } from "../../map/problems.ts";
import { windows } from "../../map/windows.ts";
import { randomQuantized } from "../random_network.ts";
import { randomImages } from "../random_program.ts";
import { eachBackend } from "../backends.ts";

const ALGORITHMS: NonNullable<MapOptions["algorithm"]>[] = ["im2col", "kernel", "smd", "sdk", "vw-sdk", "best", windows];
const SCHEMES: DecomposeOptions[] = [
  ...[{}, { reference: "digital" }, { scheme: "balanced" }, { scheme: "twosComplement" }, { scheme: "balanced", sides: "two" }] as const,
  ...[{ scheme: "balanced", subtraction: "digital" }, { scheme: "pairs", pairs: 3 }, { subtraction: "digital" }] as const,
];
const UNIT = SCHEMES.at(-1);
const BITS = 3;

function randomLayer(seed: number, algorithm: NonNullable<MapOptions["algorithm"]>): MappedLayer {
  const { geometry, rows } = randomProblem(seed, { image: 6 });
  const { kernel, stride, padding, dilation, groups, inputShape: [height, width, channels], outputShape } = geometry;
  const weights = randomCodes([outputShape[2], channels / groups, ...kernel], 1 + seed % 4, seed % 3 === 0, seed);
  const quantized = quantizedLayer(weights, { stride, padding, dilation, groups, image: [height, width] });
  const scheme = SCHEMES[seed % SCHEMES.length]!, sliced = decompose(quantized, { cellBits: 1 + seed % 2, ...scheme }).layer("layer");
  // A dummy column that is converted by itself wants arrays without unused cells, which not every mapper makes.
  const whole = (["im2col", "kernel", "best"] as const)[seed % 3]!, columns = 16 + seed % 40;
  return mapLayer(sliced, geometry, { rows, columns, algorithm: sliced.units === undefined ? algorithm : whole });
}

const physicsOf = (options: ProgramOptions): LayerPhysics => resolveProgram(options, ["layer"]).layers["layer"]!;

/** A layer alone as a program: value 0 its codes, value 1 its sums. */
function alone(layer: MappedLayer, digitBits: number, lower: (plan: LayerPlan, target: LayerTarget) => LayerLowered) {
  const { geometry } = layer.placement, plan = planLayer(layer, BITS, digitBits);
  const values: Value[] = [
    { type: "u8", shape: geometry.inputShape, name: "codes" },
    { type: "i32", shape: geometry.outputShape, name: "sums" },
    { type: "f32", shape: geometry.outputShape, name: "out" },
  ];
  const value = (type: Value["type"], shape: Value["shape"]) => values.push({ type, shape, name: "part" }) - 1;
  const { steps, gain, constant } = lower(plan, { input: 0, output: 1, value });
  const channels = geometry.outputShape[2];
  const affine = {
    op: "affine",
    input: 1,
    output: 2,
    scale: new Float32Array(channels).fill(1),
    bias: new Float32Array(channels),
  } as const;
  return { program: { values, steps: [...steps, affine], output: 2 } as Program, plan, gain, constant };
}

const chipOf = (layer: MappedLayer, physics: LayerPhysics, seed = 7) => ({ layer, physics, number: 0, seed, noiseSeed: 1 });

function codes(seed: number, shape: readonly number[]): Tensor<Uint8Array> {
  return { shape: [1, ...shape], data: Uint8Array.from({ length: elements(shape) }, (_, at) => hash(seed, 5, at) % 2 ** BITS) };
}

async function sums(program: Program, images: Tensor<Uint8Array>): Promise<Int32Array> {
  await using session = await referenceBackend().prepare(program);
  return (await session.run(images, [1])).taps.get(1)!.data as Int32Array;
}

/** What the arrays of a chip make of one image, activation by activation, in real numbers. */
function converted(
  layer: MappedLayer,
  physics: LayerPhysics,
  seed: number,
  input: Uint8Array,
  adc: ResolvedAdc,
  digitBits: number,
): Float64Array {
  const { sliced, placement, arrays } = layer, { geometry } = placement;
  const { kernel, stride, padding, dilation, groups, inputShape: [height, width, channels], outputShape } = geometry;
  const layout = columnLayout(sliced), [outHeight, outWidth, out] = outputShape, output = new Float64Array(elements(outputShape));
  const lowest = lowestStates(physics, sliced).reduce((sum, level, slice) => sum + level * sliced.sliceWeights[slice]!, 0);
  const cells = arrays.map((_, array) => arrayCells(layer, physics, { seed, layer: 0, array }));
  const entry = (list: Int32Array, at: number) => [list[3 * at]!, list[3 * at + 1]!, list[3 * at + 2]!] as const;
  for (const { pattern, index, origin, rowTile, columnTile } of activations(placement)) {
    const number = arrays.findIndex((array) => array.pattern === index && array.tile === rowTile && array.columnTile === columnTile);
    const array = arrays[number]!, made = cells[number]!;
    const y = pattern.origins[2 * origin]!, x = pattern.origins[2 * origin + 1]!;
    const lines = Array.from({ length: array.rows }, (_, row) => {
      const [dy, dx, channel] = entry(pattern.rows, array.firstRow + row),
        v = y * stride[0] - padding[0] + dy,
        h = x * stride[1] - padding[1] + dx;
      return v >= 0 && v < height && h >= 0 && h < width ? input[(v * width + h) * channels + channel]! : 0;
    });
    for (let column = 0; column < array.columns; column++) {
      const [dy, dx, channel] = entry(pattern.columns, array.firstColumn + column);
      if (y + dy < 0 || y + dy >= outHeight || x + dx < 0 || x + dx >= outWidth) continue;
      const shared = lines.filter((_, row) => {
        const at = array.firstRow + row, [ry, rx, from] = entry(pattern.rows, at);
        return Math.floor(from * groups / channels) === Math.floor(channel * groups / out) &&
          pattern.blocks?.rows[at] === pattern.blocks?.columns[array.firstColumn + column] &&
          tapOf(ry, dy, stride[0], dilation[0], kernel[0]) >= 0 && tapOf(rx, dx, stride[1], dilation[1], kernel[1]) >= 0;
      });
      if (shared.length === 0) continue;
      let sum = sliced.correction * shared.reduce((total, x) => total + x, 0) - lowest * lines.reduce((total, x) => total + x, 0);
      for (let shift = 0; shift < BITS; shift += digitBits) {
        for (const slice of array.slices) {
          const value = lines.reduce((total, x, row) => {
            return total + ((x >> shift) & (2 ** digitBits - 1)) * made.cells[(slice * array.rows + row) * array.columns + column]!;
          }, 0);
          const own = adc.slices?.[slice] ?? adc, spread = own.columns;
          const at = physicalColumn(layout, array.physicalColumns, column, slice);
          const error = spread === undefined ? undefined : columnErrors(spread, [seed, 0, number], at, own.levels);
          const moved = value * (error?.gain ?? 1) + (error?.offset ?? 0) * (spread?.step ?? 0);
          const limits = error?.inl?.map((shift, code) => own.lo + own.step * (code + 0.5) + shift * spread!.step);
          const code = limits === undefined ? adcCode(own, moved) : limits.filter((limit) => moved >= limit).length;
          sum += 2 ** shift * sliced.sliceWeights[slice]! * (own.lo + own.step * code);
        }
      }
      output[((y + dy) * outWidth + x + dx) * out + channel]! += sum;
    }
  }
  return output;
}

Deno.test("lowerAnalog() of a perfect chip makes the very integers of the integer path, through any placement and scheme", async () => {
  let placed = 0, plain = 0;
  for (let seed = 0; seed < 56; seed++) {
    const layer = randomLayer(seed, ALGORITHMS[seed % ALGORITHMS.length]!), digitBits = 1 + seed % 3;
    const images = codes(seed, layer.placement.geometry.inputShape), { unit, fullScale: [low, high] } = planLayer(layer, BITS, digitBits);
    const adcs: ResolvedAdc[] = [
      { levels: 8, lo: -1.37, step: 0.73, unit },
      { levels: 4, lo: 1, step: 1, unit },
      { levels: high - low + 1, lo: low * unit, step: unit, unit },
      { levels: 5, lo: 0, step: 1, unit, thresholds: [0.5, 1, 3.5, 4], codes: [0, 1, 3, 4, 7] },
    ];
    for (const adc of adcs) {
      const integer = alone(layer, digitBits, (plan, target) => lowerPlan(plan, adc, target));
      const analog = alone(layer, digitBits, (plan, target) => lowerAnalog(plan, chipOf(layer, physicsOf({})), adc, target));
      assertEquals(await sums(analog.program, images), await sums(integer.program, images), `seed ${seed}, step ${adc.step}`);
      assertEquals([analog.gain, analog.constant], [integer.gain, integer.constant]);
      if (analog.program.steps.some(({ op }) => op === "scatter")) placed++;
      else plain++;
    }
  }
  assert(placed > 40 && plain > 40, `${placed} placed, ${plain} plain`);
});

Deno.test("lowerAnalog() of a real chip does what its arrays do", async () => {
  const devices: ProgramOptions[] = [
    { device: pcmLike(), time: 3600, compensation: "column" },
    { device: genericDevice({ onOff: 8, program: { distribution: "normal", scaling: "independent", magnitude: 0.1 } }) },
    { device: "rram_milo", wires: { wordLine: 20, bitLine: 20 } },
  ];
  let curved = 0;
  for (let seed = 0; seed < 32; seed++) {
    const layer = randomLayer(seed, ALGORITHMS[seed % ALGORITHMS.length]!),
      digitBits = 1 + seed % 3,
      physics = physicsOf(devices[seed % 3]!);
    const images = codes(seed, layer.placement.geometry.inputShape), { unit } = planLayer(layer, BITS, digitBits);
    const slices = layer.sliced.sliceWeights.map((_, slice): ResolvedAdc => ({
      levels: 16 + slice,
      lo: -2.1,
      step: 0.31 + 0.07 * slice,
      unit,
    }));
    const plain = { levels: 16, lo: -2.37, step: 0.73, unit };
    // A step has one curve of non-linearity per column, so that only layers of one row tile have all of theirs.
    const single = layer.placement.patterns.every(({ rowTiles }) => rowTiles.length === 2);
    const unlike = { ...plain, columns: { gain: 0.05, offset: 0.4, ...(single ? { inl: 0.6 } : {}), step: 0.73 } };
    if (single) curved++;
    for (const adc of [plain, { ...slices[0]!, slices }, unlike] satisfies ResolvedAdc[]) {
      const { program, gain, constant } = alone(layer, digitBits, (plan, target) => lowerAnalog(plan, chipOf(layer, physics), adc, target));
      // Means of a read-noisy device: the oracle has none.
      const quiet = {
        ...program,
        steps: program.steps.map((step) => step.op === "analog" ? (({ noise: _noise, ...rest }: AnalogStep) => rest)(step) : step),
      };
      const wanted = converted(layer, physics, 7, images.data, adc, digitBits), got = await sums(quiet, images);
      const largest = wanted.reduce((most, sum) => Math.max(most, Math.abs(sum)), 1);
      wanted.forEach((sum, at) => assertAlmostEquals(gain * got[at]! + constant, sum, gain + 1e-3 * largest, `seed ${seed}, output ${at}`));
    }
  }
  assert(curved > 3, `${curved} layers of one row tile`);
});

async function logits(program: LoweredProgram, images: Tensor<Uint8Array>, backend: Backend = referenceBackend()): Promise<Float32Array> {
  await using session = await backend.prepare(program);
  return (await session.run(images)).output.data;
}

Deno.test("lowerProgrammed() of a perfect chip gives the integer path's logits, lossless and with 6 bits", async () => {
  let seed = 0;
  for (const algorithm of ["im2col", "vw-sdk", "best"] as const) {
    for (const scheme of SCHEMES) {
      seed++;
      const quantized = randomQuantized(seed, { bits: 3 });
      const mapped = map(decompose(quantized, { cellBits: 2, ...scheme }), {
        rows: 20,
        columns: 64,
        algorithm: scheme === UNIT ? "kernel" : algorithm,
      });
      const images = randomImages(seed, lowerQuantized(quantized), 2);
      for (const adc of [{ bits: 16, range: "full" }, { bits: 6, range: [-11.3, 29.4] }] as const) {
        const adcs = await calibrate(mapped, adc, undefined, referenceBackend());
        const wanted = await logits(lowerMapped(mapped, adcs), images);
        const analog = lowerProgrammed(program(mapped), adcs, { analog: true });
        assert(analog.steps.some(({ op }) => op === "analog") && !analog.steps.some(({ op }) => op === "crossbar"));
        assertEquals(await logits(analog, images), wanted);
        assertEquals(lowerProgrammed(program(mapped), adcs).steps.map(({ op }) => op), lowerMapped(mapped, adcs).steps.map(({ op }) => op));
      }
    }
  }
});

Deno.test("lowerProgrammed() gives the same bits on every backend that runs here", async (test) => {
  const chips: [DecomposeOptions, ProgramOptions, ResolvedAdc | undefined][] = [
    [{}, { device: pcmLike(), time: 100 }, undefined],
    [{ scheme: "balanced", subtraction: "digital" }, { device: "rram_wan" }, { levels: 20, lo: -3, step: 0.9, unit: 1, noise: 0.4 }],
    [{ reference: "digital" }, { device: "rram_milo" }, {
      levels: 20,
      lo: -3,
      step: 0.9,
      unit: 1,
      columns: { gain: 0.02, inl: 0.5, step: 0.9 },
    }],
  ];
  await eachBackend(test, async (backend) => {
    for (const [index, [scheme, physics, adc]] of chips.entries()) {
      const quantized = randomQuantized(30 + index, { bits: 3 });
      const algorithm = (["im2col", "vw-sdk", "im2col"] as const)[index]!;
      const mapped = map(decompose(quantized, { cellBits: 2, ...scheme }), { rows: 20, columns: 64, algorithm });
      const adcs = adc === undefined
        ? await calibrate(mapped, { bits: 5, range: "full" }, undefined, referenceBackend())
        : Object.fromEntries(Object.keys(mapped.layers).map((name) => [name, adc]));
      const lowered = lowerProgrammed(program(mapped, physics), adcs), images = randomImages(index, lowered, 2);
      assert(lowered.steps.some((step) => step.op === "analog" && (adc?.columns !== undefined || step.noise !== undefined)));
      assertEquals(await logits(lowered, images, backend), await logits(lowered, images), `chip ${index}`);
    }
  });
});

Deno.test("lowerAnalog() takes the lowest state's current out again", async () => {
  for (let seed = 0; seed < 12; seed++) {
    const layer = randomLayer(seed, ALGORITHMS[seed % ALGORITHMS.length]!), physics = physicsOf({ device: genericDevice({ onOff: 5 }) });
    const images = codes(seed, layer.placement.geometry.inputShape), { unit } = planLayer(layer, BITS, 1);
    const adc = { levels: 2 ** 18, lo: -256, step: 2 ** -9, unit };
    const integer = alone(layer, 1, (plan, target) => lowerPlan(plan, { levels: 2 ** 12, lo: -512, step: unit, unit }, target));
    const analog = alone(layer, 1, (plan, target) => lowerAnalog(plan, chipOf(layer, physics), adc, target));
    const [wanted, got] = [await sums(integer.program, images), await sums(analog.program, images)];
    got.forEach((sum, at) =>
      assertAlmostEquals(analog.gain * sum + analog.constant, integer.gain * wanted[at]! + integer.constant, 0.5, `seed ${seed}`)
    );
  }
});

Deno.test("lowerProgrammed() draws noise that does not depend on batches, and chips by their number", async () => {
  const mapped = map(decompose(randomQuantized(2, { bits: 3 }), { cellBits: 2 }), { rows: 20, columns: 64, algorithm: "im2col" });
  const chip = program(mapped, { device: pcmLike(), time: 1000, seed: 3 });
  const adcs = await calibrate(mapped, { bits: 6, range: "full" }, undefined, referenceBackend());
  const lowered = lowerProgrammed(chip, adcs), images = randomImages(2, lowered, 4), all = await logits(lowered, images);
  const pixels = images.data.length / 4, apart: number[] = [];
  await using session = await referenceBackend().prepare(lowered);
  for (const [first, count] of [[0, 1], [1, 2], [3, 1]] as const) {
    const part = { shape: [count, ...images.shape.slice(1)], data: images.data.subarray(first * pixels, (first + count) * pixels) };
    apart.push(...(await session.run(part, [], first)).output.data);
  }
  assertEquals(apart, [...all]);
  assertEquals(await logits(lowerProgrammed(chip, adcs), images), all);
  assertNotEquals(await logits(lowerProgrammed(chip, adcs, { chip: 1 }), images), all);
  assertNotEquals(await logits(lowerProgrammed(chip, adcs, { noiseSeed: 2 }), images), all);
});

Deno.test("lowerAnalog() gives read and thermal noise their variance", async () => {
  const layer = randomLayer(9, "im2col"), { unit } = planLayer(layer, BITS, 1), { geometry } = layer.placement;
  const device = genericDevice({ onOff: 4, read: { distribution: "normal", scaling: "independent", magnitude: 0.05 } });
  const physics = physicsOf({ device }), quiet = physicsOf({ device: genericDevice({ onOff: 4 }) });
  const adc = { levels: 2 ** 16, lo: -64, step: 2 ** -9, unit, noise: 0.1 }, images = codes(1, geometry.inputShape);
  const exact = alone(layer, 1, (plan, target) => lowerAnalog(plan, chipOf(layer, quiet), { ...adc, noise: 0 }, target));
  const wanted = await sums(exact.program, images);
  const tiles = (exact.program.steps[0] as AnalogStep).tiles.length - 1;
  // Far from 0 nothing is cut off, so every cell's reading has the device's own deviation, in levels.
  const variance = arrayCells(layer, physics, { seed: 7, layer: 0, array: 0 }).variance![0]!;
  assertAlmostEquals(variance, (0.05 * (2 ** layer.sliced.sliceBits[0]! - 1) / 0.75) ** 2, 1e-7);
  assertEquals(new Set(layer.sliced.sliceBits).size, 1);
  const draws = 100;
  let total = 0;
  for (let draw = 0; draw < draws; draw++) {
    const chip = { ...chipOf(layer, physics), noiseSeed: draw };
    const { program, gain } = alone(layer, 1, (plan, target) => lowerAnalog(plan, chip, adc, target));
    (await sums(program, images)).forEach((sum, at) => total += (gain * sum - exact.gain * wanted[at]!) ** 2);
  }
  // Of each conversion: (2^z · weight)² · (thermal + Σ digit² · variance).
  const weights = layer.sliced.sliceWeights.reduce((sum, weight) => sum + weight ** 2, 0), perColumn = geometry.outputShape[2];
  let expected = 0;
  for (let z = 0; z < BITS; z++) {
    const bits = { shape: images.shape, data: images.data.map((code) => (code >> z) & 1) };
    const counts = alone(layer, 1, (_, { input, output }) => {
      const ones = new Int16Array(geometry.kernel[0] * geometry.kernel[1] * geometry.inputShape[2] / geometry.groups * perColumn).fill(1);
      return { steps: [{ op: "integer", input, output, geometry, weights: ones, zero: 0 }], gain: 1, constant: 0 };
    });
    for (const ones of await sums(counts.program, bits)) expected += 4 ** z * weights * (tiles * 0.1 ** 2 + ones * variance);
  }
  assertAlmostEquals(total / draws / expected, 1, 0.06);
});

Deno.test("lowerAnalog() refuses what it cannot lower", () => {
  const layer = randomLayer(1, "im2col"), { unit } = planLayer(layer, BITS, 1), physics = physicsOf({ device: "rram_milo" });
  const lower = (adc: ResolvedAdc) => alone(layer, 1, (plan, target) => lowerAnalog(plan, chipOf(layer, physics), adc, target));
  assertThrows(() => lower({ levels: 4, lo: 0, step: 1e-12, unit }), NumericError, "positive step");
  assertThrows(() => lower({ levels: 4, lo: 0, step: 1, unit: unit / 2 }), NumericError, "units of");
  const mapped = map(decompose(randomQuantized(2, { bits: 3 }), { cellBits: 2 }), { rows: 20, columns: 64, algorithm: "im2col" });
  const dynamic = Object.fromEntries(
    Object.keys(mapped.layers).map((name): [string, LayerAdc] => [name, { dynamic: true, levels: 4, unit: 0.5 }]),
  );
  assertThrows(() => lowerProgrammed(program(mapped, { device: "pcm_like" }), dynamic), OptionError, "simulate.adc.range");
  assertThrows(() => lowerProgrammed(program(mapped), {}, { chip: -1 }), OptionError, "simulate.chip");
});
