import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { digest } from "../../lib/explore/digest.ts";
import { OptionError } from "@bitline/bitline";

Deno.test("digest() is the same for fields in another order, and another one for other values", async () => {
  const base = { a: 1, b: [1, 2, { c: "x" }], d: new Float32Array([1, 2]), e: undefined };
  assertEquals(await digest(base), await digest({ d: Float32Array.of(1, 2), b: [1, 2, { c: "x" }], a: 1 }));
  const others = [
    { ...base, a: 2 },
    { ...base, a: "1" },
    { ...base, b: [2, 1, { c: "x" }] },
    { ...base, b: ["1,2", { c: "x" }] },
    { ...base, d: new Float32Array([1, 3]) },
    { ...base, d: new Float64Array([1, 2]) },
    { ...base, d: [1, 2] },
    { ...base, e: null },
    { ...base, a: Infinity },
  ];
  const keys = await Promise.all([base, ...others].map(digest));
  assertEquals(new Set(keys).size, keys.length);
});

Deno.test("digest() reads the part of a buffer that a view shows, shared memory too", async () => {
  const bytes = Uint8Array.of(9, 1, 2, 9), shared = new Uint8Array(new SharedArrayBuffer(2));
  shared.set([1, 2]);
  assertEquals(await digest(bytes.subarray(1, 3)), await digest(Uint8Array.of(1, 2)));
  assertEquals(await digest(shared), await digest(Uint8Array.of(1, 2)));
  assertNotEquals(await digest(bytes.subarray(0, 2)), await digest(Uint8Array.of(1, 2)));
});

Deno.test("digest() refuses functions, which it could not tell apart", async () => {
  await assertRejects(() => digest({ a: { f: () => 1 } }), OptionError, "a.f");
});
