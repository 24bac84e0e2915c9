import { assert, assertEquals, assertThrows } from "@std/assert";
import { Heap } from "../../lib/cpu/heap.ts";
import { DeviceError } from "../../lib/errors.ts";
import { hash } from "../../lib/random.ts";

const memory = (maximum = 64) => new WebAssembly.Memory({ initial: 1, maximum, shared: true });

Deno.test("Heap hands out aligned blocks past the first page and grows the memory", () => {
  const shared = memory(), heap = new Heap(shared);
  const [a, b, c] = [heap.allocate(1), heap.allocate(65), heap.allocate(0)];
  assertEquals([a, b! - a!, c! - b!], [65536, 64, 128]);
  assertEquals(shared.buffer.byteLength, 2 * 65536);
  heap.allocate(5 * 65536);
  assertEquals(shared.buffer.byteLength, 7 * 65536);
});

Deno.test("Heap joins neighbouring free blocks, in any order of freeing", () => {
  for (const order of [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]]) {
    const heap = new Heap(memory()), blocks = [0, 1, 2].map(() => heap.allocate(640)), last = heap.allocate(64);
    for (const index of order) heap.free(blocks[index]!);
    assertEquals(heap.allocate(3 * 640), blocks[0]);
    assert(heap.allocate(64) > last);
  }
});

Deno.test("Heap reuses the first block that is large enough and keeps the rest", () => {
  const heap = new Heap(memory()), [a, , b] = [heap.allocate(128), heap.allocate(64), heap.allocate(640), heap.allocate(64)];
  heap.free(a!);
  heap.free(b!);
  assertEquals(heap.allocate(256), b);
  assertEquals(heap.allocate(128), a);
  assertEquals(heap.allocate(384), b! + 256);
});

Deno.test("Heap gives the end back", () => {
  const heap = new Heap(memory()), a = heap.allocate(64), b = heap.allocate(6400);
  heap.free(a);
  heap.free(b);
  assertEquals(heap.allocate(64000), a);
});

Deno.test("Heap keeps blocks apart through random use, without growing for ever", () => {
  const shared = memory(), heap = new Heap(shared), live: { address: number; bytes: number }[] = [];
  for (let step = 0; step < 3000; step++) {
    const draw = hash(1, step);
    if (live.length > 20 || (live.length > 0 && draw % 2 === 0)) {
      heap.free(live.splice(draw % live.length, 1)[0]!.address);
      continue;
    }
    const bytes = hash(2, step) % 5000, address = heap.allocate(bytes);
    assertEquals(address % 64, 0);
    for (const other of live) assert(address + bytes <= other.address || other.address + other.bytes <= address);
    live.push({ address, bytes });
  }
  assert(shared.buffer.byteLength <= 6 * 65536, `${shared.buffer.byteLength}`);
});

Deno.test("Heap refuses unknown addresses, and more than there is", () => {
  const heap = new Heap(memory(4)), a = heap.allocate(64);
  assertThrows(() => heap.free(a + 64), DeviceError, "free a block");
  heap.free(a);
  assertThrows(() => heap.free(a), DeviceError, "free a block");
  assertThrows(() => heap.allocate(10 * 65536), DeviceError, "grow the shared memory");
  assertEquals(heap.allocate(64), a);
});
