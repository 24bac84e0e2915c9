// A dissection plan as the words that the WebAssembly kernel reads: records of parts, and where everything lies in a thread's scratch memory.

import { HEADER, PART, SHARED } from "../../../kernels/wires_layout.ts";
import type { WireNetwork } from "./network.ts";
import type { DissectionPlan, Part } from "./plan.ts";

/** A plan in words. */
export interface WireTape {
  /** What all parts share. */
  readonly header: Int32Array;
  /** Records of the parts. */
  readonly records: Int32Array;
  /** Scratch memory of a thread. */
  readonly scratchBytes: number;
}

const up4 = (value: number): number => (value + 3) & ~3;

/**
 * Lays out a plan. A part's rows are [padded count, padded count + padded rest]; eliminated nodes start at column 0 and the others at the next
 * multiple of 4, so that tiles of 4 × 4 never straddle them.
 */
export function wireTape({ parts, slots }: DissectionPlan, network: WireNetwork): WireTape {
  const { rows, columns, nodes } = network;
  const slotSizes = new Float64Array(slots);
  let numbers = 0, panel = 0, factors = 0, local = 0;
  const padded = parts.map(({ nodes: { length }, count, slot }, at) => {
    const wide = up4(count), rest = up4(length - count), rowsAt = numbers, inverseAt = rowsAt + wide * (wide + rest);
    numbers = inverseAt + wide;
    slotSizes[slot] = Math.max(slotSizes[slot]!, rest * rest);
    panel = Math.max(panel, 4 * count);
    factors = Math.max(factors, count * Math.max(4, at === parts.length - 1 ? up4(rows) : rest));
    local = Math.max(local, wide + rest);
    return { wide, rest, rowsAt, inverseAt };
  });
  const slotAt = new Float64Array(slots);
  for (let slot = 0; slot < slots; slot++) {
    slotAt[slot] = numbers;
    numbers += slotSizes[slot]!;
  }
  const header = new Int32Array(HEADER.words), strides = new Int32Array(slots);
  const records = new Int32Array(
    parts.reduce((sum, part, at) => sum + recordWords(part) + (part.pattern === at ? tableWords(part) : 0), 0),
  );
  // Elements and places stand behind the records, once for all copies of a part.
  const tables = new Int32Array(parts.length), cells = rows * columns;
  let last = 0, end = 0, tableEnd = parts.reduce((sum, part) => sum + recordWords(part), 0);
  parts.forEach(({ nodes, count, slot, elements, cell, pattern, joins, down, right }, at) => {
    const { wide, rest, rowsAt, inverseAt } = padded[at]!, start = end, shift = wide - count, size = nodes.length;
    if (pattern === at) {
      tables[at] = tableEnd;
      records.set(elements, tableEnd);
      for (const stop = tableEnd + elements.length; tableEnd < stop; tableEnd += 3) {
        if (records[tableEnd]! >= count) records[tableEnd]! += shift;
        if (records[tableEnd + 1]! >= count) records[tableEnd + 1]! += shift;
        const value = records[tableEnd + 2]!;
        records[tableEnd + 2] = value < 0 ? SHARED + 8 * (cells + ~value) : 8 * value;
      }
      for (const { places } of joins) for (const place of places) records[tableEnd++] = place < count ? place : place + shift;
    }
    last = 4 * start;
    records[start + PART.count] = count;
    records[start + PART.paddedCount] = wide;
    records[start + PART.rest] = size - count;
    records[start + PART.paddedRest] = rest;
    records[start + PART.rowsAt] = 8 * rowsAt;
    records[start + PART.keptAt] = 8 * slotAt[slot]!;
    records[start + PART.inverseAt] = 8 * inverseAt;
    records[start + PART.split] = at === parts.length - 1 ? rows : 0;
    records[start + PART.elements] = elements.length / 3;
    records[start + PART.elementsAt] = 4 * tables[pattern]!;
    records[start + PART.cellAt] = 8 * (cell + down * columns + right);
    records[start + PART.joins] = joins.length;
    network.move(nodes, down, right, records, start + PART.length);
    end += PART.length + size;
    let table = tables[pattern]! + elements.length;
    for (const { slot, places: { length } } of joins) {
      records[end++] = 8 * slotAt[slot]!;
      records[end++] = length;
      records[end++] = strides[slot]!;
      records[end++] = 4 * table;
      table += length;
    }
    strides[slot] = rest;
    end++;
    records[start + PART.words] = end - start;
    records[end - 1] = 4 * (end - start);
  });
  header[HEADER.parts] = parts.length;
  header[HEADER.rows] = rows;
  header[HEADER.columns] = columns;
  header[HEADER.nodes] = nodes;
  header[HEADER.root] = 8 * slotAt[0]!;
  header[HEADER.rootStride] = padded.at(-1)!.rest;
  header[HEADER.panel] = 8 * numbers;
  header[HEADER.factors] = 8 * (numbers + panel);
  header[HEADER.local] = 8 * (numbers + panel + factors);
  header[HEADER.last] = last;
  return { header, records, scratchBytes: 8 * up4(numbers + panel + factors + local) };
}

function recordWords({ nodes, joins }: Part): number {
  return PART.length + nodes.length + 4 * joins.length + 1;
}

function tableWords({ elements, joins }: Part): number {
  return joins.reduce((sum, { places }) => sum + places.length, elements.length);
}
