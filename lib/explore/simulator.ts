// Accuracy of a design: what `simulate` computes, without what all designs have in common (baseline, sums counted for converters).

import { type AdcOptions, checkAdc, type LayerAdc, needsImages } from "../circuit/adc.ts";
import { resolveAdc } from "../circuit/resolve_adc.ts";
import type { Dataset } from "../data/dataset.ts";
import type { MappedNetwork } from "../map/mapped.ts";
import { chipCells } from "../program/chip_cells.ts";
import { program } from "../program/program.ts";
import type { QuantizedNetwork } from "../quantize/quantize.ts";
import type { Backend } from "../simulate/backend.ts";
import { widened } from "../simulate/converters.ts";
import { lowerProgrammed, lowerQuantized } from "../simulate/lower/lower.ts";
import { type LayerSums, observeSums } from "../simulate/observe/calibrate.ts";
import { accuracy, predict } from "../simulate/predict.ts";
import { type DesignConfiguration, MAPPED, partOf } from "./axes.ts";
import type { ResolvedExplore } from "./options.ts";
import { latest } from "./stages.ts";

/** What all simulations of an exploration have in common. */
export interface Bench {
  /** Images to classify. */
  readonly data: Dataset;
  /** Training images for converter ranges, if there are any. */
  readonly calibration?: Dataset;
  /** Where to run. */
  readonly backend: Backend;
  /** Threads that solve wires. */
  readonly threads?: number;
  /** Common options. */
  readonly common: ResolvedExplore["common"];
}

/** Reports and stops. */
export interface Watch {
  /** Stops the work between batches. */
  readonly signal?: AbortSignal;
  /** Called with images done. */
  readonly onImages?: (done: number) => void;
}

/** Share of images that the network classifies correctly without arrays. */
export async function baselineAccuracy(quantized: QuantizedNetwork, { data, backend, common }: Bench, watch: Watch = {}): Promise<number> {
  await using session = await backend.prepare(lowerQuantized(quantized));
  return accuracy(await predict(session, data, { batch: common.batch, ...signalOf(watch) }), data.labels);
}

/**
 * A function that gives the accuracy of designs, equal to that of `simulate` with the same options. Sums for converters are counted once for all converters
 * behind the same arrays.
 */
export function simulator(
  bench: Bench,
): (mapped: MappedNetwork, configuration: DesignConfiguration, watch?: Watch) => Promise<number> {
  const { data, calibration, backend, threads, common } = bench, { draws, seed, batch } = common;
  let placed: MappedNetwork;
  const sums = latest(1, ({ digitBits, looks }: ReturnType<typeof sumsOf>): Promise<Map<string, LayerSums>> => {
    return observeSums(placed, looks ? calibration?.images : undefined, backend, { digitBits, seed });
  });
  const sumsOf = (configuration: DesignConfiguration, looks: boolean) => {
    return { ...partOf(configuration, [...MAPPED, "digitBits"]), looks };
  };
  // Wires take long to solve, and converters do not change them: one chip is kept.
  const wired = latest(1, ({ chip }: { readonly chip: number; readonly arrays: unknown }) => {
    return chipCells(program(placed, common.program), { chip, ...(threads === undefined ? {} : { threads }) });
  });
  return async (mapped, configuration, watch = {}) => {
    const { adcBits: bits, adcRange: range, digitBits } = configuration, adc: AdcOptions = { ...common.adc, bits, range };
    const checked = checkAdc(adc), looks = needsImages(checked) && (calibration?.labels.length ?? 0) > 0;
    placed = mapped;
    const seen = await sums(sumsOf(configuration, looks)), programmed = program(mapped, common.program);
    const resolved = [...seen].map(([name, { unit, fullScale, sums }]): [string, LayerAdc] => {
      return [name, resolveAdc(adc, { fullScale, unit, ...(looks ? { observed: sums } : {}) })];
    });
    const adcs = widened(programmed, Object.fromEntries(resolved), () => checked, digitBits);
    let correct = 0;
    for (let chip = 0; chip < draws; chip++) {
      watch.signal?.throwIfAborted();
      const cells = await wired({ chip, arrays: partOf(configuration, MAPPED) });
      await using session = await backend.prepare(lowerProgrammed(programmed, adcs, { digitBits, chip, noiseSeed: seed, cells }));
      const onProgress = (done: number) => watch.onImages?.(chip * data.labels.length + done);
      correct += accuracy(await predict(session, data, { batch, onProgress, ...signalOf(watch) }), data.labels);
    }
    return correct / draws;
  };
}

function signalOf({ signal }: Watch): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
