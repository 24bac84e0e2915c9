// A network on the multi-macro accelerator, dense against sparse: frames per second, TOPS/W, storage, utilisation.

import { Table } from "@cliffy/table";
import { MappingError } from "../errors.ts";
import { layerGeometries } from "../network/geometries.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import type { QuantizedNetwork } from "../quantize/quantize.ts";
import { elements } from "../tensor.ts";
import { type MarsAccelerator, marsAccelerator, type MarsChanges } from "./accelerator.ts";
import { marsEnergy, type MarsImageEnergy } from "./energy.ts";
import { type MarsLayer, marsLayers } from "./layers.ts";
import { type MarsSchedule, marsSchedule } from "./schedule.ts";

/** Options of {@linkcode mars}. */
export interface MarsOptions {
  /** Fields that differ from the default accelerator. */
  readonly accelerator?: MarsChanges;
  /** Images that pass a layer before the next one; default 1. */
  readonly batch?: number;
}

/** One of the two ways. */
export interface MarsFigures {
  /** Frames per second in a stream of images. */
  readonly fps: number;
  /** Cycles per image in a stream. */
  readonly cyclesPerImage: number;
  /** Part of them that macros wait for weights. */
  readonly stalledPerImage: number;
  /** Energy of an image. */
  readonly energy: MarsImageEnergy;
  /** Mean power, mW. */
  readonly powerMw: number;
  /** 2 · multiply-accumulates of the unpruned network per second and watt, in 10^12: the usual measure of sparse accelerators. */
  readonly topsPerWatt: number;
  /** The same of the multiply-accumulates really done, zeros at the edges of groups not counted as work. */
  readonly performedTopsPerWatt: number;
  /** Mean share of cycles in which a macro computes. */
  readonly utilisation: number;
  /** Bits of stored weights. */
  readonly weightBits: number;
  /** Bits of index codes. */
  readonly indexBits: number;
  /** Schedule of two batches, the second in the steady state. */
  readonly schedule: MarsSchedule;
}

/** Result of {@linkcode mars}. */
export interface MarsReport {
  /** Name of the network. */
  readonly network: string;
  /** The accelerator, in full. */
  readonly accelerator: MarsAccelerator;
  /** Share of groups that are zero. */
  readonly sparsity: number;
  /** Conv and linear layers outside the macros, which no figure counts: see `marsLayers`. */
  readonly digital: readonly string[];
  /** Multiply-accumulates of the unpruned layers on macros per image. */
  readonly macs: number;
  /** All groups computed and stored. */
  readonly dense: MarsFigures;
  /** Kept groups only. */
  readonly sparse: MarsFigures;
  /** Dense cycles over sparse ones. */
  readonly speedUp: number;
  /** Dense energy over sparse one. */
  readonly energySaving: number;
  /** A text table for people. */
  table(): string;
}

const ACTION = "estimate the accelerator";

/**
 * Schedules a network dense and sparse, and counts what both cost. A group is pruned if all its weights are zero: see `pruneGroups`, and `marsLayers` for
 * precisions.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 * @throws {MappingError} if the network does not fit the accelerator.
 * @throws {GraphError} if weights are missing.
 *
 * @example
 * ```ts
 * import { lenet, mars, pruneGroups } from "@bitline/bitline";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const { network } = pruneGroups(lenet(), { rows: 16, columns: 16, sparsity: 0.8, layers: ["conv2", "fc*"] });
 * const { sparse, dense, speedUp } = mars(network);
 * assert(sparse.fps > dense.fps && sparse.weightBits + sparse.indexBits < dense.weightBits);
 * assertEquals(speedUp, dense.cyclesPerImage / sparse.cyclesPerImage);
 * ```
 */
export function mars(network: Network | QuantizedNetwork, options: MarsOptions = {}): MarsReport {
  checkOptions(ACTION, "mars", options, ["accelerator", "batch"]);
  const accelerator = marsAccelerator(options.accelerator), { batch = 1 } = options;
  const layers = marsLayers(network, accelerator);
  const graph = network.kind === "network" ? network : network.network, names = layers.map(({ name }) => name);
  if (layers.length === 0) {
    throw new MappingError(ACTION, { where: graph.name, got: "no layer on codes", wanted: "at least one for the macros" });
  }
  const macs = layers.reduce((sum, layer) => sum + macsOf(layer), 0), done = layers.reduce((sum, layer) => sum + performed(layer), 0);
  const dense = figures(layers, accelerator, batch, true, macs, macs), sparse = figures(layers, accelerator, batch, false, macs, done);
  const groups = sparse.schedule.layers.reduce((sum, each) => sum + each.groups, 0);
  const facts: Omit<MarsReport, "table"> = {
    network: graph.name,
    accelerator,
    sparsity: 1 - sparse.schedule.layers.reduce((sum, { kept }) => sum + kept, 0) / groups,
    digital: layerGeometries(graph).map(({ name }) => name).filter((name) => !names.includes(name)),
    macs,
    dense,
    sparse,
    speedUp: dense.cyclesPerImage / sparse.cyclesPerImage,
    energySaving: dense.energy.totalPj / sparse.energy.totalPj,
  };
  return { ...facts, table: () => table(facts) };
}

function figures(
  layers: readonly MarsLayer[],
  accelerator: MarsAccelerator,
  batch: number,
  dense: boolean,
  macs: number,
  done: number,
): MarsFigures {
  const schedule = marsSchedule(layers, accelerator, { dense, batch, images: 2 }),
    energy = marsEnergy(layers, schedule, accelerator, batch);
  const cyclesPerImage = schedule.interval / batch, fps = accelerator.clockMhz * 1e6 / cyclesPerImage;
  const sum = (read: (layer: MarsSchedule["layers"][number]) => number) => schedule.layers.reduce((total, layer) => total + read(layer), 0);
  return {
    fps,
    cyclesPerImage,
    stalledPerImage: sum(({ stall }) => stall) / batch,
    energy,
    powerMw: energy.totalPj * fps * 1e-9,
    topsPerWatt: 2 * macs / energy.totalPj,
    performedTopsPerWatt: 2 * done / energy.totalPj,
    utilisation: schedule.macros.reduce((total, { utilisation }) => total + utilisation, 0) / schedule.macros.length,
    weightBits: sum(({ weightBits }) => weightBits),
    indexBits: sum(({ indexBits }) => indexBits),
    schedule,
  };
}

/** Multiply-accumulates of a layer per image, padded positions included. */
function macsOf({ geometry: { kernel, groups, inputShape, outputShape } }: Pick<MarsLayer, "geometry">): number {
  return kernel[0] * kernel[1] * inputShape[2] / groups * elements(outputShape);
}

/** Of these, the ones in kept groups: the weights that lie in them, times output positions. */
function performed(layer: MarsLayer): number {
  const { geometry, group, rowBlocks, kept } = layer;
  const rows = geometry.kernel[0] * geometry.kernel[1] * geometry.inputShape[2] / geometry.groups;
  const columns = geometry.outputShape[2] / geometry.groups, blocks = Math.ceil(columns / group.columns);
  let weights = 0;
  for (let number = 0; number < kept.length; number++) {
    if (kept[number] === 0) continue;
    const row = number % rowBlocks, column = Math.floor(number / rowBlocks) % blocks;
    weights += Math.min(group.rows, rows - row * group.rows) * Math.min(group.columns, columns - column * group.columns);
  }
  return weights * geometry.outputShape[0] * geometry.outputShape[1];
}

function table({ network, sparsity, dense, sparse, speedUp }: Omit<MarsReport, "table">): string {
  const row = (name: string, read: (each: MarsFigures) => string) => [name, read(dense), read(sparse)];
  const drawn = new Table().header([network, "dense", "sparse"]).body([
    row("frames per second", ({ fps }) => fps.toFixed(0)),
    row("cycles per image", ({ cyclesPerImage }) => String(Math.round(cyclesPerImage))),
    row("of these waiting for weights", ({ stalledPerImage }) => String(Math.round(stalledPerImage))),
    row("utilisation of macros", ({ utilisation }) => `${(100 * utilisation).toFixed(1)} %`),
    row("energy per image, µJ", ({ energy }) => (energy.totalPj * 1e-6).toPrecision(3)),
    row("power, mW", ({ powerMw }) => powerMw.toPrecision(3)),
    row("TOPS/W, unpruned work", ({ topsPerWatt }) => topsPerWatt.toFixed(1)),
    row("TOPS/W, work done", ({ performedTopsPerWatt }) => performedTopsPerWatt.toFixed(1)),
    row("stored weights, KiB", ({ weightBits }) => (weightBits / 8192).toFixed(1)),
    row("index codes, KiB", ({ indexBits }) => (indexBits / 8192).toFixed(2)),
  ]).border().toString();
  return `${drawn}\n${(100 * sparsity).toFixed(1)} % of groups pruned: ${speedUp.toFixed(2)} times as fast`;
}
