// Integer codes of a few bits each, packed for shipping: a 4-bit network should take half a byte per weight.

import { FileError, OptionError } from "../errors.ts";

/**
 * Packs unsigned codes of `bits` bits into bytes, low bits first, with no gaps; the last byte is filled up with zeros.
 *
 * @param bits Bits per code, 1–8.
 * @throws {OptionError} if `bits` is out of range or a code does not fit.
 *
 * @example
 * ```ts
 * import { packCodes, unpackCodes } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const packed = packCodes([1, 15, 7], 4);
 * assertEquals(packed, Uint8Array.of(0xf1, 0x07));
 * assertEquals(unpackCodes(packed, 4, 3), Uint8Array.of(1, 15, 7));
 * ```
 */
export function packCodes(codes: ArrayLike<number>, bits: number): Uint8Array<ArrayBuffer> {
  requireBits(bits);
  const packed = new Uint8Array(Math.ceil(codes.length * bits / 8));
  const limit = 1 << bits;
  let pending = 0;
  let held = 0;
  let at = 0;
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index]!;
    if (!Number.isInteger(code) || code < 0 || code >= limit) {
      throw new OptionError("pack codes", { where: `codes[${index}]`, got: code, wanted: `an integer from 0 to ${limit - 1}` });
    }
    pending |= code << held;
    held += bits;
    if (held >= 8) {
      packed[at++] = pending;
      pending >>>= 8;
      held -= 8;
    }
  }
  if (held > 0) packed[at] = pending;
  return packed;
}

/**
 * Unpacks `count` codes of `bits` bits packed by {@linkcode packCodes}.
 *
 * @throws {OptionError} if `bits` is out of range.
 * @throws {FileError} if `packed` does not hold exactly so many codes.
 */
export function unpackCodes(packed: Uint8Array, bits: number, count: number): Uint8Array<ArrayBuffer> {
  requireBits(bits);
  const wanted = Math.ceil(count * bits / 8);
  if (packed.length !== wanted) {
    throw new FileError("unpack codes", { got: `${packed.length} bytes`, wanted: `${wanted} bytes for ${count} codes of ${bits} bits` });
  }
  const codes = new Uint8Array(count);
  const mask = (1 << bits) - 1;
  let pending = 0;
  let held = 0;
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (held < bits) {
      pending |= packed[at++]! << held;
      held += 8;
    }
    codes[index] = pending & mask;
    pending >>>= bits;
    held -= bits;
  }
  return codes;
}

function requireBits(bits: number): void {
  if (!Number.isInteger(bits) || bits < 1 || bits > 8) {
    throw new OptionError("pack codes", { where: "bits", got: bits, wanted: "an integer from 1 to 8" });
  }
}
