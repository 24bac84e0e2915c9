// What stands on the chip: counts of every circuit per layer, its area and leakage, and the wires between.

import type { Category } from "./library.ts";
import type { Hardware } from "./hardware.ts";
import type { Floorplan, LayerTiles } from "./floorplan.ts";
import type { LayerWork } from "./work.ts";

/** One kind of circuit in one place. */
export interface Piece {
  /** Component of the library, or "cells". */
  readonly component: string;
  /** Which sum it belongs to. */
  readonly category: Category;
  /** How many. */
  readonly count: number;
  /** µm², all of them. */
  readonly areaUm2: number;
  /** µW, all of them. */
  readonly leakageUw: number;
}

/** Bits of a sum behind a converter: its code, shifted over the input's bits, added over row groups. */
export function sumBits({ options: { adc }, groups }: Hardware, inputBits: number): number {
  return adc.bits + inputBits + Math.ceil(Math.log2(groups));
}

/** Units that apply the activation function or pool, per tile. */
const UNITS = 16;

/** Circuits of the tiles of a layer, wires between processing elements included. */
export function layerPieces(hardware: Hardware, work: LayerWork, plan: LayerTiles, { pe, tile }: Floorplan): Piece[] {
  const { options, rows, columns, cell, adcs, groups, quantities } = hardware, { inputBits } = work;
  const { arrays, tiles, pesPerTile, kind, down, across, sets } = plan, bits = sumBits(hardware, inputBits), pes = tiles * pesPerTile;
  const pieces: Piece[] = [];
  const add = (name: string, count: number, given: Readonly<Record<string, number>> = {}) => {
    if (count <= 0) return;
    const { area, leakage, component } = hardware.circuit(name), areaUm2 = count * area({ ...quantities, ...given });
    pieces.push({ component: name, category: component.category, count, areaUm2, leakageUw: areaUm2 * leakage });
  };
  const cells = arrays * rows * columns;
  pieces.push({
    component: "cells",
    category: "array",
    count: cells,
    areaUm2: cells * hardware.cellAreaUm2,
    leakageUw: cells * hardware.cellLeakageUw,
  });
  for (const line of cell.rowLines) add(line, arrays * rows);
  if (options.digitBits > 1) add("dac", arrays * rows);
  for (const line of [...cell.columnLines, ...cell.conversionLines]) add(line, arrays * columns);
  add("rowDecoder", arrays);
  add(options.adc.type, arrays * adcs);
  add("shiftAdd", arrays * adcs, { bits });
  if (groups > 1) add("groupAccumulator", arrays * adcs, { bits: options.adc.bits + Math.ceil(Math.log2(groups)) });
  const inPe = bits + Math.ceil(Math.log2(pe)), summed = kind === "kernel" ? pesPerTile : tile, outlets = pe * adcs;
  add("adder", pes * (pe - 1) * outlets, { bits: inPe });
  add("adder", tiles * (summed - 1) * (pesPerTile / summed) * outlets, { bits: inPe + Math.ceil(Math.log2(summed)) });
  add("adder", sets * (down - 1) * across * (pesPerTile / summed) * outlets, { bits: inPe + Math.ceil(Math.log2(summed * down)) });
  // Slices of a weight are added up behind the positions and row tiles.
  const { columns: sliced, outputs } = work.blocks[0]!;
  add("adder", Math.ceil(sets * across * (pesPerTile / summed) * outlets * (1 - outputs / sliced)), {
    bits: inPe + Math.ceil(Math.log2(summed * down)),
  });
  const vector = pe * rows * inputBits;
  add("sramBuffer", pes * vector + tiles * summed * vector);
  add("relu", tiles * UNITS, { bits: inputBits });
  if (work.pooled > 0) add("maxPool", tiles * UNITS, { bits: inputBits });
  const { wirePitches = 1, localBits = 0 } = hardware.circuit(options.interconnect).component;
  const pitchUm = wirePitches * hardware.technology.metalPitchNm / 1000, lines = 2 * Math.ceil(Math.sqrt(pesPerTile));
  const inside = pieces.reduce((sum, piece) => sum + piece.areaUm2, 0) / tiles;
  const wires = tiles * wireArea(inside, lines, 2 * localBits * pitchUm);
  pieces.push({ component: options.interconnect, category: "interconnect", count: tiles * lines, areaUm2: wires, leakageUw: 0 });
  return merged(pieces);
}

/** Circuits all layers share: the buffer that holds the largest pair of images, and the buses between tiles. */
export function sharedPieces(hardware: Hardware, works: readonly LayerWork[], { grid }: Floorplan, tilesUm2: number): Piece[] {
  const { options } = hardware;
  const bits = works.reduce((most, { inputSize, outputSize, inputBits }) => Math.max(most, (inputSize + outputSize) * inputBits), 0);
  const { area, leakage, component } = hardware.circuit("sramBuffer"), areaUm2 = bits * area();
  const buffer = { component: "sramBuffer", category: component.category, count: bits, areaUm2, leakageUw: areaUm2 * leakage };
  const { wirePitches = 1, widthBits = 0 } = hardware.circuit(options.interconnect).component;
  const pitchUm = wirePitches * hardware.technology.metalPitchNm / 1000, lines = grid[0] + grid[1];
  const wires = wireArea(tilesUm2 + areaUm2, lines, 2 * widthBits * pitchUm);
  return [buffer, { component: options.interconnect, category: "interconnect", count: lines, areaUm2: wires, leakageUw: 0 }];
}

/** Area of `lines` buses of a width (µm) that cross a square of `inside` µm² and themselves: x with x = lines · width · √(inside + x). */
function wireArea(inside: number, lines: number, width: number): number {
  const reach = lines * width;
  return reach * (reach + Math.sqrt(reach ** 2 + 4 * inside)) / 2;
}

/** Pieces of the same component together. */
function merged(pieces: readonly Piece[]): Piece[] {
  const found = new Map<string, Piece>();
  for (const piece of pieces) {
    const known = found.get(piece.component);
    found.set(
      piece.component,
      known === undefined ? piece : {
        ...known,
        count: known.count + piece.count,
        areaUm2: known.areaUm2 + piece.areaUm2,
        leakageUw: known.leakageUw + piece.leakageUw,
      },
    );
  }
  return [...found.values()];
}
