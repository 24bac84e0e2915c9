// Planes of the windows of a step: gathered from pixels packed once where eight rows are eight channels, else packed from gathered bytes.

import { countPlanes, GROUP_ROWS, groupBytes, packLines, packRows } from "../../../kernels/simulate/subset_planes.ts";
import type { KernelStage } from "../../cpu/pool.ts";
import { digitCount } from "./cells.ts";
import type { CpuDevice } from "./device.ts";
import type { Layout } from "./saturate.ts";
import { prepareWindow, type Window } from "./window.ts";
import type { CrossbarStep } from "../program.ts";

/** Makes planes and counts of blocks of positions. */
export interface Planes {
  /** Bytes of a position's planes, and where each tile's begin. */
  readonly pitch: number;
  readonly starts: readonly number[];
  /** Bytes of a position's counts, and of each tile's. */
  readonly countPitch: number;
  readonly countBytes: number;
  /** Whether planes are made from the window of bytes. */
  readonly fromRows: boolean;
  /** Pads a batch once, for {@linkcode Planes.stages}; `bytes` is the batch padded for the window of bytes. */
  pad(batch: number, input: number, bytes: number): number;
  /** Stages that make the planes of `count` positions of a group, every `step`-th from the first on; `rows` are their gathered bytes, needed if `fromRows`. */
  stages(
    source: number,
    rows: number,
    group: number,
    first: number,
    count: number,
    step?: number,
  ): { readonly at: number; readonly stages: readonly KernelStage[] };
  /** Stage that counts the ones of these planes. */
  count(planes: number, count: number): { readonly at: number; readonly stage: KernelStage };
}

/** Makes ready the planes of the rows whose bytes `window` gathers, in the same layout. */
export async function preparePlanes(device: CpuDevice, step: CrossbarStep, window: Window, layout: Layout): Promise<Planes> {
  const { tileRows } = layout;
  const bits = digitCount(step), bytes = groupBytes(bits), tiles = tileRows.length;
  const tileBytes = tileRows.map((rows) => rows / GROUP_ROWS * bytes), pitch = tileBytes.reduce((sum, each) => sum + each, 0);
  const starts = Array.from(tileBytes, (_, tile) => tileBytes.subarray(0, tile).reduce((sum, each) => sum + each, 0));
  const sizes = device.upload(tileBytes), counts = await device.kernel(countPlanes(bits)), pack = await device.kernel(packRows(bits));
  const pixels = await pixelWindow(device, step, layout.multiple);
  const countBytes = 2 * bytes, countPitch = countBytes * tiles;
  return {
    pitch,
    starts,
    countPitch,
    countBytes,
    fromRows: pixels === undefined,
    pad: (batch, input, padded) => pixels === undefined ? padded : pixels.pad(batch, input),
    stages(source, rows, group, first, count, step) {
      if (pixels !== undefined) {
        const { at, stage } = pixels.stage(source, group, first, count, step);
        return { at, stages: stage === undefined ? [] : [stage] };
      }
      const at = device.scratch("planes", count * pitch);
      return { at, stages: [{ kernel: pack, parameters: [rows, window.pitch, at, pitch] }] };
    },
    count(planes, count) {
      const at = device.scratch("counts", count * countPitch);
      return { at, stage: { kernel: counts, parameters: [planes, pitch, at, countPitch, sizes, tiles] } };
    },
  };
}

/** A window over packed pixels, if every eight rows of each tile are eight aligned channels of a pixel. */
async function pixelWindow(device: CpuDevice, step: CrossbarStep, multiple: number): Promise<Window | undefined> {
  const { geometry, rowIndex, tiles } = step, [height, width, channels] = geometry.inputShape, bits = digitCount(step);
  const groups: number[] = [], ends = [0];
  if (channels / geometry.groups % GROUP_ROWS !== 0) return undefined;
  for (let tile = 0; tile + 1 < tiles.length; tile++) {
    if ((tiles[tile + 1]! - tiles[tile]!) % GROUP_ROWS !== 0) return undefined;
    for (let row = tiles[tile]!; row < tiles[tile + 1]!; row += GROUP_ROWS) {
      const first = rowIndex[row]!;
      for (let next = 0; next < GROUP_ROWS; next++) if (rowIndex[row + next] !== first + next) return undefined;
      if (first % GROUP_ROWS !== 0) return undefined;
      groups.push(first / GROUP_ROWS);
    }
    ends.push(groups.length);
  }
  const packed = { ...geometry, inputShape: [height, width, channels / GROUP_ROWS] } as const;
  return await prepareWindow(device, packed, {
    rowIndex: Int32Array.from(groups),
    tiles: ends,
    multiple: multiple / GROUP_ROWS,
    bytes: groupBytes(bits),
    fill: 0,
    names: { padded: "packed", rows: "planes" },
    pack: { kernel: packLines(bits), codes: width * channels },
  });
}
