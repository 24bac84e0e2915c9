// Analog steps on the CPU: cells packed once, then windows, bit planes, subset sums, noise and converters block by block.

import { analogCrossbar, tableBytes } from "../../../kernels/simulate/analog.ts";
import { ANALOG } from "../../../kernels/simulate/analog_plan.ts";
import { analogReals } from "../../../kernels/simulate/analog_reals.ts";
import { bitPlanes } from "../../../kernels/simulate/bit_planes.ts";
import { oneHotPlanes } from "../../../kernels/simulate/one_hot_planes.ts";
import { copyColumns, startSums } from "../../../kernels/simulate/gather.ts";
import { OptionError } from "../../errors.ts";
import { hash } from "../../random.ts";
import type { AnalogStep, Value } from "../program.ts";
import {
  analogBlocks,
  analogDigits,
  channelSteps,
  checkVariance,
  fitsNarrow,
  lineRecords,
  noiseCounters,
  packCells,
  packOffsets,
  passRecords,
} from "./analog_pack.ts";
import { analogConversion, packThresholds } from "./analog_thresholds.ts";
import { CHUNK, type CpuDevice, type Executor } from "./device.ts";
import { prepareWindow, type Window } from "./window.ts";

/** Rows that the packing kernel takes at a time. */
const MULTIPLE = 16;
/** Most positions that share tables, and the fewest. */
const PIECE = { most: 256, least: 32 } as const;
/** Bytes of sums of a piece at most, and of the rows and planes of all pieces under way. */
const SUM_BYTES = 128 * 1024, BLOCK_BYTES = 8 * 1024 * 1024;

/**
 * Prepares an analog step: codes are the oracle's to the bit, real sums are added up in f64.
 *
 * @throws {OptionError} if line weights or the correction of an i32 output are not integers.
 * @throws {NumericError} if Σ variance could leave i32.
 */
export async function prepareAnalog(device: CpuDevice, step: AnalogStep, values: readonly Value[]): Promise<Executor> {
  const name = values[step.output]!.name, { geometry, tiles, rowIndex, lines, digitBits, converter, noise, drives = 1 } = step;
  if (converter.kind !== "none" && ![...step.lineWeights, step.correction].every(Number.isInteger)) {
    throw new OptionError("run an analog step", {
      where: name,
      got: [...step.lineWeights, step.correction],
      wanted: "integer line weights and correction",
    });
  }
  checkVariance(step, name);
  const narrow = fitsNarrow(step),
    blocks = analogBlocks(step, narrow),
    conversion = analogConversion(step, blocks),
    digits = analogDigits(step),
    { width } = blocks;
  const window = await prepareWindow(device, geometry, { rowIndex, tiles, multiple: MULTIPLE, bytes: 1, fill: 0 });
  const thresholds = packThresholds(device, step, conversion, blocks);
  const tileRows = window.tileBytes.map((bytes) => bytes * drives),
    pitch = window.pitch * drives,
    offsets = packOffsets(device, step, blocks);
  const cells = packCells(device, step, { cells: step.cells, type: narrow ? "i16" : "i32", tileRows }, blocks);
  const variances = noise?.variance && packCells(device, step, { cells: noise.variance, type: "u8", tileRows }, blocks);
  const sums = passRecords(step, "sums", pitch, blocks), squares = passRecords(step, "squares", pitch, blocks);
  const passes = device.upload(sums), squared = device.upload(squares), tileBytes = device.upload(tileRows);
  const sumBytes = digits * width * 4;
  const chunk = Math.max(PIECE.least, Math.min(PIECE.most, Math.floor(SUM_BYTES / sumBytes)));
  const layout = scratchLayout({ table: tableBytes(width / 4, narrow), sums: chunk * sumBytes, states: chunk * 4, bases: digits * 4 });
  const channels = geometry.outputShape[2];
  const plan: Partial<Record<keyof typeof ANALOG, number>> = {
    ...layout,
    blocks: blocks.blocks,
    lines,
    tiles: tiles.length - 1,
    tileBytes,
    digits,
    rows: pitch,
    chunk,
    records: device.upload(lineRecords(device, step, thresholds.shifts)),
    passes,
    passEnd: passes + sums.byteLength,
    squares: squared,
    squareEnd: squared + squares.byteLength,
    counters: device.upload(noise === undefined ? new Int32Array(1) : noiseCounters(step)),
    steps: device.upload(channelSteps(channels, width)),
    key: hash(noise?.key ?? 0),
    top: converter.kind === "none" ? 0 : converter.levels - 1,
    thresholdBytes: thresholds.bytes,
    positions: window.positions,
    zeros: device.upload(new Int32Array(width)),
  };
  const words = new Int32Array(ANALOG.words);
  for (const [word, value] of Object.entries(plan)) words[ANALOG[word as keyof typeof ANALOG]] = value;
  const groups = cells.map((at, group) => ({
    cells: at,
    variances: variances?.[group] ?? 0,
    offsets: offsets[group]!,
    thresholds: thresholds.at[group]!,
  }));
  return await analogExecutor(device, window, {
    kernel: await device.kernel(analogCrossbar({ ...conversion, narrow, squares: digitBits > 1 && step.drives === undefined })),
    plan: device.upload(words),
    chunk,
    scratch: layout.scratch,
    groups,
    quads: Math.ceil((step.drives === undefined ? Math.min(8, digits * digitBits) : digits) / 4),
    ...(step.drives === undefined ? {} : { oneHot: { drives, digits, digitBits } }),
    tileBytes,
    tiles: tiles.length - 1,
    blocks: blocks.blocks,
    columns: blocks.columns,
    width,
    channels,
    correction: step.correction,
    constant: constantOf(step),
    real: converter.kind === "none",
    input: step.input,
    output: step.output,
  });
}

/** What is left of a step once it is packed. */
interface Packed {
  readonly kernel: number;
  readonly plan: number;
  /** Positions of a piece. */
  readonly chunk: number;
  /** Bytes of a thread. */
  readonly scratch: number;
  /** Addresses. */
  readonly groups: readonly { readonly cells: number; readonly variances: number; readonly offsets: number; readonly thresholds: number }[];
  /** Quads of input bits, or of digits where each drive level has cells of its own. */
  readonly quads: number;
  /** Of such drive levels. */
  readonly oneHot?: { readonly drives: number; readonly digits: number; readonly digitBits: number };
  readonly tileBytes: number;
  readonly tiles: number;
  readonly blocks: number;
  readonly columns: number;
  readonly width: number;
  readonly channels: number;
  readonly correction: number;
  /** Start of every i32 output. */
  readonly constant: number;
  readonly real: boolean;
  readonly input: number;
  readonly output: number;
}

/** Apart from what packs, so that nothing of a step stays alive with it. */
async function analogExecutor(device: CpuDevice, window: Window, packed: Packed): Promise<Executor> {
  const { quads, blocks, width, channels, columns, correction, real, tileBytes, tiles, chunk } = packed;
  const { oneHot } = packed,
    pack = await device.kernel(oneHot === undefined ? bitPlanes() : oneHotPlanes(oneHot)),
    start = await device.kernel(startSums());
  const finish = await device.kernel(real ? analogReals() : copyColumns());
  const pitch = blocks * width * (real ? 8 : 4), direct = !real && columns === channels && channels * 4 === pitch;
  const bias = device.upload(new Int32Array(pitch / 4).fill(packed.constant)), factor = device.upload(Float64Array.of(correction));
  const quadPitch = window.pitch * (oneHot?.drives ?? 1), planePitch = quads * quadPitch, countPitch = quads * tiles * 8;
  const { pool } = device;
  const perBlock = Math.max(1, Math.floor(BLOCK_BYTES / (window.pitch + planePitch + countPitch + pitch) / chunk)) * chunk * pool.threads;
  return {
    run(batch, address, image) {
      const source = window.pad(batch, address(packed.input)), output = address(packed.output), total = batch * window.positions;
      const scratch = device.scratch("analog", pool.threads * packed.scratch);
      for (let first = 0; first < total; first += perBlock) {
        const count = Math.min(perBlock, total - first);
        packed.groups.forEach((group, index) => {
          const rows = window.gather(source, index, first, count);
          const planes = device.scratch("planes", count * planePitch), counts = device.scratch("counts", count * countPitch);
          const out = direct ? output + first * pitch : device.scratch("sums", count * pitch);
          if (oneHot === undefined) pool.run(pack, count, CHUNK, rows, window.pitch, planes, counts, quads, tileBytes, tiles);
          else pool.run(pack, count, CHUNK, rows, window.pitch, planes, quadPitch, oneHot.drives);
          pool.run(start, count, CHUNK, rows, window.pitch, out, pitch, pitch / 16, bias, real ? 0 : correction);
          const items = blocks * Math.ceil(count / chunk), { cells, variances, offsets, thresholds } = group;
          const sources = [cells, variances, offsets, thresholds, index * columns, image, scratch, packed.plan];
          pool.run(packed.kernel, items, 1, planes, planePitch, first, count, out, pitch, ...sources);
          const to = output + (first * channels + index * columns) * 4;
          if (real) {
            const inputs = device.scratch("inputs", count * 16);
            pool.run(start, count, CHUNK, rows, window.pitch, inputs, 16, 1, bias, correction === 0 ? 0 : 1);
            pool.run(finish, count, CHUNK, out, pitch, inputs, factor, to, channels * 4, columns);
          } else if (!direct) pool.run(finish, count, CHUNK, out, pitch, to, channels * 4, columns * 4);
        });
      }
    },
  };
}

/** Σ of the weights of all conversions times the smallest code, which the kernel leaves out of a uniform converter's codes. */
function constantOf(step: AnalogStep): number {
  const { converter, digitBits, lineWeights, tiles } = step;
  if (converter.kind !== "uniform") return 0;
  const digits = (2 ** (analogDigits(step) * digitBits) - 1) / (2 ** digitBits - 1);
  return digits * (tiles.length - 1) * lineWeights.reduce((sum, weight, line) => sum + weight * converter.first[line]!, 0);
}

/** Places of a thread's buffers, and their bytes together. */
function scratchLayout({ table, sums, states, bases }: Record<"table" | "sums" | "states" | "bases", number>) {
  const aligned = (bytes: number) => Math.ceil(bytes / 64) * 64;
  const variances = aligned(table) + aligned(sums), state = variances + aligned(sums), base = state + aligned(states);
  return { sums: aligned(table), variances, states: state, bases: base, scratch: base + aligned(bases) };
}
