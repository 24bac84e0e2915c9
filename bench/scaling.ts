// How cost grows: one quantity is varied at a time, from a layer of VGG7 and a whole VGG7 at width 0.25.

import { cpuBackend } from "../lib/simulate/cpu/backend.ts";
import { gigabits, type LayerCase, layerCodes, layerProgram, VGG7_LAYER } from "./crossbar_layer.ts";
import { type Benchmark, rate } from "./measure.ts";
import { arraysOf, networkBenchmark, pictures } from "./networks.ts";

/**
 * ms per image of one layer whose converter clips at half the largest sum, so that it always matters. A call has as many images as make it last about
 * as long as at the start.
 */
function layerCost(name: string, changes: Partial<LayerCase>): Benchmark {
  const { rows, cellBits = 1 } = { ...VGG7_LAYER, ...changes }, top = Math.floor(rows * (2 ** cellBits - 1) / 2) - 1;
  const layer = { ...VGG7_LAYER, ...changes, code: (sum: number) => Math.min(sum, top) };
  return {
    group: "scaling",
    name,
    unit: "ms",
    async open({ backend }) {
      const batch = Math.max(1, Math.round(4 * gigabits(VGG7_LAYER) / gigabits(layer)));
      const session = await backend.prepare(layerProgram(layer)), codes = layerCodes(layer, batch);
      return {
        call: () => session.run(codes),
        value: (seconds) => 1000 * seconds / batch,
        close: () => Promise.resolve(session[Symbol.asyncDispose]()),
      };
    },
  };
}

/** images/s of VGG7 at width 0.25, by batch or threads. */
function networkRate(name: string, batch: number, threads?: number): Benchmark {
  return {
    group: "scaling",
    name,
    unit: "images/s",
    async open(machine) {
      const own = threads === undefined ? undefined : await cpuBackend({ threads }), backend = own ?? machine.backend;
      const session = await backend.prepare(await arraysOf("VGG7 width 0.25", "6 bits", backend)), images = pictures(batch);
      return {
        call: () => session.run(images),
        value: rate(batch),
        close: async () => {
          await session[Symbol.asyncDispose]();
          await own?.[Symbol.asyncDispose]();
        },
      };
    },
  };
}

/** 1, 2, 4 … up to all cores. */
function threadCounts(): number[] {
  const cores = navigator.hardwareConcurrency;
  return [...Array.from({ length: Math.ceil(Math.log2(cores)) }, (_, power) => 2 ** power), cores];
}

/** Cost over batch, threads, network width, rows, input bits, weight bits in 1-bit cells, and cell bits. */
export const scalingBenchmarks: readonly Benchmark[] = [
  ...[1, 4, 16, 64, 256].map((batch) => networkRate(`batch ${batch}`, batch)),
  ...threadCounts().map((threads) => networkRate(`${threads} thread${threads === 1 ? "" : "s"}`, 64, threads)),
  ...(["VGG7 width 0.25", "VGG7 width 0.5", "VGG7"] as const).map((name): Benchmark => {
    const benchmark = networkBenchmark(name, "6 bits", 32);
    return { ...benchmark, group: "scaling" };
  }),
  ...[32, 64, 128, 256, 512].map((rows) => layerCost(`layer, ${rows} rows`, { rows })),
  ...[1, 2, 4, 8].map((inputBits) => layerCost(`layer, ${inputBits} input bits`, { inputBits })),
  ...[1, 2, 4, 8].map((slices) => layerCost(`layer, ${slices}-bit weights in 1-bit cells`, { slices })),
  ...[2, 4].map((cellBits) => layerCost(`layer, 4-bit weights in ${cellBits}-bit cells`, { cellBits, slices: 4 / cellBits })),
];
