// Codes of 1 to 8 bits packed into bytes, low bits first: how low-bit weights travel.

import { FileError, OptionError } from "../errors.ts";

/**
 * Packs unsigned codes.
 *
 * @throws {OptionError} if `bits` is not 1–8 or a code does not fit.
 *
 * @example
 * ```ts
 * import { packCodes, unpackCodes } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const packed = packCodes([1, 15, 7], 4);
 * assertEquals([...packed], [0xf1, 0x07]);
 * assertEquals([...unpackCodes(packed, 4, 3)], [1, 15, 7]);
 * ```
 */
export function packCodes(codes: ArrayLike<number>, bits: number): Uint8Array<ArrayBuffer> {
  checkWidth(bits);
  const bytes = new Uint8Array(Math.ceil(codes.length * bits / 8));
  for (let index = 0, position = 0; index < codes.length; index++, position += bits) {
    const code = codes[index]!;
    if (!Number.isInteger(code) || code < 0 || code >= 2 ** bits) {
      throw new OptionError("pack codes", { where: `code ${index}`, got: code, wanted: `0 to ${2 ** bits - 1}` });
    }
    const shifted = code << (position & 7);
    bytes[position >> 3]! |= shifted & 0xff;
    if (shifted > 0xff) bytes[(position >> 3) + 1]! |= shifted >> 8;
  }
  return bytes;
}

/**
 * Unpacks `count` codes.
 *
 * @throws {FileError} if there are more or fewer bytes than `count` codes take.
 */
export function unpackCodes(bytes: Uint8Array, bits: number, count: number): Uint8Array<ArrayBuffer> {
  checkWidth(bits);
  if (bytes.length !== Math.ceil(count * bits / 8)) {
    throw new FileError("unpack codes", {
      got: `${bytes.length} bytes`,
      wanted: `${Math.ceil(count * bits / 8)} for ${count} codes of ${bits} bits`,
    });
  }
  const codes = new Uint8Array(count), mask = 2 ** bits - 1;
  for (let index = 0, position = 0; index < count; index++, position += bits) {
    const pair = bytes[position >> 3]! | (bytes[(position >> 3) + 1] ?? 0) << 8;
    codes[index] = pair >> (position & 7) & mask;
  }
  return codes;
}

function checkWidth(bits: number): void {
  if (!Number.isInteger(bits) || bits < 1 || bits > 8) {
    throw new OptionError("pack codes", { where: "bits", got: bits, wanted: "an integer from 1 to 8" });
  }
}
