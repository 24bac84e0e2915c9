// ADC ranges from images: the software baseline runs once, each mapped layer's inputs are tapped, and its partial sums are counted.

import { type AdcOptions, checkAdc, type LayerAdc, needsImages, type ObservedSums } from "../../circuit/adc.ts";
import { resolveAdc } from "../../circuit/resolve_adc.ts";
import type { MappedNetwork } from "../../map/mapped.ts";
import { elements, type Tensor } from "../../tensor.ts";
import type { Backend } from "../backend.ts";
import { type LowerOptions, lowerQuantized } from "../lower/lower.ts";
import { planLayer } from "../lower/placed.ts";
import { type Observation, observe } from "./observe.ts";

/** How {@linkcode calibrate} drives the arrays and how much it looks at. */
export interface CalibrateOptions extends LowerOptions {
  /** Images run at once; default 16. */
  readonly batch?: number;
  /** Work per layer over all images, as for `observe`; default 30 million words. */
  readonly budget?: number;
  /** Key of the sample; default 0. */
  readonly seed?: number;
  /** Converters of single layers, by name, in place of the common one. */
  readonly converters?: Readonly<Record<string, AdcOptions>>;
}

/**
 * Chooses the converter of every mapped layer.
 *
 * With "minmax", "percentile" or "mse", partial sums are those of the exact network on calibration images; other ranges need none.
 *
 * @param images Pixels, `[batch, height, width, channels]`; from the training set, a few dozen are enough.
 * @returns ADCs by layer name, for `lowerMapped`.
 * @throws {OptionError} if the ADC options are wrong, or their range needs images and there are none (`simulate.calibration`).
 */
export async function calibrate(
  mapped: MappedNetwork,
  adc: AdcOptions,
  images: Tensor<Uint8Array> | undefined,
  backend: Backend,
  options: CalibrateOptions = {},
): Promise<Record<string, LayerAdc>> {
  const { converters = {}, ...rest } = options;
  const own = (name: string) => converters[name] ?? adc,
    where = (name: string) => name in converters ? `simulate.converters.${name}` : undefined;
  const wanting = Object.keys(mapped.layers).filter((name) => needsImages(checkAdc(own(name), where(name))));
  const looks = wanting.length > 0 && images !== undefined && (images.shape[0] ?? 0) > 0;
  const seen = await observeSums(mapped, looks ? images : undefined, backend, rest);
  return Object.fromEntries(
    [...seen].map(([name, { unit, fullScale, sums }]) => {
      return [name, resolveAdc(own(name), { fullScale, unit, ...(looks ? { observed: sums } : {}) }, where(name))];
    }),
  );
}

/** Partial sums of a mapped layer. */
export interface LayerSums {
  /** As in `SumStatistics`. */
  readonly unit: number;
  /** As in `SumStatistics`. */
  readonly fullScale: readonly [number, number];
  /** Sums seen; empty without images. */
  readonly sums: ObservedSums;
}

/**
 * Counts the partial sums of every mapped layer in the exact network.
 *
 * @param images Pixels, `[batch, height, width, channels]`; none are needed to know what the arrays can give.
 * @returns By layer name.
 */
export async function observeSums(
  mapped: MappedNetwork,
  images: Tensor<Uint8Array> | undefined,
  backend: Backend,
  options: Omit<CalibrateOptions, "converters"> = {},
): Promise<Map<string, LayerSums>> {
  const { digitBits = 1, batch = 16, budget = 3e7, seed = 0 } = options;
  const program = lowerQuantized(mapped.sliced.quantized);
  const plans = Object.values(mapped.layers).flatMap((layer) => {
    const place = program.layers[layer.sliced.name];
    if (place?.inputBits === undefined) return []; // reads reals: lowering the mapped network says so
    return [{ input: place.input, plan: planLayer(layer, place.inputBits, digitBits) }];
  });
  const seen = new Map<string, ObservedSums>(), count = images?.shape[0] ?? 0;
  if (images !== undefined && count > 0) {
    const pixels = elements(images.shape) / count;
    await using session = await backend.prepare(program);
    for (let start = 0; start < count; start += batch) {
      const size = Math.min(batch, count - start);
      const data = images.data.subarray(start * pixels, (start + size) * pixels);
      const { taps } = await session.run({ shape: [size, ...images.shape.slice(1)], data }, [...new Set(plans.map(({ input }) => input))]);
      for (const { input, plan } of plans) {
        const codes = taps.get(input) as Tensor<Uint8Array>;
        add(seen, plan.name, observe(plan, codes, { budget: budget * size / count, seed: seed + start }));
      }
    }
  }
  const none = (): ObservedSums => ({ min: 0, histogram: new Float64Array() });
  return new Map(plans.map(({ plan: { name, unit, fullScale } }) => [name, { unit, fullScale, sums: seen.get(name) ?? none() }]));
}

function add(seen: Map<string, ObservedSums>, name: string, { min, histogram, influence, slices }: Observation): void {
  const before = seen.get(name);
  if (before === undefined) {
    seen.set(name, { min, histogram, influence, slices });
    return;
  }
  addSums(before, { min, histogram, influence });
  slices.forEach((slice, index) => addSums(before.slices![index]!, slice));
}

function addSums(before: ObservedSums, { histogram, influence }: ObservedSums): void {
  for (let index = 0; index < histogram.length; index++) {
    before.histogram[index]! += histogram[index]!;
    before.influence![index]! += influence![index]!;
  }
}
