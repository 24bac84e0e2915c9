// One array of one chip as it is written, rests and is read: conductances where they physically stand.

import { driftArray, programArray, readArray } from "../device/array.ts";
import type { Device } from "../device/device.ts";
import { topLevels } from "../decompose/sliced.ts";
import { arrayLevels } from "../map/executor.ts";
import { columnLayout, physicalColumn } from "../map/layout.ts";
import type { ArrayPlacement, MappedLayer } from "../map/mapped.ts";
import type { LayerPhysics } from "./options.ts";
import { verifiedCells, verifyArray } from "./verify_stage.ts";
import { addCosts, type WriteCost } from "./write_verify.ts";
import { arrange, type Arrangement, natural, stuckCells, type Wanted } from "./remedy.ts";

/** Which array of which chip. */
export interface ChipArray {
  /** Seed of the chip, as `chipSeed` gives it. */
  readonly seed: number;
  /** Number of the layer among those on arrays. */
  readonly layer: number;
  /** Number of the array in the layer's list of arrays. */
  readonly array: number;
}

/** Cells of one array, `[word lines][bit lines]` with spare columns last, normalised to the highest conductance. */
export interface WrittenArray {
  /** Word lines in use. */
  readonly rows: number;
  /** Bit lines, spares included. */
  readonly width: number;
  /** Where rows and columns stand. */
  readonly arrangement: Arrangement;
  /** Right after programming. */
  readonly programmed: Float64Array;
  /** At the time of use: the mean of all readings. */
  readonly conductances: Float64Array;
  /** Standard deviation of one reading; absent if readings do not vary. */
  readonly deviations?: Float64Array;
  /** What writing took; with write-verify only. */
  readonly cost?: WriteCost;
}

/** Deviation of a uniform number in [0, 1). */
const UNIFORM_DEVIATION = Math.sqrt(1 / 12);

/** Conductances wanted of an array, from `gMin` to 1: level 0 is fully off, the top level of the slice fully on. */
export function wantedArray(layer: MappedLayer, array: ArrayPlacement, gMin: number): Wanted {
  const { rows, physicalColumns: columns } = array, { sliced } = layer, { sliceWeights } = sliced;
  const targets = Float64Array.from(arrayLevels(layer, array));
  const importance = new Float64Array(columns), tops = new Float64Array(columns).fill(1);
  const layout = columnLayout(sliced), highest = topLevels(sliced);
  for (let column = 0; column < array.columns; column++) {
    for (const slice of array.slices) {
      const at = physicalColumn(layout, columns, column, slice), dummy = layout.dummyOf[slice]!, squared = sliceWeights[slice]! ** 2;
      const own = layout.unitOf[slice]! < 0 ? layout.pair : 1;
      for (const place of [at, ...own === 2 ? [at + 1] : [], ...dummy < 0 ? [] : [columns - layout.dummies.length + dummy]]) {
        importance[place]! += squared;
        tops[place] = highest[slice]!;
      }
    }
  }
  for (let cell = 0; cell < targets.length; cell++) targets[cell] = gMin + (1 - gMin) * targets[cell]! / tops[cell % columns]!;
  return { rows, columns, targets, importance };
}

/**
 * Writes an array, lets it rest and reads it. Random numbers go by the place of a cell on the chip, so that remedies change which cells are used, not how
 * good they are.
 */
export function writeArray(layer: MappedLayer, array: ArrayPlacement, physics: LayerPhysics, chip: ChipArray): WrittenArray {
  const written = write(layer, array, physics, chip);
  if (written.cost !== undefined) physics.verify?.wrote?.(chip, written.cost);
  return written;
}

function write(layer: MappedLayer, array: ArrayPlacement, physics: LayerPhysics, chip: ChipArray): WrittenArray {
  const { device, remap, spareColumns: spares } = physics;
  const wanted = wantedArray(layer, array, device.gMin), { rows, columns } = wanted, width = columns + spares;
  const own = { ...chip }, spare = { ...chip, array: layer.arrays.length + chip.array };
  const chosen = physics.verify && verifiedCells(layer, array, physics.verify.cells);
  if (!remap && spares === 0) {
    return { rows, width, arrangement: natural(rows, columns), ...cellsAt(physics, wanted.targets, chosen, columns, own) };
  }
  const stuck = { own: stuckCells(device, rows * columns, own), spare: stuckCells(device, rows * spares, spare) };
  const arrangement = arrange(wanted, stuck, physics);
  const targets = new Float64Array(rows * width).fill(device.gMin), placed = chosen && new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const line = arrangement.lines[row]! * width;
    for (let column = 0; column < columns; column++) {
      targets[line + arrangement.bitLines[column]!] = wanted.targets[row * columns + column]!;
      if (placed !== undefined) placed[line + arrangement.bitLines[column]!] = chosen![row * columns + column]!;
    }
  }
  const part = (from: number, to: number, cells: ChipArray) =>
    cellsAt(physics, block(targets, rows, width, from, to), placed && block(placed, rows, width, from, to), to - from, cells);
  const left = part(0, columns, own), right = part(columns, width, spare);
  const join = (a: Float64Array, b: Float64Array) => {
    const joined = new Float64Array(rows * width);
    for (let row = 0; row < rows; row++) {
      joined.set(a.subarray(row * columns, (row + 1) * columns), row * width);
      joined.set(b.subarray(row * spares, (row + 1) * spares), row * width + columns);
    }
    return joined;
  };
  return {
    rows,
    width,
    arrangement,
    programmed: join(left.programmed, right.programmed),
    conductances: join(left.conductances, right.conductances),
    ...(left.deviations === undefined ? {} : { deviations: join(left.deviations, right.deviations!) }),
    ...(left.cost === undefined ? {} : { cost: addCosts(left.cost, right.cost!) }),
  };
}

function block(values: Float64Array, rows: number, width: number, from: number, to: number): Float64Array {
  const cut = new Float64Array(rows * (to - from));
  for (let row = 0; row < rows; row++) cut.set(values.subarray(row * width + from, row * width + to), row * (to - from));
  return cut;
}

function cellsAt(
  { device, time, verify }: LayerPhysics,
  targets: Float64Array,
  chosen: Float64Array | undefined,
  columns: number,
  cells: ChipArray,
): Pick<WrittenArray, "programmed" | "conductances" | "deviations" | "cost"> {
  const programmed = device.program === undefined ? targets.slice() : programArray(device, targets, cells);
  const cost = chosen && verifyArray(device, programmed, targets, chosen, columns, verify!.loop, cells);
  return { ...restedAt(device, time, targets, programmed, cells), ...(cost === undefined ? {} : { cost }) };
}

function restedAt(device: Device, time: number, targets: Float64Array, programmed: Float64Array, cells: ChipArray) {
  const rested = device.drift === undefined || time === 0 ? programmed : driftArray(device, programmed, targets, time, cells);
  if (device.read === undefined) return { programmed, conductances: rested };
  return { programmed, ...readings(device, rested, programmed, time, cells) };
}

/** Mean and deviation of a cell's readings, from what the model gives at one deviation above and below. */
function readings(device: Device, rested: Float64Array, programmed: Float64Array, time: number, cells: ChipArray) {
  const read = device.read!, deviations = new Float64Array(rested.length);
  let cell = 0;
  const probe: Device = {
    ...device,
    read: (g, was, seconds, draw) => {
      const at = (sign: number) =>
        read(g, was, seconds, (kind) => kind === "fault" ? draw(kind) : kind === "normal" ? sign : 0.5 + sign * UNIFORM_DEVIATION);
      const high = at(1), low = at(-1);
      deviations[cell++] = Math.abs(high - low) / 2;
      return (high + low) / 2;
    },
  };
  const conductances = readArray(probe, rested, programmed, time, 0, cells);
  return deviations.some((deviation) => deviation > 0) ? { conductances, deviations } : { conductances };
}
