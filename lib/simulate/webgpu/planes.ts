// Packs a crossbar's cells into bit planes and its rows into gather lists, in the layout the WGSL kernels read.

import { DeviceError } from "../../errors.ts";
import type { CrossbarStep } from "../program.ts";

/** What says where the rows of a step read: crossbar and analog steps alike. */
export type RowOrder = Pick<CrossbarStep, "geometry" | "rowIndex" | "tiles">;

/** How one slice's cells are written: cells = lowest + factor · Σ_j 2^j plane_j, planes binary. */
export interface SlicePlanes {
  readonly lowest: number;
  readonly factor: number;
  readonly planes: number;
}

/** A crossbar step in bit planes. */
export interface PackedCrossbar {
  readonly slices: readonly SlicePlanes[];
  /** Planes of all slices together. */
  readonly allPlanes: number;
  /** 32-bit words per tile and bit, in vectors of 1, 2 or 4 words. */
  readonly words: number;
  readonly vectorWords: 1 | 2 | 4;
  /** `[tile][plane][vector][column][word of the vector]`, columns over all groups. */
  readonly data: Uint32Array;
  /** `[tile][word][slot][2]`: (dy·65536 + dx, channel) each slot reads; channel 0xffffffff for none. */
  readonly gather: Uint32Array;
  /** Slots per word: 32 single rows, or 8 runs of four adjacent channels. */
  readonly slots: 32 | 8;
}

/** Packs cells and rows. @throws {DeviceError} if a cell or row lies outside what the kernels can address. */
export function packCrossbar(step: CrossbarStep): PackedCrossbar {
  const { tiles } = step;
  const longest = tiles.slice(1).reduce((most, end, tile) => Math.max(most, end - tiles[tile]!), 1);
  const least = Math.ceil(longest / 32);
  const vectorWords = least === 1 ? 1 : least === 2 ? 2 : 4;
  const words = Math.ceil(least / vectorWords) * vectorWords;
  const slices = Array.from({ length: step.slices }, (_, slice) => describeSlice(step, slice));
  const allPlanes = slices.reduce((sum, { planes }) => sum + planes, 0);
  const slots = adjacentQuads(step) ? 8 : 32;
  return {
    slices,
    allPlanes,
    words,
    vectorWords,
    data: packCells(step, slices, allPlanes, words, vectorWords),
    gather: packRows(step, words, slots),
    slots,
  };
}

function dimensions({ geometry, rowIndex }: RowOrder) {
  const columns = geometry.outputShape[2] / geometry.groups;
  return { groups: geometry.groups, rows: rowIndex.length, columns, channels: geometry.inputShape[2] / geometry.groups };
}

function describeSlice(step: CrossbarStep, slice: number): SlicePlanes {
  const { groups, rows, columns } = dimensions(step);
  const cells = rows * columns;
  let [lowest, highest] = [0, 0];
  const each = (visit: (cell: number) => void) => {
    for (let group = 0; group < groups; group++) {
      const base = (group * step.slices + slice) * cells;
      for (let at = base; at < base + cells; at++) visit(step.cells[at]!);
    }
  };
  each((cell) => {
    if (cell < lowest) lowest = cell;
    else if (cell > highest) highest = cell;
  });
  let factor = 0;
  each((cell) => {
    if (factor !== 1) factor = greatestDivisor(factor, cell - lowest);
  });
  factor = Math.max(factor, 1);
  return { lowest, factor, planes: Math.ceil(Math.log2((highest - lowest) / factor + 1)) };
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

function packCells(
  step: CrossbarStep,
  slices: readonly SlicePlanes[],
  allPlanes: number,
  words: number,
  vectorWords: number,
): Uint32Array {
  const { groups, rows, columns } = dimensions(step);
  const total = groups * columns;
  const tileCount = step.tiles.length - 1;
  const data = new Uint32Array(Math.max(1, tileCount * allPlanes * words * total));
  const vectors = words / vectorWords;
  for (let tile = 0; tile < tileCount; tile++) {
    for (let row = step.tiles[tile]!; row < step.tiles[tile + 1]!; row++) {
      const slot = row - step.tiles[tile]!;
      const word = slot >> 5;
      const bit = 1 << (slot & 31);
      const vector = Math.floor(word / vectorWords);
      let first = tile * allPlanes;
      for (let slice = 0; slice < step.slices; slice++) {
        const { lowest, factor, planes } = slices[slice]!;
        for (let group = 0; group < groups; group++) {
          const base = ((group * step.slices + slice) * rows + row) * columns;
          for (let column = 0; column < columns; column++) {
            let level = (step.cells[base + column]! - lowest) / factor;
            for (let plane = first; level > 0; plane++, level >>= 1) {
              if (level & 1) {
                data[((plane * vectors + vector) * total + group * columns + column) * vectorWords + word % vectorWords]! |= bit;
              }
            }
          }
        }
        first += planes;
      }
    }
  }
  return data;
}

/** Whether every aligned run of four rows of every tile reads four adjacent, aligned channels. */
export function adjacentQuads(step: RowOrder): boolean {
  const { channels } = dimensions(step);
  if (channels % 4 !== 0) return false;
  for (let tile = 0; tile + 1 < step.tiles.length; tile++) {
    const [start, end] = [step.tiles[tile]!, step.tiles[tile + 1]!];
    if ((end - start) % 4 !== 0) return false;
    for (let row = start; row < end; row++) {
      const first = step.rowIndex[row - (row - start) % 4]!;
      if (first % 4 !== 0 || step.rowIndex[row] !== first + (row - start) % 4) return false;
    }
  }
  return true;
}

function packRows(step: CrossbarStep, words: number, slots: 32 | 8): Uint32Array {
  const { tiles } = step;
  const tileCount = tiles.length - 1;
  const gather = new Uint32Array(tileCount * words * slots * 2).fill(0xffffffff);
  const every = 32 / slots;
  for (let tile = 0; tile < tileCount; tile++) {
    for (let row = tiles[tile]!; row < tiles[tile + 1]!; row += every) {
      const slot = (row - tiles[tile]!) / every;
      gather.set(rowSource(step, row), (tile * words * slots + slot) * 2);
    }
  }
  return gather;
}

/** What a row reads: (dy · 65536 + dx, channel within the group). @throws {DeviceError} if it lies too far off. */
export function rowSource({ geometry, rowIndex }: RowOrder, row: number): [number, number] {
  const channels = geometry.inputShape[2] / geometry.groups, source = rowIndex[row]!, channel = source % channels;
  const tap = (source - channel) / channels;
  const dx = tap % geometry.kernel[1] * geometry.dilation[1];
  const dy = Math.floor(tap / geometry.kernel[1]) * geometry.dilation[0];
  if (source < 0 || dy > 65535 || dx > 65535) {
    throw new DeviceError("pack a crossbar", {
      where: `rowIndex[${row}]`,
      got: source,
      wanted: "a row within 65535 pixels of the window's corner",
    });
  }
  return [dy * 65536 + dx, channel];
}
