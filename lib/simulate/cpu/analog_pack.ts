// What an analog step's kernel reads besides its inputs: cells by column block, records of lines and passes, counters of the noise.

import { TABLE_ROWS } from "../../../kernels/simulate/analog.ts";
import { ANALOG_PASS, LINE } from "../../../kernels/simulate/analog_plan.ts";
import { COUNTER_STEP } from "../../../kernels/simulate/analog_convert.ts";
import { NumericError } from "../../errors.ts";
import { mix } from "../../random.ts";
import { CHANNEL_STEP, NOISE_LEVELS } from "../noise.ts";
import type { AnalogStep } from "../program.ts";
import type { CpuDevice } from "./device.ts";

/** Bytes of a packed cell. */
const BYTES = { i32: 4, i16: 2, u8: 1 } as const;
/** Bits of a u8 code. */
const CODE_BITS = 8;

/** How a group's columns are cut. */
export interface Blocks {
  /** Columns of a group. */
  readonly columns: number;
  /** Columns of a block. */
  readonly width: number;
  /** Blocks of a group. */
  readonly blocks: number;
}

/** Input digits of a step. */
export function analogDigits({ inputBits, digitBits }: AnalogStep): number {
  return Math.ceil(inputBits / digitBits);
}

/** Columns of a block at the least total cost: wide blocks share the reading of inputs, spare columns are wasted. */
export function analogBlocks({ geometry: { groups, outputShape } }: AnalogStep, narrow: boolean): Blocks {
  const columns = outputShape[2] / groups;
  const cost = (width: number) => Math.ceil(columns / width) * (width + (narrow ? 4 : 2));
  const width = (narrow ? [64, 48, 32, 24, 16, 8] : [32, 24, 16, 8]).reduce((best, each) => cost(each) < cost(best) ? each : best);
  return { columns, width, blocks: Math.ceil(columns / width) };
}

/** Rows of codes whose drive levels stand together: 16 of level 1, the same of level 2, and so on. */
const RUN = 16;

/**
 * Where the packed rows of a tile come from: `(row, drive) ↦ row · drives + drive` of each, −1 for those that pad runs of 16 rows. Without drives, rows as
 * they are.
 */
export function packedRows(rows: number, drives: number): Int32Array {
  if (drives === 1) return Int32Array.from({ length: rows }, (_, row) => row);
  return Int32Array.from({ length: Math.ceil(rows / RUN) * RUN * drives }, (_, at) => {
    const run = Math.floor(at / (RUN * drives)), drive = Math.floor(at / RUN) % drives, row = run * RUN + at % RUN;
    return row < rows ? row * drives + drive : -1;
  });
}

/** Whether no sum of the rows that share tables can leave i16, whatever the inputs. */
export function fitsNarrow({ geometry: { groups, outputShape }, cells, lines, tiles, drives = 1 }: AnalogStep): boolean {
  const columns = outputShape[2] / groups, rows = tiles.at(-1)!, low = new Int32Array(columns), high = new Int32Array(columns);
  const orders = tiles.slice(1).map((end, tile) => packedRows(end - tiles[tile]!, drives));
  for (let plane = 0; plane < groups * lines; plane++) {
    for (let tile = 0; tile + 1 < tiles.length; tile++) {
      const order = orders[tile]!;
      for (let at = 0; at < order.length; at++) {
        if (at % TABLE_ROWS === 0) {
          low.fill(0);
          high.fill(0);
        }
        if (order[at]! < 0) continue;
        const base = ((plane * rows + tiles[tile]!) * drives + order[at]!) * columns;
        for (let column = 0; column < columns; column++) {
          const cell = cells[base + column]!;
          // Checked at each row, no sum can leave i32 before it is seen to leave i16.
          if (cell < 0 ? cell < -32768 || (low[column]! += cell) < -32768 : cell > 32767 || (high[column]! += cell) > 32767) return false;
        }
      }
    }
  }
  return true;
}

/**
 * `[plane][row][drive][column]` of a group in array order to `[block][line][row][column of the block]`, rows as {@linkcode packedRows} orders them, each tile
 * padded, as the pool's `type`; addresses by group.
 *
 * @param tileRows Packed rows of each tile, padding included.
 */
export function packCells(
  device: CpuDevice,
  { geometry, lines, tiles, drives = 1 }: AnalogStep,
  { cells, type, tileRows }: {
    readonly cells: Int32Array | Uint8Array;
    readonly type: "i32" | "i16" | "u8";
    readonly tileRows: Int32Array;
  },
  { columns, width, blocks }: Blocks,
): number[] {
  const rows = tiles.at(-1)!, padded = tileRows.reduce((sum, each) => sum + each, 0), length = blocks * lines * padded * width;
  const orders = tiles.slice(1).map((end, tile) => packedRows(end - tiles[tile]!, drives));
  return Array.from({ length: geometry.groups }, (_, group) => {
    const at = device.constants(length * BYTES[type]), packed = device.pool[type](at, length);
    for (let block = 0; block < blocks; block++) {
      const first = block * width, count = Math.min(width, columns - first);
      for (let line = 0; line < lines; line++) {
        let to = (block * lines + line) * padded * width;
        tileRows.forEach((tall, tile) => {
          orders[tile]!.forEach((row, at) => {
            if (row < 0) return;
            const from = (((group * lines + line) * rows + tiles[tile]!) * drives + row) * columns + first;
            packed.set(cells.subarray(from, from + count), to + at * width);
          });
          to += tall * width;
        });
      }
    }
    return at;
  });
}

/** Start of every sum, `[block][line][tile][column of the block]`; addresses by group. */
export function packOffsets(
  device: CpuDevice,
  { geometry, lines, tiles, offset }: AnalogStep,
  { columns, width, blocks }: Blocks,
): number[] {
  const count = tiles.length - 1;
  return Array.from({ length: geometry.groups }, (_, group) => {
    const packed = new Int32Array(blocks * lines * count * width);
    for (let at = 0; offset !== undefined && at < lines * count * columns; at++) {
      const column = at % columns, block = Math.floor(column / width), plane = Math.floor(at / columns);
      packed[(block * lines * count + plane) * width + column - block * width] = offset[group * lines * count * columns + at]!;
    }
    return device.upload(packed);
  });
}

/** Records of the lines. */
export function lineRecords(
  device: CpuDevice,
  { lines, lineWeights, converter, noise }: AnalogStep,
  shifts: readonly number[],
): Int32Array {
  const records = new Int32Array(lines * LINE.words), factors = new Float64Array(records.buffer);
  const deviations = noise === undefined ? 0 : device.upload(noise.deviations);
  const codes = converter.kind === "thresholds" ? device.upload(converter.codes) : 0;
  for (let line = 0; line < lines; line++) {
    const shift = converter.kind === "uniform" ? converter.shift[line]! : shifts[line] ?? 0, precision = noise?.precision[line] ?? 1;
    const words: Partial<Record<keyof typeof LINE, number>> = {
      weight: converter.kind === "none" ? 0 : lineWeights[line]!,
      shift,
      half: shift === 0 ? -1 : 2 ** (shift - 1) - 1,
      odd: shift === 0 ? 0 : 2 ** shift,
      precision,
      noiseHalf: 2 ** (precision - 1),
      deviations: deviations + 4 * line * (NOISE_LEVELS + 1),
      levelShift: noise?.levelShift?.[line] ?? 0,
      levelRound: 2 ** (noise?.levelShift?.[line] ?? 0) - 1,
      codes: converter.kind === "thresholds" ? codes + 4 * line * converter.levels : 0,
    };
    for (const [word, value] of Object.entries(words)) records[line * LINE.words + LINE[word as keyof typeof LINE]] = value;
    if (converter.kind === "none") factors[(line * LINE.words + LINE.factor) / 2] = lineWeights[line]! * converter.unit[line]!;
  }
  return records;
}

/**
 * Passes over the planes of a position: one per bit, or, for squares of digits, one per pair of bits of a digit; with drives, one per digit for either.
 */
export function passRecords(step: AnalogStep, kind: "sums" | "squares", planeBytes: number, { width }: Blocks): Int32Array {
  const digits = analogDigits(step), { digitBits } = step, records: number[] = [];
  const plane = (bit: number) => (bit >> 2) * planeBytes + (bit & 3);
  for (let digit = 0; digit < digits; digit++) {
    const [base, bits] = step.drives === undefined ? [digit * digitBits, Math.min(digitBits, CODE_BITS - digit * digitBits)] : [digit, 1];
    for (let bit = 0; bit < bits; bit++) {
      for (let other = bit; other < (kind === "sums" ? bit + 1 : bits); other++) {
        const record = new Int32Array(ANALOG_PASS.words);
        record[ANALOG_PASS.plane] = plane(base + bit);
        record[ANALOG_PASS.other] = plane(base + other);
        record[ANALOG_PASS.shift] = kind === "sums" ? bit : bit + other + (bit === other ? 0 : 1);
        record[ANALOG_PASS.target] = (digits - 1 - digit) * width * 4;
        record[ANALOG_PASS.first] = other === 0 ? -1 : 0;
        records.push(...record);
      }
    }
  }
  return Int32Array.from(records);
}

/** Mixed numbers of the conversions, `[line][tile][digit, most significant first]`. */
export function noiseCounters(step: AnalogStep): Int32Array {
  const { lines, tiles } = step, count = tiles.length - 1, digits = analogDigits(step);
  return Int32Array.from({ length: lines * count * digits }, (_, at) => {
    const digit = digits - 1 - at % digits, tile = Math.floor(at / digits) % count, line = Math.floor(at / digits / count);
    return mix((tile * digits + digit) * lines + line + COUNTER_STEP);
  });
}

/** What each channel adds to a hash, with `spare` more. */
export function channelSteps(channels: number, spare: number): Int32Array {
  return Int32Array.from({ length: channels + spare }, (_, channel) => Math.imul(channel, CHANNEL_STEP));
}

/** @throws {NumericError} if Σ digit² · variance could leave i32. */
export function checkVariance({ inputBits, digitBits, tiles, noise, drives }: AnalogStep, name: string): void {
  if (noise?.variance === undefined) return;
  const largest = noise.variance.reduce((most, each) => Math.max(most, each), 0),
    digit = drives === undefined ? 2 ** Math.min(digitBits, inputBits) - 1 : 1;
  const tallest = tiles.slice(1).reduce((most, end, tile) => Math.max(most, end - tiles[tile]!), 0);
  const most = tallest * digit ** 2 * largest + 2 ** Math.max(0, ...(noise.levelShift ?? []));
  if (most >= 2 ** 31) throw new NumericError("add variances", { where: `${name}.noise`, got: most, wanted: "sums below 2^31" });
}
