// What executors are lent: room in the shared memory.

import { assertEquals } from "@std/assert";
import { ThreadPool } from "../../../lib/cpu/pool.ts";
import { CpuDevice } from "../../../lib/simulate/cpu/device.ts";
import { packPairs, uploadPairs } from "../../../lib/simulate/cpu/gemm.ts";
import { hash } from "../../../lib/random.ts";

Deno.test("CpuDevice.constants() starts with zeros where memory was used before", async () => {
  using pool = await ThreadPool.create({ threads: 1 });
  const before = pool.allocate(1000);
  pool.u8(before, 1000).fill(255);
  pool.free(before);
  using device = new CpuDevice(pool);
  const at = device.constants(1000);
  assertEquals(at, before);
  assertEquals(pool.u8(at, 1000).some((byte) => byte !== 0), false);
});

Deno.test("uploadPairs() writes what packPairs() gives, for any shape and over used memory", async () => {
  using pool = await ThreadPool.create({ threads: 1 });
  for (let round = 0; round < 60; round++) {
    const pick = (axis: number, most: number) => 1 + hash(round, axis) % most;
    const present = pick(0, 70), rows = Math.ceil((present + pick(1, 8) - 1) / 8) * 8, columns = pick(2, 90);
    const narrow = hash(round, 3) % 2 === 0, width = (narrow ? 8 : 4) * pick(4, 4);
    const weights = Int16Array.from({ length: present * columns }, (_, index) => hash(round + 100, index) % 255 - 127);
    const wanted = packPairs(weights, rows, columns, width, narrow);
    using device = new CpuDevice(pool);
    const at = uploadPairs(device, weights, columns, { rows, width, narrow });
    assertEquals([...pool[narrow ? "i8" : "i16"](at, wanted.length)], [...wanted]);
    pool.u8(at, wanted.byteLength).fill(85);
  }
});
