// What a simulation gives back: accuracies, one row per array layer, and the configuration it can be repeated from.

import { Table } from "@cliffy/table";
import type { LayerAdc } from "../circuit/adc.ts";
import type { Estimate } from "../estimate/result.ts";
import type { ResolvedLayerProgram, ResolvedProgram } from "../program/options.ts";
import type { ChipWriteCost } from "../program/write_costs.ts";
import type { MonteCarloResult } from "./monte_carlo.ts";

/** One layer on arrays. */
export interface LayerResult {
  /** Name of the layer. */
  readonly name: string;
  /** Method of its mapping: "im2col", "vw-sdk" … */
  readonly algorithm: string;
  /** Array activations per image. */
  readonly cycles: number;
  /** Arrays it occupies. */
  readonly arrays: number;
  /** Used over allocated cells, 0 to 1. */
  readonly utilisation: number;
  /** Most row tiles whose conversions add up to one output. */
  readonly tiles: number;
  /** Rows of the unfolded layer. */
  readonly rows: number;
  /** Output columns of the layer. */
  readonly columns: number;
  /** ADC range and step in units of cell-level sums, `lossless` for perfect cells; absent for a dynamic range. */
  readonly adc?: { readonly lo: number; readonly step: number; readonly levels: number; readonly lossless: boolean };
  /** Share of conversions of perfect cells below or above the ADC's range, on a sample of the images; absent for a dynamic range. */
  readonly clipped?: number;
  /** Signal-to-quantisation-noise ratio of the layer's output in dB, on the same sample; null where there is no noise at all. */
  readonly sqnr?: number | null;
}

/** Shares of images classified correctly, 0 to 1. */
export interface Accuracies {
  /** Same weights, real-valued activations; absent if not asked for. */
  readonly float?: number;
  /** Integer weights and activations without arrays: the software baseline. */
  readonly quantized: number;
  /** Through arrays and ADCs; the mean where several chips were drawn. */
  readonly crossbar: number;
}

/** Result of a simulation. */
export interface Result {
  /** Tells this object from those of other stages. */
  readonly kind: "result";
  /** Name of the network. */
  readonly network: string;
  /** Name of the data set. */
  readonly data: string;
  /** Images simulated. */
  readonly images: number;
  /** Shares classified correctly. */
  readonly accuracy: Accuracies;
  /** Accuracies chip by chip, as "accuracy", and what they say; absent for a single chip. */
  readonly monteCarlo?: MonteCarloResult;
  /** Cells and wires; absent for perfect arrays that were not programmed. */
  readonly program?: ResolvedProgram;
  /** What writing the first chip took; with write-verify only. */
  readonly writing?: ChipWriteCost;
  /** Largest |difference| between crossbar and quantised logits, over all chips. */
  readonly logitError: number;
  /** Array activations per image, over all layers. */
  readonly cycles: number;
  /** One entry per array layer. */
  readonly layers: readonly LayerResult[];
  /** Power, performance and area of the chip; absent if not asked for. */
  readonly estimate?: Estimate;
  /** Converter of every array layer with its range chosen, by name: kept beside the network and given as `converters`, it spares another calibration. */
  readonly converters: Readonly<Record<string, LayerAdc>>;
  /** Everything the run depends on, as plain data. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Where it ran. */
  readonly backend: { readonly name: string; readonly description: string };
  /** Seconds of crossbar simulation, and images per second. */
  readonly seconds: number;
  /** Images per second through the arrays. */
  readonly imagesPerSecond: number;
  /** Text tables for people. */
  table(): string;
}

const percent = (share: number, digits = 2) => `${(100 * share).toFixed(digits)} %`;

/** Attaches {@linkcode Result.table} to the facts. */
export function result(facts: Omit<Result, "kind" | "table">): Result {
  return { kind: "result", ...facts, table: () => tables(facts) };
}

function tables(
  { accuracy, images, cycles, layers, backend, seconds, imagesPerSecond, logitError, monteCarlo, program, writing, estimate }: Omit<
    Result,
    "kind" | "table"
  >,
): string {
  const rows: string[][] = [];
  if (accuracy.float !== undefined) rows.push(["float activations", percent(accuracy.float), ""]);
  rows.push(["quantised", percent(accuracy.quantized), "software baseline"]);
  const change = 100 * (accuracy.crossbar - accuracy.quantized);
  rows.push([
    "crossbar",
    percent(accuracy.crossbar),
    `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(2)} points, largest logit difference ${logitError.toPrecision(2)}`,
  ]);
  const spread = monteCarlo?.summary["accuracy"];
  if (monteCarlo !== undefined && spread !== undefined) {
    const { std, interval, confidence, percentiles } = spread,
      ends = Object.entries(percentiles).map(([at, share]) => `P${at} ${percent(share)}`);
    const known = interval === null ? "" : `, mean within ${interval.map((end) => percent(end)).join(" … ")} (${percent(confidence, 0)})`;
    rows.push([
      `${monteCarlo.draws} chips, seed ${monteCarlo.seed}`,
      std === null ? "" : `± ${percent(std)}`,
      `${ends.join(", ")}${known}${monteCarlo.stopped === "draws" ? "" : `, stopped: ${monteCarlo.stopped}`}`,
    ]);
  }
  if (program !== undefined) {
    rows.push(["cells", "", cellsOf(program)]);
    for (const [name, layer] of Object.entries(program.layers)) rows.push([`cells of ${name}`, "", cellsOf(layer)]);
  }
  if (writing !== undefined) {
    const { cells, verified, failed, pulses, reads, time, energy } = writing;
    const counts = `${verified} of ${cells} cells verified (${failed} failed), ${pulses} pulses, ${reads} reads`;
    rows.push(["writing", "", `${counts}, ${short(time / 1e6)} ms, ${short(energy / 1e6)} µJ`]);
  }
  const accuracies = new Table().header([`${images} images`, "accuracy", ""]).body(rows).border().toString();
  const perLayer = new Table()
    .header(["layer", "rows × columns", "mapping", "tiles", "arrays", "cycles", "utilisation", "ADC range", "step", "clipped", "SQNR"])
    .body(layers.map((layer) => [
      layer.name,
      `${layer.rows} × ${layer.columns}`,
      layer.algorithm,
      layer.tiles,
      layer.arrays,
      layer.cycles,
      percent(layer.utilisation, 1),
      layer.adc === undefined ? "dynamic" : `${short(layer.adc.lo)} … ${short(layer.adc.lo + layer.adc.step * (layer.adc.levels - 1))}`,
      layer.adc === undefined ? "" : short(layer.adc.step),
      layer.clipped === undefined ? "" : percent(layer.clipped, 3),
      layer.sqnr === undefined ? "" : layer.sqnr === null ? "exact" : `${layer.sqnr.toFixed(1)} dB`,
    ]))
    .border().toString();
  const chip = estimate === undefined ? "" : `${estimate.table()}\n`;
  return `${accuracies}\n${perLayer}\n${chip}${cycles} array activations per image\n${backend.name} (${backend.description}): ${
    seconds.toFixed(2)
  } s, ${imagesPerSecond.toFixed(imagesPerSecond < 10 ? 2 : 0)} images/s through the arrays`;
}

/** Device, time, wires and remedies in a line. */
function cellsOf({ device, time, iv, wires, gMax, compensation, spareColumns, remap }: ResolvedLayerProgram): string {
  const options = Object.entries(device).filter(([name, value]) => name !== "model" && typeof value !== "object");
  return [
    `${device.model}${options.length === 0 ? "" : ` (${options.map(([name, value]) => `${name} ${value}`).join(", ")})`}`,
    `${short(time)} s after programming`,
    ...(iv === undefined ? [] : [`${iv.law} law to ${short(iv.readVoltage)} V`]),
    ...(compensation === "none" ? [] : [`${compensation} drift compensation`]),
    ...(wires === undefined ? [] : [`wires ${short(wires.wordLine)} and ${short(wires.bitLine)} Ω, G_max ${short(gMax!)} µS`]),
    ...(spareColumns === 0 ? [] : [`${spareColumns} spare columns`]),
    ...(remap ? ["rows remapped"] : []),
  ].join(", ");
}

const short = (value: number) => String(Number(value.toPrecision(4)));
