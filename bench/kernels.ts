// The crossbar kernels on one VGG7 layer by converter, and by cell width, as a share of the register loop they are made of.

import { gigabits, type LayerCase, layerCodes, layerProgram, VGG7_LAYER } from "./crossbar_layer.ts";
import type { LimitName } from "./limits.ts";
import { type Benchmark, type Machine, rate, type Running } from "./measure.ts";

const even = (value: number) => Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
const dummy = { ...VGG7_LAYER, signed: true } as const;
/** Two 2-bit or one 4-bit cell per weight, through a linear 6-bit converter over all sums. */
const wide = (cellBits: number): LayerCase => {
  const most = 128 * (2 ** cellBits - 1);
  return { ...VGG7_LAYER, cellBits, slices: 4 / cellBits, code: (sum) => clamp(even(sum * 63 / most), 0, 63) };
};

/** Every case has a 6-bit converter, but for the lossless one. */
const CASES: readonly (readonly [string, LayerCase])[] = [
  ["lossless, one integer product", { ...VGG7_LAYER, code: (sum) => sum }],
  ["clip at 63", VGG7_LAYER],
  ["dummy column, step 1", { ...dummy, code: (sum) => clamp(sum, -32, 31) }],
  ["dummy column, step 2, half to even", { ...dummy, code: (sum) => clamp(even(sum / 2), -32, 31) }],
  ["dummy column, any step", { ...dummy, code: (sum) => clamp(even(sum / 2.37), -32, 31) }],
  ["dummy column, arbitrary table", { ...dummy, code: (sum) => clamp(Math.sign(sum) * even(2.7 * Math.sqrt(Math.abs(sum))), -32, 31) }],
  ["2-bit cells, linear converter", wide(2)],
  ["4-bit cells, linear converter", wide(4)],
];

/** A layer through the backend in Gb/s; against the register loop it is made of. */
export async function openLayer(machine: Machine, layer: LayerCase, batch: number, against: LimitName): Promise<Running> {
  const session = await machine.backend.prepare(layerProgram(layer)), codes = layerCodes(layer, batch), work = gigabits(layer);
  const limit = machine.limits[against], bits = layer.slices * (layer.cellBits ?? 1) * layer.inputBits;
  return {
    call: () => session.run(codes),
    value: rate(work * batch),
    limit: { name: against, call: limit.call, value: rate(limit.giga * (against === "i8 product" ? bits : 1)) },
    close: () => Promise.resolve(session[Symbol.asyncDispose]()),
  };
}

/** Gb/s by converter and cell width. */
export const kernelBenchmarks: readonly Benchmark[] = CASES.map(([name, layer], index) => ({
  group: "kernel",
  name,
  unit: "Gb/s",
  open: (machine) => openLayer(machine, layer, 4, index === 0 ? "i8 product" : "look-up"),
}));
