// Host side of the way of many positions: tables of subset sums for the tiles whose conversions can clip, an exact product for those that mostly cannot.

import { crossbarExcess, listBytes } from "../../../kernels/simulate/crossbar_excess.ts";
import { crossbarSubset } from "../../../kernels/simulate/crossbar_subset.ts";
import { copyColumns, startSums } from "../../../kernels/simulate/gather.ts";
import { PLAN } from "../../../kernels/simulate/crossbar_lookup.ts";
import { subsetBytes } from "../../../kernels/simulate/subset_tables.ts";
import type { KernelStage } from "../../cpu/pool.ts";
import { digitCount } from "./cells.ts";
import type { CpuDevice } from "./device.ts";
import type { ExactWay, LookupStep } from "./lookup.ts";
import type { Layout } from "./saturate.ts";
import { chooser, RUNS, runsOf } from "./subset_choice.ts";
import { converterForm, type SharedForm } from "./subset_form.ts";
import { preparePlanes } from "./subset_window.ts";
import { prepareWindow, type RowLayout, type Window } from "./window.ts";
import type { CrossbarStep } from "../program.ts";

/** Fewest positions per thread for which tables pay; how many share one making of them, and how often a thread makes them per block. */
const LEAST = 256, SHARE = 1024, CHUNKS = 2;
/** What a step's ways share. */
export interface SharedParts {
  readonly layout: Layout;
  /** Vectors of columns, and the window of bytes. */
  readonly vectors: number;
  readonly window: Window;
  /** Words of the plan, and records of the slices of each group. */
  readonly plan: Int32Array;
  readonly groups: readonly { readonly slices: number; readonly blockBytes: number }[];
  readonly exact: ExactWay | undefined;
  readonly form: SharedForm;
  /** Whether all counts of ones can be clipped in bytes. */
  readonly clips: boolean;
}

/** Runs a batch; false if another way suits it better. */
export type SubsetWay = (batch: number, address: (value: number) => number) => boolean;

/** Makes the way ready; undefined where cells, digits or codes are not of its kind. */
export async function prepareSubset(
  device: CpuDevice,
  { step, adc, reach, planes, conversions }: LookupStep,
  { layout, vectors, window, plan, groups, exact, form, clips }: SharedParts,
): Promise<SubsetWay | undefined> {
  const { geometry, tiles, correction, input, output: target } = step, bits = digitCount(step), { pool } = device;
  const converter = converterForm({ step, adc, reach, planes, conversions }, clips, form);
  if (converter === undefined) return undefined;
  const { options } = converter, spans = options.adc === "span";
  const onesOnly = planes.every(({ least, factor }) => least === 0 && factor === 1) && adc.low <= 0 && adc.high >= 0 && adc.high <= 255;
  const bytes = reach.low >= -128 && reach.high <= 127;
  const redo = exact === undefined || !(onesOnly || bytes)
    ? undefined
    : await device.kernel(crossbarExcess({ vectors, abreast: form.abreast, adc: onesOnly ? "clip8" : "signed", inputBits: bits }));
  const count = await device.kernel(crossbarSubset(options)),
    start = await device.kernel(startSums()),
    copy = await device.kernel(copyColumns());
  const made = await preparePlanes(device, step, window, layout);
  const counted = options.adc !== "clip8" && options.entry !== "cells";
  const channels = geometry.outputShape[2], columns = channels / geometry.groups, tileCount = tiles.length - 1;
  const pitch = layout.columns * 4, direct = geometry.groups === 1 && channels * 4 === pitch;
  const tileGroups = Array.from({ length: tileCount }, (_, tile) => Math.ceil((tiles[tile + 1]! - tiles[tile]!) / 8));
  const rowStarts = Array.from(layout.tileRows, (_, tile) => layout.tileRows.subarray(0, tile).reduce((sum, each) => sum + each, 0));
  const tableBytes = subsetBytes(Math.max(...tileGroups), vectors);
  const own = plan.with(PLAN.low, converter.words.low ?? adc.low).with(PLAN.high, converter.words.high ?? adc.high);
  const planAt = device.upload(converter.table === undefined ? own : own.with(PLAN.table, device.upload(converter.table)));
  const redoPlan = exact && device.upload(plan.with(PLAN.limitBytes, exact.limitBytes));
  const constant = (code: number) => device.upload(new Int32Array(layout.columns).fill(code * conversions));
  const biasPlain = constant(adc.base + (spans ? adc.low : 0)), biasExact = constant(adc.base);
  // Products of some tiles only: sums may start from neither the shifted codes of the others nor a digital correction within the weights.
  const mixes = exact !== undefined && !spans && correction === 0;
  const never = Array.from({ length: tileCount }, (_, tile) => exact !== undefined && exact.always[tile]!);
  const always = mixes && runsOf(never).length <= RUNS ? never : never.map(() => false);
  const tail = always.some(Boolean) ? await prepareWindow(device, geometry, tailLayout(step, always, layout.multiple)) : undefined;
  const record = (tile: number) => [
    tileGroups[tile]!,
    made.starts[tile]!,
    tile * made.countBytes,
    rowStarts[tile]! * 4 * vectors,
    tile,
  ];
  const choose = chooser(device, { step, window, made, tileGroups, exact, layout, mixes, always, never, redo: redo !== undefined });
  return (batch, address) => {
    const total = batch * window.positions;
    if (Math.ceil(total / pool.threads) < LEAST) return false;
    const from = address(input), early = made.fromRows ? window.pad(batch, from) : 0, source = made.pad(batch, from, early);
    const chosen = choose(source, early, total);
    if (chosen === "look-up") return false;
    const plain = tileGroups.flatMap((_, tile) => chosen[tile]! ? [] : record(tile));
    const unsafe = tileGroups.flatMap((_, tile) => chosen[tile]! && !never[tile]! ? record(tile) : []);
    const all = chosen.every(Boolean), some = chosen.some((each, tile) => each && !always[tile]!);
    // The window of the tiles that are always exact has only their rows.
    const rowsOf = some || made.fromRows || correction !== 0 ? window : chosen.some(Boolean) ? tail : undefined;
    const padded = made.fromRows || rowsOf === undefined ? early : window.pad(batch, from);
    const runs = runsOf(chosen), records = device.scratch("tiles", 4 * (plain.length + unsafe.length));
    pool.i32(records, plain.length + unsafe.length).set([...plain, ...unsafe]);
    const middle = records + 4 * plain.length, end = middle + 4 * unsafe.length, output = address(target);
    const bytesPerPosition = window.pitch + made.pitch + made.countPitch + pitch;
    device.blocks(total, bytesPerPosition, (first, positions) => {
      const chunks = pool.threads * (positions >= pool.threads * SHARE ? CHUNKS : 1), chunk = Math.ceil(positions / chunks);
      const listed = align(unsafe.length > 0 ? listBytes(chunk, bits) : 0), summed = align(chunk * layout.width * 4);
      const room = Math.max(listed, summed), workBytes = room + tableBytes, work = device.scratch("tables", pool.threads * workBytes);
      groups.forEach((group, index) => {
        const stages: KernelStage[] = [];
        const bytes = rowsOf?.stage(padded, index, first, positions);
        if (bytes?.stage !== undefined) stages.push(bytes.stage);
        const packed = made.stages(source, bytes?.at ?? 0, index, first, positions);
        stages.push(...packed.stages);
        const ones = made.count(packed.at, positions);
        if (unsafe.length > 0 || (counted && plain.length > 0)) stages.push(ones.stage);
        const out = direct ? output + first * pitch : device.scratch("sums", positions * pitch);
        const gain = all ? 0 : correction, bias = all ? biasExact : biasPlain;
        stages.push({ kernel: start, parameters: [bytes?.at ?? 0, rowsOf?.pitch ?? 0, out, pitch, pitch / 16, bias, gain] });
        if (rowsOf !== undefined && exact !== undefined) {
          let before = 0;
          for (const [begin, stop] of runs) {
            const offset = rowsOf === window ? rowStarts[begin]! : before;
            const length = layout.tileRows.subarray(begin, stop).reduce((sum, each) => sum + each, 0);
            stages.push(
              exact.stage({
                rows: bytes!.at + offset,
                pitch: rowsOf.pitch,
                from: rowStarts[begin]!,
                length,
                group: index,
                out,
                outPitch: pitch,
              }),
            );
            before += length;
          }
        }
        const look = [packed.at, made.pitch, ones.at, made.countPitch, group.blockBytes, out, pitch];
        const rest = [group.slices, work, workBytes, room];
        if (plain.length > 0) stages.push({ kernel: count, parameters: [...look, planAt, records, middle, ...rest] });
        if (unsafe.length > 0) stages.push({ kernel: redo!, parameters: [...look, redoPlan!, middle, end, ...rest] });
        const to = output + (first * channels + index * columns) * 4;
        if (!direct) stages.push({ kernel: copy, parameters: [out, pitch, to, channels * 4, columns * 4] });
        pool.chain(stages, positions, chunk);
      });
    }, CHUNKS * SHARE);
    return true;
  };
}

const align = (bytes: number) => Math.ceil(bytes / 64) * 64;

/** Rows of some tiles alone, each as long as the look-up has it. */
function tailLayout({ rowIndex, tiles }: CrossbarStep, chosen: readonly boolean[], multiple: number): RowLayout {
  const rows: number[] = [], ends = [0];
  chosen.forEach((each, tile) => {
    if (!each) return;
    rows.push(...rowIndex.subarray(tiles[tile]!, tiles[tile + 1]!));
    ends.push(rows.length);
  });
  return { rowIndex: Int32Array.from(rows), tiles: ends, multiple, bytes: 1, fill: 0 };
}
