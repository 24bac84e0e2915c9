// The stages that points share: a network is decomposed once per way to make cells and mapped once per array, as long as the few latest are at hand.

import type { Dataset } from "../data/dataset.ts";
import { decompose } from "../decompose/decompose.ts";
import { estimateOf } from "../estimate/activity.ts";
import type { Estimate } from "../estimate/result.ts";
import { map } from "../map/map.ts";
import type { MappedNetwork } from "../map/mapped.ts";
import type { QuantizedNetwork } from "../quantize/quantize.ts";
import type { Backend } from "../simulate/backend.ts";
import { lowerQuantized } from "../simulate/lower/lower.ts";
import { elements, type Tensor, tensor, type TypedArray } from "../tensor.ts";
import { type DesignConfiguration, MAPPED, partOf } from "./axes.ts";
import type { ResolvedExplore } from "./options.ts";

/** Codes that layers on arrays read, by layer name. */
export type InputCodes = Readonly<Record<string, Tensor<TypedArray>>>;

/** Stages of an exploration. */
export interface Stages {
  /** The network on arrays. @throws {MappingError} if it cannot be placed. */
  mapped(configuration: DesignConfiguration): MappedNetwork;
  /** Power, performance and area. @throws {OptionError} if the parts do not go together. */
  estimate(configuration: DesignConfiguration, inputs: InputCodes): Estimate;
  /** How often a network was mapped so far. */
  readonly counts: { mapped: number };
}

/** Images whose codes tell the activity, as in `simulate`. */
const SAMPLE = 8;

/** Mapped networks kept. */
const KEPT = 8;

/** Stages of a quantised network. */
export function stages(quantized: QuantizedNetwork, { common, estimate }: Pick<ResolvedExplore, "common" | "estimate">): Stages {
  const counts = { mapped: 0 };
  const sliced = latest(KEPT, ({ scheme, cellBits }: Pick<DesignConfiguration, "scheme" | "cellBits">) => {
    return decompose(quantized, { ...common.decompose, scheme, cellBits });
  });
  const placed = latest(KEPT, ({ scheme, cellBits, rows, columns, algorithm }: Pick<DesignConfiguration, typeof MAPPED[number]>) => {
    counts.mapped++;
    return map(sliced({ scheme, cellBits }), { rows, columns, algorithm });
  });
  const mapped = (configuration: DesignConfiguration) => placed(partOf(configuration, MAPPED));
  return {
    mapped,
    counts,
    estimate: (configuration, inputs) => {
      const { adcType: type, adcBits: bits, cell, node, columnsPerAdc, digitBits, schedule, speedUp } = configuration;
      return estimateOf(mapped(configuration), inputs, {
        ...estimate,
        ...{ cell, node, columnsPerAdc, digitBits, schedule, speedUp },
        adc: { type, bits },
      });
    },
  };
}

/** Codes that layers on arrays read in the exact network, on the first images: the same for every design. */
export async function inputCodes(quantized: QuantizedNetwork, { images, labels }: Dataset, backend: Backend): Promise<InputCodes> {
  const program = lowerQuantized(quantized), shape = images.shape.slice(1), size = Math.min(SAMPLE, labels.length);
  const layers = Object.entries(program.layers).filter(([name, { inputBits }]) => {
    return inputBits !== undefined && quantized.weights[name] !== undefined && !quantized.digital.includes(name);
  });
  const sample = tensor(images.data.subarray(0, size * elements(shape)), [size, ...shape]);
  await using session = await backend.prepare(program);
  const { taps } = await session.run(sample, [...new Set(layers.map(([, { input }]) => input))]);
  return Object.fromEntries(layers.map(([name, { input }]) => [name, taps.get(input)!]));
}

/** A function that keeps its latest results, by what it was called with. */
export function latest<Given, Made>(kept: number, make: (given: Given) => Made): (given: Given) => Made {
  const known = new Map<string, Made>();
  return (given) => {
    const key = JSON.stringify(given), before = known.get(key), made = before ?? make(given);
    known.delete(key);
    known.set(key, made);
    if (known.size > kept) known.delete(known.keys().next().value!);
    return made;
  };
}
