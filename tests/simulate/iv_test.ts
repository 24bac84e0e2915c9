// Cells whose current is no straight line of the voltage, through arrays and networks: against plain sums, against the circuit, and on every backend.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { ResolvedAdc } from "../../lib/circuit/adc.ts";
import { cubicCell, solveNonlinearWires } from "../../lib/circuit/wires/nonlinear.ts";
import { decompose } from "../../lib/decompose/decompose.ts";
import type { DecomposeOptions } from "../../lib/decompose/options.ts";
import { genericDevice } from "../../lib/device/generic.ts";
import { pcmLike } from "../../lib/device/pcm_like.ts";
import { OptionError } from "../../lib/errors.ts";
import { map, mapLayer } from "../../lib/map/map.ts";
import type { MappedLayer } from "../../lib/map/mapped.ts";
import { arrayCells } from "../../lib/program/array_cells.ts";
import { type IvOptions, oddCoefficients } from "../../lib/program/iv.ts";
import { type LayerPhysics, type ProgramOptions, resolveProgram } from "../../lib/program/options.ts";
import { program } from "../../lib/program/program.ts";
import { writeArray } from "../../lib/program/write.ts";
import { hash } from "../../lib/random.ts";
import type { Backend } from "../../lib/simulate/backend.ts";
import { lowerAnalog } from "../../lib/simulate/lower/analog.ts";
import { type LoweredProgram, lowerMapped, lowerProgrammed } from "../../lib/simulate/lower/lower.ts";
import { planLayer } from "../../lib/simulate/lower/placed.ts";
import { calibrate } from "../../lib/simulate/observe/calibrate.ts";
import type { AnalogStep, Program } from "../../lib/simulate/program.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { simulate } from "../../lib/simulate/simulate.ts";
import type { Tensor } from "../../lib/tensor.ts";
import { quantizedLayer, randomCodes } from "../decompose/quantized.ts";
import { randomQuantized } from "./random_network.ts";
import { randomImages } from "./random_program.ts";
import { eachBackend } from "./backends.ts";

const ROWS = 23, COLUMNS = 9, TOP = 3;
const CHIP = { seed: 6, layer: 0, array: 0 };
const physicsOf = (options: ProgramOptions): LayerPhysics => resolveProgram(options, ["layer"]).layers["layer"]!;

/** Pairs of 2-bit cells, one pair for each weight, in one array. */
function pairs(): MappedLayer {
  const sliced = decompose(quantizedLayer(randomCodes([COLUMNS, ROWS], 2, false, 4)), { scheme: "balanced", cellBits: 2 }).layer("layer");
  const one = [1, 1] as const, [inputShape, outputShape] = [[1, 1, ROWS], [1, 1, COLUMNS]] as const;
  const geometry = { kernel: one, stride: one, padding: [0, 0], dilation: one, groups: 1, inputShape, outputShape } as const;
  const layer = mapLayer(sliced, geometry, { rows: ROWS, columns: 64, algorithm: "im2col" });
  assertEquals([layer.arrays.length, sliced.sliceWeights.length], [1, 1]);
  return layer;
}

const codes = Uint8Array.from({ length: ROWS }, (_, row) => hash(8, row) % (TOP + 1));

/** Real sums of a layer whose codes are applied as one digit of two bits, behind a fine converter. */
async function simulated(layer: MappedLayer, physics: LayerPhysics): Promise<Float64Array> {
  const plan = planLayer(layer, 2, 2), step = 2 ** -14, adc: ResolvedAdc = { levels: 2 ** 24, lo: -512, step, unit: plan.unit };
  const chip = { layer, physics, number: 0, seed: CHIP.seed, noiseSeed: 1 }, { inputShape, outputShape } = layer.placement.geometry;
  const { steps, gain, constant } = lowerAnalog(plan, chip, adc, { input: 0, output: 1, value: () => 1 });
  assertEquals(steps.map((step) => step.op === "analog" && step.drives), [TOP]);
  const affine = { scale: new Float32Array(COLUMNS), bias: new Float32Array(COLUMNS) };
  const program: Program = {
    values: [
      { type: "u8", shape: inputShape, name: "codes" },
      { type: "i32", shape: outputShape, name: "sums" },
      { type: "f32", shape: outputShape, name: "out" },
    ],
    steps: [...steps, { op: "affine", input: 1, output: 2, ...affine }],
    output: 2,
  };
  await using session = await referenceBackend().prepare(program);
  const { taps } = await session.run({ shape: [1, ...inputShape], data: codes }, [1]);
  return Float64Array.from(taps.get(1)!.data, (sum) => gain * sum + constant);
}

/** In cell levels per unit of normalised current: three levels between the lowest state and the highest, a digit of 3 counting three times. */
const levels = (current: number, gMin: number) => current * TOP * 3 / (1 - gMin);

Deno.test("lowerAnalog() with a law adds up the currents of single cells", async () => {
  const layer = pairs();
  const error = { distribution: "normal", scaling: "independent", magnitude: 0.05 } as const;
  const v0 = [0.07, 0.5, 0.1], readVoltage = 0.2, gMin = 0.25;
  for (const conductance of ["read", "zero"] as const) {
    const physics = physicsOf({
      device: genericDevice({ onOff: 4, program: error }),
      iv: { law: "sinh", readVoltage, v0, conductance },
      spareColumns: 2,
      remap: true,
    });
    const { conductances, width, arrangement: { lines, bitLines } } = writeArray(layer, layer.arrays[0]!, physics, CHIP);
    const current = (g: number, volts: number) => {
      const place = Math.min(Math.max((g - gMin) / (1 - gMin), 0), 1) * 2;
      const own = place < 1 ? v0[0]! + place * (v0[1]! - v0[0]!) : v0[1]! + (place - 1) * (v0[2]! - v0[1]!);
      return g * Math.sinh(volts / own) / (conductance === "read" ? Math.sinh(readVoltage / own) : readVoltage / own);
    };
    const got = await simulated(layer, physics);
    for (let column = 0; column < COLUMNS; column++) {
      let sum = 0;
      for (let row = 0; row < ROWS; row++) {
        const volts = codes[row]! / TOP * readVoltage, at = (side: number) => lines[row]! * width + bitLines[2 * column + side]!;
        if (volts > 0) sum += current(conductances[at(0)]!, volts) - current(conductances[at(1)]!, volts);
      }
      assertAlmostEquals(got[column]!, levels(sum, gMin), 1e-4, `${conductance}, column ${column}`);
    }
    assert(got.some((sum) => Math.abs(sum) > 5));
  }
});

Deno.test("lowerAnalog() with a law gives what the solved circuit gives with hardly any wire", async () => {
  const layer = pairs(), readVoltage = 0.9, siemens = 1e-4;
  const sinh = { law: "sinh", readVoltage, v0: 0.3, conductance: "read" } as const;
  const laws: { readonly iv: IvOptions; readonly unit: number; readonly odd: readonly number[] }[] = [
    // The published cell takes voltages as shares of the read voltage.
    { iv: { law: "cubic", readVoltage, conductance: "zero" }, unit: 1, odd: cubicCell(readVoltage) },
    { iv: sinh, unit: readVoltage, odd: oddCoefficients(sinh) },
  ];
  for (const { iv, unit, odd } of laws) {
    const physics = physicsOf({ device: "rram_milo", iv });
    const { conductances, rows, width } = writeArray(layer, layer.arrays[0]!, physics, CHIP), { gMin } = physics.device;
    const { outputs } = solveNonlinearWires(
      { shape: [rows, width], data: conductances.map((g) => g * siemens) },
      { shape: [1, rows], data: Float64Array.from(codes, (code) => unit * code / TOP) },
      { wordLine: 1e-6, bitLine: 1e-6 },
      { odd },
    );
    const got = await simulated(layer, physics);
    for (let column = 0; column < COLUMNS; column++) {
      const wanted = levels((outputs.data[2 * column]! - outputs.data[2 * column + 1]!) / siemens / unit, gMin);
      assertAlmostEquals(got[column]!, wanted, 1e-4 * (1 + Math.abs(wanted)), iv.law);
    }
    assert(got.some((sum) => Math.abs(sum) > 2));
  }
});

Deno.test("arrayCells() fold a law in where no digit exceeds 1", () => {
  const layer = pairs(),
    device = genericDevice({ onOff: 4 }),
    common = { law: "polynomial", readVoltage: 0.5, odd: [[1, 2], [0.4, 3]] } as const;
  const plain = arrayCells(layer, physicsOf({ device }), CHIP);
  assertEquals(arrayCells(layer, physicsOf({ device, iv: common }), CHIP), plain); // conductances at the read voltage stay what they are
  const iv = { ...common, conductance: "zero" } as const, folded = arrayCells(layer, physicsOf({ device, iv }), CHIP);
  const { conductances, width } = writeArray(layer, layer.arrays[0]!, physicsOf({ device }), CHIP);
  const seen = (g: number) => g * (1 + (g - 0.25) / 0.75 + 0.25 * (0.4 + (g - 0.25) / 0.75 * 2.6));
  folded.cells.forEach((cell, at) => {
    const row = Math.floor(at / COLUMNS), first = row * width + 2 * (at % COLUMNS);
    assertAlmostEquals(cell, (seen(conductances[first]!) - seen(conductances[first + 1]!)) * 3 / 0.75, 1e-5);
  });
  assertEquals([folded.drives, arrayCells(layer, physicsOf({ device, iv }), CHIP, 3).drives], [undefined, 3]);
});

Deno.test("arrayCells() with a law compensate drift as it is read, with all word lines at the read voltage", () => {
  const layer = pairs(), fading = { ...genericDevice(), drift: (g: number) => g / 4 };
  const iv = { law: "sinh", readVoltage: 0.3, v0: 0.1, conductance: "zero" } as const;
  const cells = (more: ProgramOptions) => arrayCells(layer, physicsOf({ iv, ...more }), CHIP, TOP).cells;
  const fresh = cells({}), back = cells({ device: fading, time: 1, compensation: "column" });
  back.forEach((cell, at) => assertAlmostEquals(cell, fresh[at]!, 1e-5 * (1 + Math.abs(fresh[at]!))));
  assertNotEquals(cells({ device: fading, time: 1 }), back);
});

Deno.test("arrayCells() with a law give readings the variance of each digit's current", () => {
  const layer = pairs(), device = genericDevice({ onOff: 4, read: { distribution: "normal", scaling: "proportional", magnitude: 0.01 } });
  const iv = { law: "cubic", readVoltage: 1 } as const,
    { cells, variance, drives } = arrayCells(layer, physicsOf({ device, iv }), CHIP, TOP);
  const ohmic = arrayCells(layer, physicsOf({ device }), CHIP, TOP);
  const count = (digit: number) => digit * (1 - 0.25 * (digit / TOP) ** 2) / 0.75;
  assertEquals([drives, variance!.length], [TOP, TOP * ohmic.cells.length]);
  variance!.forEach((each, at) => {
    const digit = 1 + Math.floor(at / COLUMNS) % TOP, of = Math.floor(at / COLUMNS / TOP) * COLUMNS + at % COLUMNS;
    assertAlmostEquals(each, count(digit) ** 2 * ohmic.variance![of]!, 1e-9);
    assertAlmostEquals(cells[at]!, count(digit) * ohmic.cells[of]!, 1e-5);
  });
});

/** A small network on arrays. */
function mappedNetwork(seed: number, scheme: DecomposeOptions, algorithm: "im2col" | "vw-sdk" | "kernel") {
  return map(decompose(randomQuantized(seed, { bits: 3 }), { cellBits: 2, ...scheme }), { rows: 20, columns: 64, algorithm });
}

const full = (mapped: ReturnType<typeof map>, bits: number, digitBits: number) =>
  calibrate(mapped, { bits, range: "full" }, undefined, referenceBackend(), { digitBits });

Deno.test("lowerProgrammed() with Ohm's law, or one bit at a time, is to the bit what it is without a law", async () => {
  const mapped = mappedNetwork(5, {}, "im2col"), adcs = await full(mapped, 5, 2), device = pcmLike();
  const ohm: IvOptions = { law: "polynomial", readVoltage: 0.2, odd: [1, [0, 0]] },
    bent: IvOptions = { law: "sinh", readVoltage: 0.2, v0: 0.05 };
  const lower = (options: ProgramOptions, digitBits: number) => lowerProgrammed(program(mapped, options), adcs, { digitBits });
  assertEquals(lower({ device, iv: ohm }, 2), lower({ device }, 2));
  assertEquals(lower({ device, iv: bent }, 1), lower({ device }, 1));
  assertEquals(lower({ iv: bent }, 1), lowerMapped(mapped, adcs));
  assertNotEquals(lower({ device, iv: bent }, 2), lower({ device }, 2));
  assert(lower({ iv: bent }, 2).steps.some((step) => step.op === "analog"));
});

Deno.test("lowerProgrammed() with a law too weak to matter gives the sums of the integer path, whatever the scheme and placement", async () => {
  const weak: IvOptions = { law: "cubic", readVoltage: 1, coefficient: 1e-9 };
  const kinds = [[{}, "im2col"], [{ reference: "digital" }, "kernel"], [{ scheme: "twosComplement" }, "vw-sdk"]] as const;
  for (const [seed, [scheme, algorithm]] of kinds.entries()) {
    const mapped = mappedNetwork(seed, scheme, algorithm), adcs = await full(mapped, 14, 2);
    const bent = lowerProgrammed(program(mapped, { iv: weak }), adcs, { digitBits: 2 }), images = randomImages(seed, bent, 2);
    assert(bent.steps.some((step) => step.op === "analog" && step.drives === 3));
    const wanted = await logits(lowerMapped(mapped, adcs, { digitBits: 2 }), images);
    assertEquals(await logits(bent, images), wanted, `${JSON.stringify(scheme)}, ${algorithm}`);
  }
});

async function logits(program: LoweredProgram, images: Tensor<Uint8Array>, backend: Backend = referenceBackend()): Promise<number[]> {
  await using session = await backend.prepare(program);
  return [...(await session.run(images)).output.data];
}

Deno.test("lowerProgrammed() with a law gives the same bits on every backend that runs here", async (test) => {
  const noisy: ResolvedAdc = { levels: 30, lo: -6, step: 0.9, unit: 1, noise: 0.4 };
  const chips: [DecomposeOptions, "im2col" | "vw-sdk", ProgramOptions, number, ResolvedAdc | undefined][] = [
    [{}, "im2col", { device: pcmLike(), time: 100, iv: { law: "sinh", readVoltage: 0.2, v0: [0.05, 0.3] } }, 2, undefined],
    [{ reference: "digital" }, "im2col", { device: "rram_milo", iv: { law: "cubic", readVoltage: 1 } }, 3, undefined],
    [{ scheme: "balanced" }, "vw-sdk", { iv: { law: "polynomial", readVoltage: 1, conductance: "zero", odd: [1, [0, 0.5]] } }, 2, noisy],
  ];
  await eachBackend(test, async (backend) => {
    for (const [index, [scheme, algorithm, physics, digitBits, adc]] of chips.entries()) {
      const mapped = mappedNetwork(30 + index, scheme, algorithm), names = Object.keys(mapped.layers);
      const adcs = adc === undefined ? await full(mapped, 5, digitBits) : Object.fromEntries(names.map((name) => [name, adc]));
      const lowered = lowerProgrammed(program(mapped, physics), adcs, { digitBits }), images = randomImages(index, lowered, 2);
      const driven = lowered.steps.filter((step): step is AnalogStep => step.op === "analog" && step.drives !== undefined);
      assert(driven.length >= names.length);
      const wanted = await logits(lowered, images), { iv: _iv, ...straight } = physics;
      assertEquals(await logits(lowered, images, backend), wanted, `chip ${index}`);
      assertNotEquals(await logits(lowerProgrammed(program(mapped, straight), adcs, { digitBits }), images), wanted);
    }
  });
});

Deno.test("simulate() tells the law in its configuration, which gives the same chip again", async () => {
  const mapped = mappedNetwork(3, { scheme: "balanced" }, "im2col"), [height, width, channels] = mapped.sliced.quantized.network.input;
  const images = {
    shape: [2, height, width, channels],
    data: Uint8Array.from({ length: 2 * height * width * channels }, (_, at) => hash(1, at) % 256),
  };
  const data = { name: "noise", images, labels: Uint8Array.of(0, 1), classes: [] };
  const iv: IvOptions = { law: "sinh", readVoltage: 0.3, v0: [0.1, 0.4] };
  const run = (options: ProgramOptions) =>
    simulate(program(mapped, options), data, { adc: { bits: 8, range: "full" }, digitBits: 2, backend: "reference" });
  const [bent, straight] = [await run({ iv }), await run({})];
  assertNotEquals(bent.logitError, straight.logitError);
  assert(bent.table().includes("sinh law to 0.3 V"));
  const stored = JSON.parse(JSON.stringify(bent)).configuration.program as ProgramOptions;
  assertEquals(stored.iv, { ...iv, conductance: "read" });
  assertEquals((await run(stored)).logitError, bent.logitError);
  const dynamic = simulate(program(mapped, { iv }), data, { adc: { bits: 8, range: "dynamic" }, digitBits: 2, backend: "reference" });
  await assertRejects(() => dynamic, OptionError, "simulate.adc.range");
});
