// Counts what a protobuf file would become before it is parsed: two bytes can stand for a whole object, so bytes alone bound nothing.

/** A message type: which of its fields are messages, and of those with packed numbers, how many bytes cost as much as a field. */
interface Message {
  readonly messages?: Readonly<Record<number, () => Message>>;
  readonly packed?: Readonly<Record<number, number>>;
}

const entry: Message = {};
const dimension: Message = {};
const shape: Message = { messages: { 1: () => dimension } };
const tensorType: Message = { messages: { 2: () => shape } };
const type: Message = { messages: { 1: () => tensorType, 4: () => holder, 5: () => holder, 8: () => tensorType, 9: () => holder } };
const holder: Message = { messages: { 1: () => type, 2: () => type } };
const tensor: Message = {
  messages: { 3: () => entry, 13: () => entry, 16: () => entry },
  packed: { 1: 4, 4: 64, 5: 16, 7: 4, 10: 64, 11: 4 },
};
const sparse: Message = { messages: { 1: () => tensor, 2: () => tensor }, packed: { 3: 4 } };
const attribute: Message = {
  messages: {
    5: () => tensor,
    6: () => graph,
    10: () => tensor,
    11: () => graph,
    14: () => type,
    15: () => type,
    22: () => sparse,
    23: () => sparse,
  },
  packed: { 7: 16, 8: 4 },
};
const node: Message = { messages: { 5: () => attribute, 9: () => entry, 10: () => entry } };
const value: Message = { messages: { 2: () => type, 4: () => entry } };
const annotation: Message = { messages: { 2: () => entry } };
const graph: Message = {
  messages: {
    1: () => node,
    5: () => tensor,
    11: () => value,
    12: () => value,
    13: () => value,
    14: () => annotation,
    15: () => sparse,
    16: () => entry,
  },
};
const procedure: Message = { messages: { 7: () => node, 9: () => entry, 11: () => attribute, 12: () => value, 14: () => entry } };
const model: Message = {
  messages: { 7: () => graph, 8: () => entry, 14: () => entry, 20: () => entry, 25: () => procedure, 26: () => entry },
};

const DEEPEST = 64;

/** What {@linkcode scanModel} found wrong. */
export type ScanFault = { readonly got: string; readonly wanted: string };

/**
 * Walks the wire format of a model without building anything.
 *
 * @param most Fields allowed; packed numbers count by the memory they take.
 * @returns What is wrong, or undefined if the bytes are whole and within bounds.
 */
export function scanModel(bytes: Uint8Array, most: number): ScanFault | undefined {
  let fields = 0, fault: ScanFault | undefined;
  const truncated = (at: number): false => {
    fault ??= { got: `a field that does not end inside the file, at byte ${at}`, wanted: "a whole ONNX file" };
    return false;
  };
  /** Reads a varint; NaN at the end of the data. The upper half beyond 2^53 does not matter: such lengths fit nothing. */
  const cursor = { at: 0 };
  const varint = (end: number): number => {
    let value = 0, factor = 1;
    for (let count = 0; count < 10; count++) {
      if (cursor.at >= end) return NaN;
      const byte = bytes[cursor.at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
    return NaN;
  };
  const walk = (kind: Message, end: number, depth: number): boolean => {
    if (depth > DEEPEST) {
      fault = { got: "messages within messages", wanted: `at most ${DEEPEST} levels` };
      return false;
    }
    while (cursor.at < end) {
      const start = cursor.at, tag = varint(end), field = Math.floor(tag / 8), wire = tag % 8;
      if (Number.isNaN(tag) || field === 0) return truncated(start);
      fields++;
      if (wire === 0) {
        if (Number.isNaN(varint(end))) return truncated(start);
      } else if (wire === 1 || wire === 5) {
        cursor.at += wire === 1 ? 8 : 4;
        if (cursor.at > end) return truncated(start);
      } else if (wire === 2) {
        const length = varint(end), stop = cursor.at + length;
        if (!(stop <= end)) return truncated(start);
        const inner = kind.messages?.[field];
        if (inner !== undefined) {
          if (!walk(inner(), stop, depth + 1)) return false;
        } else fields += length / (kind.packed?.[field] ?? Infinity);
        cursor.at = stop;
      } else {
        fault = { got: `wire type ${wire} at byte ${start}`, wanted: "a protobuf file" };
        return false;
      }
      if (fields > most) {
        fault = { got: `more than ${most} fields`, wanted: "at most that many" };
        return false;
      }
    }
    return true;
  };
  walk(model, bytes.length, 0);
  return fault;
}
