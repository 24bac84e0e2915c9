import { assertEquals, assertThrows } from "@std/assert";
import { FileError, OptionError } from "../../lib/errors.ts";
import { packCodes, unpackCodes } from "../../lib/io/packed_codes.ts";
import { hash } from "../../lib/random.ts";

Deno.test("unpackCodes() undoes packCodes() for 1 to 8 bits and any count", () => {
  for (let bits = 1; bits <= 8; bits++) {
    for (const count of [0, 1, 7, 8, 9, 1000]) {
      const codes = Uint8Array.from({ length: count }, (_, index) => hash(bits, count, index) & ((1 << bits) - 1));
      const packed = packCodes(codes, bits);
      assertEquals(packed.length, Math.ceil(count * bits / 8));
      assertEquals(unpackCodes(packed, bits, count), codes);
    }
  }
});

Deno.test("packCodes() puts low bits first", () => {
  assertEquals(packCodes([1, 2, 3], 3), Uint8Array.of(0b11_010_001, 0));
  assertEquals(packCodes([0xa, 0xb], 4), Uint8Array.of(0xba));
});

Deno.test("packCodes() and unpackCodes() refuse what does not fit", () => {
  assertThrows(() => packCodes([16], 4), OptionError, "codes[0]");
  assertThrows(() => packCodes([-1], 4), OptionError, "codes[0]");
  assertThrows(() => packCodes([0.5], 4), OptionError, "codes[0]");
  assertThrows(() => packCodes([0], 9), OptionError, "bits");
  assertThrows(() => unpackCodes(new Uint8Array(2), 4, 5), FileError, "3 bytes");
});
