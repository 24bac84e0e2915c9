import { assertEquals, assertGreaterOrEqual, assertRejects, assertThrows } from "@std/assert";
import { FileError, ShapeError } from "../../lib/errors.ts";
import { decodeSafetensors, encodeSafetensors, readSafetensors, writeSafetensors } from "../../lib/io/safetensors.ts";
import { tensor } from "../../lib/tensor.ts";

const tensors = {
  f32: tensor(Float32Array.of(1.5, -2, NaN), [3]),
  f64: tensor(Float64Array.of(Math.PI), []),
  i32: tensor(Int32Array.of(-5, 6), [1, 2]),
  u32: tensor(Uint32Array.of(4294967295), [1]),
  i16: tensor(Int16Array.of(-32768), [1]),
  u16: tensor(Uint16Array.of(65535), [1]),
  i8: tensor(Int8Array.of(-1, 2, 3), [3, 1]),
  u8: tensor(new Uint8Array(0), [0, 4]),
};

/** A file with a header written by hand. */
function file(header: unknown, dataBytes: number, length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

Deno.test("decodeSafetensors() gives back every type, shape and the metadata", () => {
  const back = decodeSafetensors(encodeSafetensors(tensors, { seed: "1", note: "ü" }));
  assertEquals(back.tensors, tensors);
  assertEquals(back.metadata, { seed: "1", note: "ü" });
});

Deno.test("encodeSafetensors() gives equal bytes whatever the order, aligned to each element", () => {
  const bytes = encodeSafetensors(tensors);
  assertEquals(bytes, encodeSafetensors(Object.fromEntries(Object.entries(tensors).reverse())));
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  assertEquals(length % 8, 0);
  assertEquals(header.f32.data_offsets[0] % 4, 0);
  assertGreaterOrEqual(header.i8.data_offsets[0], header.i16.data_offsets[1]);
});

Deno.test("encodeSafetensors() reads views of a larger buffer and refuses shapes that do not fit", () => {
  const view = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  assertEquals([...decodeSafetensors(encodeSafetensors({ view: tensor(view, [2]) })).tensors["view"]!.data], [2, 3]);
  assertThrows(() => encodeSafetensors({ x: { shape: [3], data: view } }), ShapeError, "shape [3]");
  assertThrows(() => encodeSafetensors({ __metadata__: tensor(view, [2]) }), ShapeError);
});

Deno.test("decodeSafetensors() refuses hostile headers", () => {
  const u8 = (shape: unknown, data_offsets: unknown, dtype: unknown = "U8") => ({ dtype, shape, data_offsets });
  const cases: [string, Uint8Array][] = [
    ["3 bytes", new Uint8Array(3)],
    ["header of 18446744073709551615 bytes", file("{}", 0, 0xffffffffffffffffn)],
    ["header of 99 bytes", file("{}", 0, 99n)],
    ["header of 16777217 bytes", file(" ".repeat((1 << 24) + 1), 0)],
    ["not JSON", file("{", 0)],
    ["not JSON", file("\xff", 0, 1n)],
    ["not an object", file("[]", 0)],
    ["an entry named", file({ x: null }, 0)],
    ["an entry named", file('{"__proto__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}', 0)],
    ["metadata", file({ __metadata__: { a: 1 } }, 0)],
    ["type BF16", file({ x: u8([1], [0, 2], "BF16") }, 2)],
    ["type constructor", file({ x: u8([1], [0, 1], "constructor") }, 1)],
    ["of shape [-1]", file({ x: u8([-1], [0, 1]) }, 1)],
    ["of shape [1.5]", file({ x: u8([1.5], [0, 1]) }, 1)],
    ["of shape", file({ x: u8("3", [0, 3]) }, 3)],
    ["at [0,9]", file({ x: u8([9], [0, 9]) }, 3)],
    ["at [2,1]", file({ x: u8([1], [2, 1]) }, 3)],
    ["at [0]", file({ x: u8([1], [0]) }, 3)],
    ["of 1 bytes", file({ x: u8([9007199254740991, 9007199254740991], [0, 1]) }, 1)],
    ["of 2 bytes", file({ x: u8([3], [0, 2]) }, 3)],
    ["no gaps", file({ a: u8([2], [0, 2]), b: u8([2], [1, 3]) }, 3)],
    ["no gaps", file({ a: u8([1], [0, 1]), b: u8([1], [2, 3]) }, 3)],
    ["after the last tensor", file({ a: u8([1], [0, 1]) }, 3)],
  ];
  for (const [message, bytes] of cases) assertThrows(() => decodeSafetensors(bytes), FileError, message);
});

Deno.test("decodeSafetensors() copies nothing for tensors that all claim the same bytes", () => {
  const header = Object.fromEntries(
    Array.from({ length: 2000 }, (_, i) => [`t${i}`, { dtype: "U8", shape: [1 << 20], data_offsets: [0, 1 << 20] }]),
  );
  assertThrows(() => decodeSafetensors(file(header, 1 << 20)), FileError, "no overlaps");
});

Deno.test("writeSafetensors() and readSafetensors() go through a file", async () => {
  const folder = await Deno.makeTempDir();
  await writeSafetensors(`${folder}/a/b.safetensors`, tensors);
  assertEquals((await readSafetensors(`${folder}/a/b.safetensors`)).tensors, tensors);
  await assertRejects(() => readSafetensors(`${folder}/none.safetensors`), FileError, "no such file");
  await Deno.remove(folder, { recursive: true });
});
