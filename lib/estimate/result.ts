// What an estimate gives back: figures of the chip, its layers and its components, of which the smaller add up to the larger.

import { Table } from "@cliffy/table";
import type { Category } from "./library.ts";
import type { Cycles } from "./latency.ts";
import type { Floorplan, LayerTiles } from "./floorplan.ts";
import type { ResolvedEstimate } from "./options.ts";

/** One component of the library in one layer, or in the whole chip. */
export interface ComponentEstimate {
  /** Name in the library, or "cells". */
  readonly name: string;
  /** Which sum it belongs to. */
  readonly category: Category;
  /** How many there are. */
  readonly count: number;
  /** Area, µm². */
  readonly areaUm2: number;
  /** Actions per image. */
  readonly actions: number;
  /** Dynamic energy per image, pJ. */
  readonly dynamicPj: number;
  /** Leakage, µW. */
  readonly leakageUw: number;
  /** Mean power, mW: dynamic energy over the period of an image, and leakage. */
  readonly powerMw: number;
  /** Time that layers wait for it per image, ns; in a chip the sum over layers. */
  readonly latencyNs: number;
}

/** Figures that a chip and a layer have in common. */
export interface Figures {
  /** Area, µm². */
  readonly areaUm2: number;
  /** Dynamic energy per image, pJ. */
  readonly dynamicPj: number;
  /** Leakage, µW. */
  readonly leakageUw: number;
  /** Leakage energy per image, pJ: leakage over the period of an image. */
  readonly leakagePj: number;
  /** Energy per image, pJ. */
  readonly energyPj: number;
  /** Mean power, mW: energy over the period of an image. */
  readonly powerMw: number;
  /** Images per second: of the chip, or what the layer alone could do. */
  readonly fps: number;
  /** Multiply-accumulates per image, padded positions not counted. */
  readonly macs: number;
  /** 10¹² operations, two per multiply-accumulate, per second at `fps`. */
  readonly tops: number;
  /** 10¹² operations per joule. */
  readonly topsPerWatt: number;
  /** 10¹² operations per second and mm². */
  readonly topsPerMm2: number;
  /** Components, which add up to the figures above. */
  readonly components: readonly ComponentEstimate[];
}

/** One layer. */
export interface LayerEstimate extends Figures {
  /** Name of the layer. */
  readonly name: string;
  /** Time for an image, ns. */
  readonly latencyNs: number;
  /** The same by what it waits for, ns. */
  readonly waitsNs: Cycles;
  /** Its place on the chip. */
  readonly plan: LayerTiles;
}

/** The chip. */
export interface ChipEstimate extends Figures {
  /** Clock period, ns. */
  readonly clockNs: number;
  /** Time between images, ns: the slowest layer if pipelined, else all layers one after the other. */
  readonly periodNs: number;
  /** Time from the first input of an image to its last output, ns. */
  readonly latencyNs: number;
}

/** Power, performance and area of a network on a chip. Plain data but for `table`. */
export interface Estimate {
  /** Tells this object from others. */
  readonly kind: "estimate";
  /** Totals. */
  readonly chip: ChipEstimate;
  /** In network order. */
  readonly layers: readonly LayerEstimate[];
  /** Circuits that all layers share; they cost area and leak. */
  readonly shared: readonly ComponentEstimate[];
  /** Where everything stands. */
  readonly floorplan: Floorplan;
  /** Options with defaults filled in, the library left out. */
  readonly options: Omit<ResolvedEstimate, "library">;
  /** Source of every entry used, by path in the library. */
  readonly sources: Readonly<Record<string, string>>;
  /** Text tables for people. */
  table(): string;
}

const short = (value: number) => value === 0 ? "0" : Number(value.toPrecision(4)).toString();

/** Chip, layers and components as text tables. */
export function estimateTable({ chip, layers, floorplan }: Omit<Estimate, "table">): string {
  const totals = new Table().body([
    [
      "area",
      `${short(chip.areaUm2 / 1e6)} mm²`,
      `${floorplan.tiles} tiles, ${floorplan.arrays} arrays, ${percent(floorplan.utilisation)} used`,
    ],
    ["clock", `${short(chip.clockNs)} ns`, `${short(1e3 / chip.clockNs)} MHz`],
    ["period", `${short(chip.periodNs / 1e3)} µs`, `${short(chip.fps)} images/s, first one after ${short(chip.latencyNs / 1e3)} µs`],
    ["energy", `${short(chip.energyPj / 1e6)} µJ`, `${percent(chip.leakagePj / chip.energyPj)} of it leakage; ${short(chip.powerMw)} mW`],
    ["efficiency", `${short(chip.topsPerWatt)} TOPS/W`, `${short(chip.tops)} TOPS, ${short(chip.topsPerMm2)} TOPS/mm²`],
  ]).border().toString();
  const perLayer = new Table()
    .header(["layer", "tiles", "copies", "used", "mm²", "µs", "array", "sums", "buffers", "wires", "µJ", "TOPS/W"])
    .body(layers.map(({ name, plan, areaUm2, latencyNs, waitsNs, dynamicPj, leakagePj, topsPerWatt }) => [
      name,
      plan.tiles,
      plan.copies,
      percent(plan.utilisation),
      short(areaUm2 / 1e6),
      short(latencyNs / 1e3),
      ...[waitsNs.array, waitsNs.accumulation, waitsNs.buffer, waitsNs.interconnect].map((part) => percent(part / latencyNs)),
      short((dynamicPj + leakagePj) / 1e6),
      short(topsPerWatt),
    ])).border().toString();
  const perComponent = new Table()
    .header(["component", "part of", "count", "mm²", "of area", "µJ", "of energy", "leakage µW"])
    .body(chip.components.map(({ name, category, count, areaUm2, dynamicPj, leakageUw }) => [
      name,
      category,
      short(count),
      short(areaUm2 / 1e6),
      percent(areaUm2 / chip.areaUm2),
      short(dynamicPj / 1e6),
      percent(dynamicPj / chip.dynamicPj),
      short(leakageUw),
    ])).border().toString();
  return `${totals}\n${perLayer}\n${perComponent}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
