import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { zipSync } from "fflate";
import { FileError } from "../../lib/errors.ts";
import { decodeNpy, decodeNpz, readNpy, readNpz } from "../../lib/io/npy.ts";

/** An npy file as NumPy writes it. */
function npy(
  descr: string,
  shape: string,
  data: ArrayBufferView<ArrayBuffer>,
  { fortran = false, version = 1 } = {},
): Uint8Array<ArrayBuffer> {
  const size = version === 1 ? 10 : 12;
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${shape}, }`;
  const header = text.padEnd(Math.ceil((text.length + size + 1) / 64) * 64 - size - 1) + "\n";
  const bytes = new Uint8Array(size + header.length + data.byteLength);
  bytes.set([0x93, 78, 85, 77, 80, 89, version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, header.length, true);
  else view.setUint32(8, header.length, true);
  bytes.set(new TextEncoder().encode(header), size);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), size + header.length);
  return bytes;
}

Deno.test("decodeNpy() reads every type, scalars and empty arrays", () => {
  assertEquals(decodeNpy(npy("<f4", "(2,)", Float32Array.of(1, -2))), { shape: [2], data: Float32Array.of(1, -2) });
  assertEquals(decodeNpy(npy("<f8", "()", Float64Array.of(0.1))), { shape: [], data: Float64Array.of(0.1) });
  assertEquals(decodeNpy(npy("<i8", "(2,)", BigInt64Array.of(-3n, 9007199254740991n))).data, Float64Array.of(-3, 9007199254740991));
  assertEquals(decodeNpy(npy("<i4", "(1, 2)", Int32Array.of(-3, 4))).data, Int32Array.of(-3, 4));
  assertEquals(decodeNpy(npy("|u1", "(0, 3)", new Uint8Array(0))), { shape: [0, 3], data: new Uint8Array(0) });
  assertEquals(decodeNpy(npy("|b1", "(2,)", Uint8Array.of(0, 1), { version: 2 })).data, Uint8Array.of(0, 1));
});

Deno.test("decodeNpy() turns Fortran order into row-major", () => {
  const values = Float32Array.from({ length: 24 }, (_, index) => index);
  const column = new Float32Array(24);
  for (let i = 0; i < 2; i++) {
    for (let j = 0; j < 3; j++) for (let k = 0; k < 4; k++) column[i + 2 * j + 6 * k] = values[(i * 3 + j) * 4 + k]!;
  }
  assertEquals(decodeNpy(npy("<f4", "(2, 3, 4)", column, { fortran: true })), { shape: [2, 3, 4], data: values });
});

Deno.test("decodeNpy() refuses what it cannot read", () => {
  const good = npy("<f4", "(2,)", Float32Array.of(1, 2));
  assertThrows(() => decodeNpy(good.subarray(0, 5)), FileError, "another head");
  assertThrows(() => decodeNpy(good.subarray(0, 40)), FileError, "a header of");
  assertThrows(() => decodeNpy(good.subarray(0, good.length - 1), "w.npy"), FileError, "w.npy");
  assertThrows(() => decodeNpy(npy(">f4", "(1,)", Float32Array.of(1))), FileError, "type >f4");
  assertThrows(() => decodeNpy(npy("|O", "(1,)", Float32Array.of(1))), FileError, "type |O");
  assertThrows(() => decodeNpy(npy("<f4", "(-1,)", Float32Array.of(1))), FileError, "shape");
  assertThrows(() => decodeNpy(npy("<i8", "(1,)", BigInt64Array.of(1n << 60n))), FileError, "2^53");
});

Deno.test("decodeNpz() reads stored and deflated arrays and refuses damaged files", () => {
  const arrays = { "a.npy": npy("<f4", "(2,)", Float32Array.of(1, 2)), "b.npy": npy("|u1", "(1,)", Uint8Array.of(9)) };
  for (const level of [0, 6] as const) {
    const bytes = zipSync(arrays, { level });
    assertEquals(decodeNpz(bytes), { a: { shape: [2], data: Float32Array.of(1, 2) }, b: { shape: [1], data: Uint8Array.of(9) } });
    assertThrows(() => decodeNpz(bytes.subarray(0, bytes.length - 30), "w.npz"), FileError, "w.npz");
  }
});

Deno.test("readNpy() and readNpz() read files", async () => {
  const folder = await Deno.makeTempDir();
  const bytes = npy("<i4", "(1,)", Int32Array.of(5));
  await Deno.writeFile(`${folder}/a.npy`, bytes);
  await Deno.writeFile(`${folder}/a.npz`, zipSync({ "x.npy": bytes }));
  assertEquals((await readNpy(`${folder}/a.npy`)).data, Int32Array.of(5));
  assertEquals((await readNpz(`${folder}/a.npz`))["x"]!.data, Int32Array.of(5));
  await assertRejects(() => readNpz(`${folder}/none.npz`), FileError, "none.npz");
  await Deno.remove(folder, { recursive: true });
});
