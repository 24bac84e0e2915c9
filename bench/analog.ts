// The VGG7 layer on real conductances, with and without noise, as a share of the same layer with ideal integer cells and the same converter.

import { hash } from "../lib/random.ts";
import { NOISE_LEVELS } from "../lib/simulate/noise.ts";
import type { AnalogNoise, AnalogStep, CrossbarStep, Program } from "../lib/simulate/program.ts";
import { gigabits, type LayerCase, layerCodes, layerProgram, VGG7_LAYER } from "./crossbar_layer.ts";
import { type Benchmark, rate } from "./measure.ts";

/** Ideal cells behind a linear 6-bit converter of no particular step. */
const IDEAL: LayerCase = { ...VGG7_LAYER, code: (sum) => Math.min(Math.round(sum / 2.03), 63) };

/** Binary digits of a cell: sums of 128 rows fit 16 bits or do not. */
const CELL_BITS = { "16-bit sums": 8, "32-bit sums": 16 } as const;
const NOISES = ["no noise", "thermal noise", "read noise"] as const;

/** Noise of about one converter step: the same for all conversions, or growing with the cells that are read. */
function noiseOf(kind: (typeof NOISES)[number], cells: Int32Array, bits: number): AnalogNoise | undefined {
  if (kind === "no noise") return undefined;
  const { slices: lines } = VGG7_LAYER,
    deviations = Int32Array.from(
      { length: lines * (NOISE_LEVELS + 1) },
      (_, at) => Math.round(2 ** 10 * Math.sqrt(at % (NOISE_LEVELS + 1))),
    );
  const common = {
    key: 3,
    deviations: kind === "read noise" ? deviations : deviations.fill(2 ** 16),
    precision: Array(lines).fill(16 - bits + 8),
  };
  if (kind === "thermal noise") return common;
  return { ...common, variance: Uint8Array.from(cells, (cell) => cell >> (bits - 7)), levelShift: Array(lines).fill(2) };
}

/** The layer with cells of so many binary digits. */
function analogProgram(bits: number, kind: (typeof NOISES)[number]): Program {
  const program = layerProgram(IDEAL), { geometry, rowIndex, tiles, sliceWeights, cells: ideal } = program.steps[0] as CrossbarStep;
  const { slices: lines, inputBits } = VGG7_LAYER;
  const cells = Int32Array.from(ideal, (_, at) => hash(4, at) & (2 ** bits - 1)), noise = noiseOf(kind, cells, bits);
  const step: AnalogStep = {
    op: "analog",
    input: 0,
    output: 1,
    geometry,
    cells,
    lines,
    lineWeights: sliceWeights,
    inputBits,
    digitBits: 1,
    rowIndex,
    tiles,
    converter: { kind: "uniform", levels: 64, shift: Array(lines).fill(bits), first: Array(lines).fill(0) },
    ...(noise === undefined ? {} : { noise }),
    correction: 0,
  };
  return { ...program, steps: [step, ...program.steps.slice(1)] };
}

/** Gb/s by width of the sums and noise: products of a cell with one input bit. */
export const analogBenchmarks: readonly Benchmark[] = (["16-bit sums", "32-bit sums"] as const).flatMap((sums) =>
  NOISES.map((noise): Benchmark => ({
    group: "analog",
    name: `${sums}, ${noise}`,
    unit: "Gb/s",
    async open({ backend }) {
      const session = await backend.prepare(analogProgram(CELL_BITS[sums], noise)), ideal = await backend.prepare(layerProgram(IDEAL));
      const batch = 2, codes = layerCodes(IDEAL, batch), value = rate(gigabits(IDEAL) * batch);
      return {
        call: () => session.run(codes),
        value,
        limit: { name: "ideal cells", call: () => ideal.run(codes), value },
        async close() {
          await session[Symbol.asyncDispose]();
          await ideal[Symbol.asyncDispose]();
        },
      };
    },
  }))
);
