// Power, performance and area of a mapped network, in milliseconds: floorplan, clock, area, cycles and energy from one count of work.

import { OptionError } from "../errors.ts";
import type { MappedNetwork } from "../map/mapped.ts";
import { layerPieces, type Piece, sharedPieces } from "./area.ts";
import { layerEnergy, type Spent } from "./energy.ts";
import { floorplan } from "./floorplan.ts";
import { type Hardware, hardware } from "./hardware.ts";
import { type Cycles, layerCycles } from "./latency.ts";
import { entryOf, type Library } from "./library.ts";
import { type EstimateOptions, type ResolvedEstimate, resolveEstimate } from "./options.ts";
import { type ComponentEstimate, type Estimate, estimateTable, type Figures, type LayerEstimate } from "./result.ts";
import { type LayerWork, networkWork } from "./work.ts";

/** Work without a mapped network: layers and the size of the arrays. */
export interface WorkList {
  /** Word lines of an array. */
  readonly rows: number;
  /** Physical columns of an array. */
  readonly columns: number;
  /** In network order. */
  readonly layers: readonly LayerWork[];
}

const ACTION = "estimate the chip";

/**
 * Area, latency, energy and what follows from them, for the chip, each layer and each component.
 *
 * All figures come from one count of work: conversions, transfers and cycles alike are those of the placement, and components add up to layers, layers and
 * the shared part to the chip. Only layers on arrays are counted; digital ones are outside.
 *
 * @param network Network on arrays, from `map`; or a list of works.
 * @throws {OptionError} if an option is unknown or out of range, a part is missing in the library, or a cell cannot hold the bits.
 *
 * @example
 * ```ts
 * import { estimate, layerGeometries, layerWork, vgg7 } from "@bitline/bitline";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const layers = layerGeometries(vgg7({ width: 0.25 })).map(({ name, geometry }) =>
 *   layerWork({ name, geometry, rows: 128, columns: 128, cellsPerWeight: 4, cellBits: 1, inputBits: 4 })
 * );
 * const { chip, ...rest } = estimate({ rows: 128, columns: 128, layers }, { cell: "RRAM", node: 22, adc: { type: "flash", bits: 5 } });
 * assert(chip.fps > 1000 && chip.topsPerWatt > 1);
 * const parts = [...rest.layers, { areaUm2: rest.shared.reduce((sum, { areaUm2 }) => sum + areaUm2, 0) }];
 * assertAlmostEquals(chip.areaUm2, parts.reduce((sum, { areaUm2 }) => sum + areaUm2, 0), 1);
 * ```
 */
export function estimate(network: MappedNetwork | WorkList, options: EstimateOptions = {}): Estimate {
  const { rows, columns } = network, resolved = resolveEstimate(options, rows);
  const works = "kind" in network ? networkWork(network, { layout: resolved.layout }) : network.layers;
  if (works.length === 0) throw new OptionError(ACTION, { where: "layers", got: "none", wanted: "at least one layer on arrays" });
  const cellBits = works.reduce((most, work) => Math.max(most, work.cellBits), 1), cell = entryOf(resolved.library, "cells", resolved.cell);
  if (cellBits > cell.maxBits) {
    throw new OptionError(ACTION, {
      where: "estimate.cell",
      got: `${cellBits} bits in a cell of ${resolved.cell}`,
      wanted: `at most ${cell.maxBits}`,
    });
  }
  if (resolved.columnsPerAdc > columns) {
    throw new OptionError(ACTION, {
      where: "estimate.columnsPerAdc",
      got: resolved.columnsPerAdc,
      wanted: `at most ${columns}, the columns of an array`,
    });
  }
  const chip = hardware(resolved, rows, columns, cellBits), plan = floorplan(works, resolved, rows, columns), { clockNs } = chip;

  const pieces = works.map((work, at) => layerPieces(chip, work, plan.layers[at]!, plan));
  const shared = sharedPieces(chip, works, plan, sum(pieces.flat(), "areaUm2")).map((piece) => joined([piece], []));
  const areaUm2 = sum(pieces.flat(), "areaUm2") + sum(shared, "areaUm2"), sideUm = Math.sqrt(areaUm2 / plan.tiles);

  const times = works.map((work, at) => {
    const cycles = layerCycles(chip, work, plan.layers[at]!, plan);
    const waitsNs = {
      array: cycles.array * clockNs,
      accumulation: cycles.accumulation * clockNs,
      buffer: cycles.buffer * clockNs,
      interconnect: cycles.interconnect * clockNs,
    };
    return { waitsNs, latencyNs: waitsNs.array + waitsNs.accumulation + waitsNs.buffer + waitsNs.interconnect };
  });
  const fill = sum(times, "latencyNs"), pipelined = resolved.schedule === "pipelined";
  const periodNs = pipelined ? times.reduce((most, { latencyNs }) => Math.max(most, latencyNs), 0) : fill;

  const layers = works.map((work, at): LayerEstimate => {
    const { latencyNs, waitsNs } = times[at]!,
      components = layerComponents(pieces[at]!, layerEnergy(chip, work, sideUm), waitsOf(chip, waitsNs));
    return {
      name: work.name,
      ...figures(components.map((each) => powered(each, periodNs)), work.macs, latencyNs, periodNs),
      ...{ latencyNs, waitsNs, plan: plan.layers[at]! },
    };
  });
  const all = [...layers.flatMap(({ components }) => components), ...shared.map((each) => powered(each, periodNs))];
  const { library, ...plain } = resolved;
  const found = {
    kind: "estimate" as const,
    chip: { ...figures(together(all), sum(works, "macs"), periodNs, periodNs), clockNs, periodNs, latencyNs: fill },
    layers,
    shared: all.slice(all.length - shared.length),
    floorplan: plan,
    options: plain,
    sources: sourcesOf(library, plain, all),
  };
  return { ...found, table: () => estimateTable(found) };
}

/** What follows from components, and the times between results and between images. */
function figures(components: readonly ComponentEstimate[], macs: number, resultNs: number, periodNs: number): Figures {
  const areaUm2 = sum(components, "areaUm2"), dynamicPj = sum(components, "dynamicPj"), leakageUw = sum(components, "leakageUw");
  const leakagePj = leakageUw * periodNs * 1e-3, energyPj = dynamicPj + leakagePj, tops = 2 * macs / resultNs * 1e-3;
  return {
    ...{ areaUm2, dynamicPj, leakageUw, leakagePj, energyPj },
    powerMw: energyPj / periodNs,
    fps: 1e9 / resultNs,
    ...{ macs, tops },
    topsPerWatt: 2 * macs / energyPj,
    topsPerMm2: tops / (areaUm2 / 1e6),
    components,
  };
}

/** Time of a layer by component: the cycles of arrays by the parts of the clock's path, the others by the circuit they are spent in. */
function waitsOf(
  { path, options: { interconnect } }: Hardware,
  { array, accumulation, buffer, interconnect: wires }: Cycles,
): Map<string, number> {
  const waits = new Map<string, number>();
  const parts = [...path.map(([name, share]) => [name, share * array] as const), ["shiftAdd", accumulation], ["sramBuffer", buffer], [
    interconnect,
    wires,
  ]] as const;
  for (const [name, time] of parts) waits.set(name, (waits.get(name) ?? 0) + time);
  return waits;
}

function powered(component: Unpowered, periodNs: number): ComponentEstimate {
  return { ...component, powerMw: component.dynamicPj / periodNs + component.leakageUw * 1e-3 };
}

type Unpowered = Omit<ComponentEstimate, "powerMw">;

type Numeric<Entry> = { [Key in keyof Entry]: Entry[Key] extends number ? Key : never }[keyof Entry];

function sum<Entry>(entries: readonly Entry[], key: Numeric<Entry>): number {
  return entries.reduce((total, entry) => total + (entry[key] as number), 0);
}

/** What a component is and what it does, by name. */
function layerComponents(pieces: readonly Piece[], spent: readonly Spent[], waits: ReadonlyMap<string, number>): Unpowered[] {
  const names = [...new Set([...pieces, ...spent].map(({ component }) => component))];
  return names.map((name) =>
    joined(pieces.filter(({ component }) => component === name), spent.filter(({ component }) => component === name), waits.get(name))
  );
}

function joined(pieces: readonly Piece[], spent: readonly Spent[], latencyNs = 0): Unpowered {
  const { component: name, category } = [...pieces, ...spent][0]!;
  return {
    ...{ name, category, count: sum(pieces, "count"), areaUm2: sum(pieces, "areaUm2") },
    ...{ actions: sum(spent, "actions"), dynamicPj: sum(spent, "energyPj"), leakageUw: sum(pieces, "leakageUw"), latencyNs },
  };
}

/** Components of the same name added up. */
function together(components: readonly ComponentEstimate[]): ComponentEstimate[] {
  const found = new Map<string, ComponentEstimate>();
  for (const each of components) {
    const known = found.get(each.name);
    found.set(
      each.name,
      known === undefined ? each : {
        ...known,
        count: known.count + each.count,
        areaUm2: known.areaUm2 + each.areaUm2,
        actions: known.actions + each.actions,
        dynamicPj: known.dynamicPj + each.dynamicPj,
        leakageUw: known.leakageUw + each.leakageUw,
        powerMw: known.powerMw + each.powerMw,
        latencyNs: known.latencyNs + each.latencyNs,
      },
    );
  }
  return [...found.values()];
}

function sourcesOf(
  library: Library,
  { node, cell }: Omit<ResolvedEstimate, "library">,
  used: readonly ComponentEstimate[],
): Record<string, string> {
  const names = used.map(({ name }) => name).filter((name) => name !== "cells");
  return {
    [`technology.${node}`]: library.technology[node]!.source,
    [`cells.${cell}`]: library.cells[cell]!.source,
    ...Object.fromEntries(names.map((name) => [`components.${name}`, library.components[name]!.source])),
  };
}
