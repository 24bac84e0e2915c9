// From a simulation to what an estimate wants to know of the data: how often each input bit is one.

import { OptionError } from "../errors.ts";
import type { MappedNetwork } from "../map/mapped.ts";
import type { ProgrammedNetwork } from "../program/program.ts";
import type { Tensor, TypedArray } from "../tensor.ts";
import { estimate } from "./estimate.ts";
import type { Activity, EstimateOptions } from "./options.ts";
import type { Estimate } from "./result.ts";
import { networkWork } from "./work.ts";

/**
 * Share of ones in each bit of unsigned codes, least significant first.
 *
 * @example
 * ```ts
 * import { bitShares } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(bitShares(Uint8Array.of(0, 1, 2, 3), 3), [0.5, 0.5, 0]);
 * ```
 */
export function bitShares(codes: ArrayLike<number>, bits: number): number[] {
  const ones = new Array<number>(bits).fill(0);
  for (let at = 0; at < codes.length; at++) {
    for (let bit = 0; bit < bits; bit++) ones[bit]! += codes[at]! >> bit & 1;
  }
  return ones.map((count) => codes.length === 0 ? 0 : count / codes.length);
}

/**
 * Activity of the layers whose input codes are given. Padded positions are zeros that arrays do not see as codes; they are not counted.
 *
 * @param inputs Codes that layers read, by layer name: the values a session taps at `LoweredLayer.input`.
 * @throws {OptionError} if a name is no layer on arrays.
 */
export function measureActivity(mapped: MappedNetwork, inputs: Readonly<Record<string, Tensor<TypedArray>>>): Activity {
  const bits = new Map(networkWork(mapped).map(({ name, inputBits }) => [name, inputBits]));
  const layers = Object.entries(inputs).map(([name, { data }]) => {
    const width = bits.get(name);
    if (width === undefined) {
      throw new OptionError("measure the activity", {
        where: name,
        got: "no such layer on arrays",
        wanted: `one of ${[...bits.keys()].join(", ")}`,
      });
    }
    return [name, { inputOnes: bitShares(data, width) }] as const;
  });
  return { layers: Object.fromEntries(layers) };
}

/**
 * Estimate of a mapped or programmed network with the activity of a simulation: cells as they were programmed, input bits as they were seen.
 *
 * @param inputs Codes that layers read in a simulation, by layer name; layers without them count with the default or `options.activity`.
 * @throws {OptionError} as {@linkcode estimate} and {@linkcode measureActivity}.
 *
 * @example
 * ```ts
 * import { decompose, dorefa, estimateOf, map, type Network, pact, quantize } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const network: Network = {
 *   kind: "network",
 *   name: "one layer",
 *   input: [1, 1, 200],
 *   encoding: { zero: 0, scale: 1 },
 *   layers: [{ op: "linear", name: "fc", inputs: ["input"], features: 40, bias: false }],
 *   parameters: { "fc.weight": { shape: [40, 200], data: new Float32Array(8000).fill(1) } },
 * };
 * const bits = { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }), last: dorefa({ bits: 4 }) };
 * const mapped = map(decompose(quantize(network, { ...bits, digital: [] })));
 * const codes = (value: number) => ({ fc: { shape: [1, 1, 1, 200], data: new Uint8Array(200).fill(value) } });
 * const dark = estimateOf(mapped, codes(0), { cell: "RRAM" }), bright = estimateOf(mapped, codes(255), { cell: "RRAM" });
 * assert(bright.chip.energyPj > dark.chip.energyPj && bright.chip.areaUm2 === dark.chip.areaUm2);
 * ```
 */
export function estimateOf(
  network: MappedNetwork | ProgrammedNetwork,
  inputs: Readonly<Record<string, Tensor<TypedArray>>> = {},
  options: EstimateOptions = {},
): Estimate {
  const mapped = network.kind === "programmed" ? network.mapped : network, { layers } = measureActivity(mapped, inputs);
  return estimate(mapped, { ...options, activity: { ...options.activity, layers: { ...options.activity?.layers, ...layers } } });
}
