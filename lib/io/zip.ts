// Zip archives, reading only and trusting nothing: sizes, names, checksums and overlaps are checked before and after unpacking.

import { inflateSync } from "fflate";
import { FileError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";

/** Upper bounds on what an archive may unpack to. */
export interface ZipLimits {
  /** Entries; default 65,536. */
  readonly entries?: number;
  /** Bytes of all entries asked for together; default 1 GiB. */
  readonly bytes?: number;
  /** Bytes of an entry per packed byte, for entries above 1 MiB; default 200. Deflate reaches 1032 at the most. */
  readonly ratio?: number;
}

/** Options of {@linkcode unzip}. */
export interface UnzipOptions {
  /** Name of the archive, for messages. */
  readonly where?: string;
  /** Bounds. */
  readonly limits?: ZipLimits;
  /** Which entries to unpack; default all. The others are checked but not unpacked. */
  readonly want?: (name: string) => boolean;
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

const ACTION = "read a zip archive";
const SMALL = 2 ** 20;

/**
 * Unpacks an archive into memory; nothing is written. Stored and deflated entries; Zip64 where sizes need it.
 *
 * @returns Bytes by name; folders are left out.
 * @throws {FileError} if the archive is truncated or damaged, an entry is encrypted, lies over another, unpacks to another size or checksum than declared or
 * to more than the limits, or has a name that leads out of a folder.
 * @throws {OptionError} if an option is unknown or wrong.
 *
 * @example
 * ```ts
 * import { FileError, unzip } from "@bitline/bitline";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => unzip(new Uint8Array(100)), FileError, "no directory");
 * ```
 */
export function unzip(bytes: Uint8Array, options: UnzipOptions = {}): Map<string, Uint8Array<ArrayBuffer>> {
  checkOptions(ACTION, "options", options, ["where", "limits", "want"]);
  const { where = "zip", want = () => true, limits = {} } = options;
  checkOptions(ACTION, "limits", limits, ["entries", "bytes", "ratio"]);
  const { entries: most = 65536, bytes: room = 2 ** 30, ratio = 200 } = limits;
  for (const [name, value] of Object.entries({ entries: most, bytes: room, ratio })) {
    if (!(value > 0)) throw new OptionError(ACTION, { where: `limits.${name}`, got: value, wanted: "a positive number" });
  }
  const refuse: Refuse = (got, wanted, name) => {
    throw new FileError(ACTION, { where: name === undefined ? where : `${where}: ${JSON.stringify(name.slice(0, 200))}`, got, wanted });
  };
  const entries = directory(bytes, most, refuse), names = new Set<string>();
  let total = 0;
  const wanted = entries.filter(({ name, size, packed }) => {
    checkName(name, refuse);
    if (names.has(name)) refuse("two entries of this name", "one", name);
    names.add(name);
    if (name.endsWith("/") || !want(name)) return false;
    total += size;
    if (size > SMALL && size > ratio * packed) refuse(`${size} bytes from ${packed}`, `at most ${ratio} for one; see limits.ratio`, name);
    if (total > room) refuse(`more than ${room} bytes when unpacked`, "at most that many; see limits.bytes");
    return true;
  });
  const spans = entries.map((entry) => ({ entry, start: dataOf(bytes, entry, refuse) })).sort((a, b) => a.entry.offset - b.entry.offset);
  const starts = new Map<Entry, number>();
  let end = 0;
  for (const { entry, start } of spans) {
    if (entry.offset < end) refuse("an entry over another", "entries one after the other", entry.name);
    end = start + entry.packed;
    starts.set(entry, start);
  }
  return new Map(wanted.map((entry) => [entry.name, unpack(bytes, entry, starts.get(entry)!, refuse)]));
}

type Refuse = (got: string, wanted: string, name?: string) => never;

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The central directory: the one list of entries that counts. */
function directory(bytes: Uint8Array, most: number, refuse: Refuse): Entry[] {
  const data = view(bytes), last = bytes.length - 22;
  let end = last;
  while (end >= Math.max(0, last - 65535) && data.getUint32(end, true) !== 0x06054b50) end--;
  if (end < Math.max(0, last - 65535)) return refuse("no directory at the end", "a whole zip archive");
  let count = data.getUint16(end + 10, true), offset = data.getUint32(end + 16, true);
  if ((count === 0xffff || offset === 0xffffffff) && end >= 20 && data.getUint32(end - 20, true) === 0x07064b50) {
    const at = Number(data.getBigUint64(end - 12, true));
    if (!(at <= bytes.length - 56) || data.getUint32(at, true) !== 0x06064b50) {
      return refuse("a directory that is not where it should be", "a whole zip archive");
    }
    count = Number(data.getBigUint64(at + 32, true));
    offset = Number(data.getBigUint64(at + 48, true));
  }
  if (count > most) return refuse(`${count} entries`, `at most ${most}; see limits.entries`);
  const entries: Entry[] = [];
  for (let at = offset, left = count; left > 0; left--) {
    if (!(at + 46 <= bytes.length) || data.getUint32(at, true) !== 0x02014b50) {
      return refuse("a directory that ends early", "a whole zip archive");
    }
    const flags = data.getUint16(at + 8, true), nameLength = data.getUint16(at + 28, true), extraLength = data.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + data.getUint16(at + 32, true);
    if (next > bytes.length) return refuse("a directory that ends early", "a whole zip archive");
    const name = text(bytes.subarray(at + 46, at + 46 + nameLength));
    if ((flags & 1) !== 0) return refuse("an encrypted entry", "a plain one", name);
    const sizes = wide(data, at, at + 46 + nameLength, extraLength);
    entries.push({ name, method: data.getUint16(at + 10, true), crc: data.getUint32(at + 16, true), ...sizes });
    at = next;
  }
  return entries;
}

/** Sizes and offset of a directory entry, from its Zip64 field where 32 bits do not hold them. */
function wide(data: DataView, at: number, extra: number, length: number): Pick<Entry, "packed" | "size" | "offset"> {
  let size = data.getUint32(at + 24, true), packed = data.getUint32(at + 20, true), offset = data.getUint32(at + 42, true);
  for (let field = extra; field + 4 <= extra + length;) {
    const kind = data.getUint16(field, true), end = field + 4 + data.getUint16(field + 2, true);
    let from = field + 4;
    const take = (value: number) => {
      if (value !== 0xffffffff || from + 8 > Math.min(end, extra + length)) return value;
      from += 8;
      return Number(data.getBigUint64(from - 8, true));
    };
    if (kind === 1) [size, packed, offset] = [take(size), take(packed), take(offset)];
    field = end;
  }
  return { size, packed, offset };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Refuses names that could lead out of a folder. */
function checkName(name: string, refuse: Refuse): void {
  const parts = name.split(/[/\\]/);
  if (name === "" || parts.includes("..") || /^([/\\]|[A-Za-z]:)/.test(name) || name.includes("\0")) {
    refuse("a name that leads out of the archive", "a relative path without ..", name);
  }
}

/** Where an entry's bytes begin: behind a header of its own, which must be for the same name. */
function dataOf(bytes: Uint8Array, { name, offset, packed }: Entry, refuse: Refuse): number {
  const data = view(bytes);
  if (!(offset + 30 <= bytes.length) || data.getUint32(offset, true) !== 0x04034b50) {
    return refuse("no entry where the directory says", "a whole zip archive", name);
  }
  const nameLength = data.getUint16(offset + 26, true), start = offset + 30 + nameLength + data.getUint16(offset + 28, true);
  if (text(bytes.subarray(offset + 30, offset + 30 + nameLength)) !== name) {
    return refuse("another name before the data than in the directory", "one name", name);
  }
  if (!(start + packed <= bytes.length)) {
    return refuse(`${packed} bytes at ${start} of ${bytes.length}`, "an entry inside the archive", name);
  }
  return start;
}

function unpack(bytes: Uint8Array, { name, method, crc, packed, size }: Entry, start: number, refuse: Refuse): Uint8Array<ArrayBuffer> {
  const source = bytes.subarray(start, start + packed);
  let data: Uint8Array<ArrayBuffer>;
  if (method === 0) data = new Uint8Array(source);
  else if (method === 8) {
    try {
      // One byte more than declared, so that an entry which unpacks to more is seen, and never takes more memory.
      data = inflateSync(source, { out: new Uint8Array(size + 1) }) as Uint8Array<ArrayBuffer>;
    } catch (cause) {
      return refuse((cause as Error).message, "deflated data", name);
    }
  } else return refuse(`compression method ${method}`, "0 (stored) or 8 (deflated)", name);
  if (data.length !== size) {
    return refuse(data.length > size ? `more than ${size} bytes when unpacked` : `${data.length} bytes`, `${size}, as declared`, name);
  }
  if (crc32(data) !== crc) return refuse("another checksum", "that of the directory", name);
  return data;
}

/** CRC-32 as zip has it. */
export function crc32(bytes: Uint8Array): number {
  const table = TABLE;
  let crc = -1;
  for (let at = 0; at < bytes.length; at++) crc = table[(crc ^ bytes[at]!) & 255]! ^ crc >>> 8;
  return ~crc >>> 0;
}

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ 0xedb88320 : value >>> 1;
  return value;
});
