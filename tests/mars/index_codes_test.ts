import { assert, assertEquals, assertThrows } from "@std/assert";
import { FileError } from "../../lib/errors.ts";
import { decodeIndex, encodeIndex } from "../../lib/mars/index_codes.ts";
import { uniform } from "../../lib/random.ts";

const random = (columnBlocks: number, rowBlocks: number, share: number, seed: number) =>
  Uint8Array.from({ length: columnBlocks * rowBlocks }, (_, at) => uniform(seed, at) < share ? 1 : 0);

Deno.test("decodeIndex() gives back what encodeIndex() was given, at every density and size", () => {
  for (let seed = 0; seed < 60; seed++) {
    const rowBlocks = 1 + Math.floor(uniform(1, seed) * 40), columnBlocks = 1 + Math.floor(uniform(2, seed) * 9);
    const kept = random(columnBlocks, rowBlocks, [0, 0.02, 0.2, 0.5, 0.9, 1][seed % 6]!, seed);
    for (const kind of ["bitmap", "runLength", "auto"] as const) {
      const codes = encodeIndex(kept, rowBlocks, kind);
      assertEquals(decodeIndex(codes, kept.length, rowBlocks), kept, `${kind}, seed ${seed}`);
      assertEquals(codes.data.length, Math.ceil(codes.bits / 8));
    }
  }
});

Deno.test("encodeIndex() counts the bits that the code has, and takes the shorter one by itself", () => {
  const kept = random(8, 32, 0.05, 3), bitmap = encodeIndex(kept, 32, "bitmap"), runs = encodeIndex(kept, 32, "runLength");
  assertEquals(bitmap.bits, 256);
  assert(runs.bits < bitmap.bits);
  assertEquals(encodeIndex(kept, 32), runs);
  assertEquals(encodeIndex(random(8, 32, 0.6, 3), 32).kind, "bitmap");
  // Counts of 0 … 4 take 3 bits; runs of 1 bit: 3 pruned groups before the kept one are three full runs and an empty one.
  assertEquals(encodeIndex(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0), 4, "runLength").bits, 4 + 3 + Math.min(4, 2 * 2, 3) + 3);
});

Deno.test("decodeIndex() refuses codes of another layer", () => {
  const codes = encodeIndex(random(4, 16, 0.3, 1), 16, "runLength");
  assertThrows(() => decodeIndex(codes, 128, 16), FileError, "decode an index");
  assertThrows(() => decodeIndex({ ...codes, bits: codes.bits - 1 }, 64, 16), FileError);
  assertThrows(() => decodeIndex(encodeIndex(random(4, 16, 0.3, 1), 16, "bitmap"), 63, 21), FileError);
});
