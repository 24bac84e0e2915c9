// A convolution's window as runs of contiguous bytes, so that one kernel gathers any geometry and any array order.

import type { KernelStage } from "../../cpu/pool.ts";
import { gatherRows, padLines } from "../../../kernels/simulate/gather.ts";
import { CHUNK, type CpuDevice } from "./device.ts";
import type { Geometry } from "../program.ts";

/** Rows of the array order split into tiles, each padded with zeros. */
export interface RowLayout {
  /** Array order: input read by each row, as in `CrossbarStep.rowIndex`. */
  readonly rowIndex: Int32Array;
  /** First row of each tile, and the end. */
  readonly tiles: readonly number[];
  /** Every tile takes a multiple of this many rows. */
  readonly multiple: number;
  /** Bytes of an input element. */
  readonly bytes: 1 | 4 | 8;
  /** Byte written where the window reaches over the edge. */
  readonly fill: number;
  /** Scratch buffers: windows whose contents are needed at the same time differ in them. Default "padded" and "rows". */
  readonly names?: { readonly padded: string; readonly rows: string };
  /** A kernel that writes a padded batch from other elements, at their address: see `packLines`, whose parameters it gets. */
  readonly pack?: { readonly kernel: string; readonly codes: number };
}

/** Gathers windows of one step. */
export interface Window {
  /** Bytes of a gathered row. */
  readonly pitch: number;
  /** Bytes of each tile of it. */
  readonly tileBytes: Int32Array;
  /** Output positions of an image. */
  readonly positions: number;
  /** Pads a batch once; the result is what {@linkcode Window.gather} reads. */
  pad(batch: number, input: number): number;
  /** Address of the rows of positions first … first + count − 1 for a group. */
  gather(source: number, group: number, first: number, count: number): number;
  /**
   * The same as a stage over these positions, or every `step`-th from the first on, not run yet; no stage where rows lie in the input as they are, one for
   * each image.
   */
  stage(source: number, group: number, first: number, count: number, step?: number): { readonly at: number; readonly stage?: KernelStage };
}

/** Array order in which row r reads input r. */
export function identityOrder(geometry: Geometry): Int32Array {
  return Int32Array.from({ length: rowCount(geometry) }, (_, row) => row);
}

/** Rows of one group. */
export function rowCount({ kernel, inputShape, groups }: Geometry): number {
  return kernel[0] * kernel[1] * inputShape[2] / groups;
}

/** Makes the window of a step ready. */
export async function prepareWindow(device: CpuDevice, geometry: Geometry, layout: RowLayout): Promise<Window> {
  const { kernel, stride, padding, dilation, inputShape: [height, width, channels], outputShape, groups } = geometry;
  const { bytes, fill, names = { padded: "padded", rows: "rows" } } = layout;
  const [paddedHeight, paddedWidth] = [height + 2 * padding[0], width + 2 * padding[1]];
  const perGroup = channels / groups;
  const offset = (row: number) => {
    const index = layout.rowIndex[row]!, channel = index % perGroup, tap = (index - channel) / perGroup;
    const x = tap % kernel[1], y = (tap - x) / kernel[1];
    return ((y * dilation[0] * paddedWidth + x * dilation[1]) * channels + channel) * bytes;
  };
  const { runs, tileBytes, pitch } = compress(layout, offset);
  const padded = padding[0] > 0 || padding[1] > 0;
  const image = paddedHeight * paddedWidth * channels * bytes;
  const positions = outputShape[0] * outputShape[1];
  const direct = !padded && groups === 1 && positions === 1 && runs.length === 3 && runs[0] === 0 && image === pitch;
  const records = device.upload(runs);
  const pad = await device.kernel(layout.pack?.kernel ?? padLines()), gather = await device.kernel(gatherRows());
  const { pool } = device, line = stride[0] * paddedWidth * channels * bytes, column = stride[1] * channels * bytes;
  const stage: Window["stage"] = (source, group, first, count, step = 1) => {
    if (direct && step === 1) return { at: source + first * pitch };
    const rows = device.scratch(names.rows, count * pitch), from = source + group * perGroup * bytes;
    const parameters = [from, rows, first, step, pitch, records, runs.length / 3, outputShape[1], positions, image, line, column];
    return { at: rows, stage: { kernel: gather, parameters } };
  };
  return {
    pitch,
    tileBytes,
    positions,
    stage,
    pad(batch, input) {
      if (!padded && layout.pack === undefined) return input;
      const target = device.scratch(names.padded, batch * image);
      const line = layout.pack?.codes ?? width * channels * bytes;
      const left = padding[1] * channels * bytes;
      pool.run(pad, batch * paddedHeight, 8, input, target, height, line, padding[0], left, paddedHeight, image / paddedHeight, fill);
      return target;
    },
    gather(source, group, first, count) {
      const { at, stage: one } = stage(source, group, first, count);
      if (one !== undefined) pool.chain([one], count, CHUNK);
      return at;
    },
  };
}

/** Records of source offset, target offset and bytes; −1 as a source means zeros. */
function compress({ tiles, multiple, bytes }: RowLayout, offset: (row: number) => number): {
  runs: Int32Array;
  tileBytes: Int32Array;
  pitch: number;
} {
  const runs: number[] = [];
  const tileBytes = new Int32Array(tiles.length - 1);
  let target = 0;
  const append = (source: number, length: number) => {
    const last = runs.length - 3;
    const joins = last >= 0 && (source < 0 ? runs[last]! < 0 : runs[last]! >= 0 && runs[last]! + runs[last + 2]! === source);
    if (joins) runs[last + 2]! += length;
    else runs.push(source, target, length);
    target += length;
  };
  for (let tile = 0; tile < tileBytes.length; tile++) {
    const begin = tiles[tile]!, end = tiles[tile + 1]!, start = target;
    for (let row = begin; row < end; row++) append(offset(row), bytes);
    const spare = (Math.ceil((end - begin) / multiple) * multiple - (end - begin)) * bytes;
    if (spare > 0) append(-1, spare);
    tileBytes[tile] = target - start;
  }
  return { runs: Int32Array.from(runs), tileBytes, pitch: target };
}
