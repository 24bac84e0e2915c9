import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ThreadPool } from "../../lib/cpu/pool.ts";
import { add, get, int, kernel, locals, loop, mul } from "../../lib/cpu/wat.ts";
import { DeviceError, OptionError } from "../../lib/errors.ts";

/** Adds `by` to each of a range of words, and counts visits of each thread at `visits`. */
const increment = (extra = 0) =>
  kernel(
    ["at", "by", "visits"],
    locals("i32", "i", "p"),
    `${
      loop(
        "i",
        get("begin"),
        get("end"),
        `(local.set $p ${add(get("at"), mul(get("i"), int(4)))})(i32.store ${get("p")} ${
          add(`(i32.load ${get("p")})`, get("by"), int(extra))
        })`,
      )
    }(drop (i32.atomic.rmw.add ${add(get("visits"), mul(get("thread"), int(4)))} (i32.const 1)))`,
  );

for (const threads of [1, 2, 3]) {
  Deno.test(`ThreadPool.run() visits every index once on ${threads} threads`, async () => {
    using pool = await ThreadPool.create({ threads });
    assertEquals(pool.threads, threads);
    const [job] = await pool.load([increment()]), words = pool.allocate(4000), visits = pool.allocate(64);
    pool.i32(words, 1000).fill(0);
    pool.i32(visits, 16).fill(0);
    let expected = 0, calls = 0;
    for (const [total, chunk] of [[1000, 1], [1000, 7], [1000, 999], [1000, 1000], [1000, 5000]] as const) {
      pool.run(job!, total, chunk, words, chunk, visits);
      expected += chunk;
      calls += threads === 1 ? 1 : Math.ceil(total / chunk);
      assert(pool.i32(words, 1000).every((word) => word === expected), `${total} by ${chunk}`);
    }
    assertEquals(pool.i32(visits, 16).reduce((sum, count) => sum + count), calls);
    assertEquals(pool.i32(visits, 16).subarray(threads).every((count) => count === 0), true);
    pool.run(job!, 0, 1, words, 1, visits);
    assertEquals(pool.i32(words, 1)[0], expected);
  });
}

Deno.test("ThreadPool.chain() runs every kernel over every chunk in turn, each in its own unit", async () => {
  for (const threads of [1, 2, 3]) {
    using pool = await ThreadPool.create({ threads });
    const [job, other] = await pool.load([increment(), increment(1)]);
    const words = pool.allocate(4000), more = pool.allocate(8000), visits = pool.allocate(64);
    pool.i32(words, 1000).fill(0);
    pool.i32(more, 2000).fill(0);
    pool.i32(visits, 16).fill(0);
    const stages = [
      { kernel: job!, parameters: [words, 2, visits] },
      { kernel: other!, parameters: [more, 3, visits], unit: 2 },
      { kernel: job!, parameters: [words, 5, visits] },
    ];
    for (const chunk of [7, 999, 5000]) pool.chain(stages, 1000, chunk);
    assert(pool.i32(words, 1000).every((word) => word === 21));
    assert(pool.i32(more, 2000).every((word) => word === 12));
    assertEquals(pool.i32(visits, 16).reduce((sum, count) => sum + count), 3 * (Math.ceil(1000 / 7) + 2 + 1));
    assertThrows(() => pool.chain(Array(13).fill(stages[0]!), 10, 5), DeviceError, "13 kernels");
    assertThrows(() => pool.chain([{ kernel: 99, parameters: [] }], 10, 5), DeviceError, "kernel 99");
  }
});

Deno.test("ThreadPool.run() survives many short calls", async () => {
  using pool = await ThreadPool.create({ threads: 3 });
  const [job] = await pool.load([increment()]), words = pool.allocate(64), visits = pool.allocate(64);
  pool.i32(words, 16).fill(0);
  for (let call = 0; call < 3000; call++) pool.run(job!, 16, 1, words, 1, visits);
  assertEquals([...pool.i32(words, 16)], Array(16).fill(3000));
});

Deno.test("ThreadPool.load() shares equal kernels and takes new ones at any time", async () => {
  using pool = await ThreadPool.create({ threads: 2 });
  const words = pool.allocate(400), visits = pool.allocate(64), view = pool.i32(words, 100).fill(0);
  const [a, b, c] = await pool.load([increment(), increment(1), increment()]);
  assertEquals(c, a);
  pool.run(b!, 100, 3, words, 1, visits);
  const [again, d] = await pool.load([increment(1), increment(2)]);
  assertEquals(again, b);
  pool.run(d!, 100, 3, words, 1, visits);
  pool.run(a!, 100, 3, words, 1, visits);
  assert(view.every((word) => word === 2 + 3 + 1));
  assertEquals(await pool.load([]), []);
});

Deno.test("ThreadPool.load() may be called again while a load is under way", async () => {
  using pool = await ThreadPool.create({ threads: 3 });
  const words = pool.allocate(400), visits = pool.allocate(64), view = pool.i32(words, 100).fill(0);
  const handles = await Promise.all([0, 1, 2, 1].map((extra) => pool.load([increment(extra)])));
  for (const [handle] of handles) pool.run(handle!, 100, 3, words, 0, visits);
  assert(view.every((word) => word === 4), `${view}`);
});

Deno.test("ThreadPool's memory grows under running threads, and old views stay true", async () => {
  using pool = await ThreadPool.create({ threads: 2 });
  const [job] = await pool.load([increment()]),
    visits = pool.allocate(64),
    first = pool.allocate(400),
    before = pool.i32(first, 100).fill(0);
  const far = pool.allocate(4 * 1048576), late = pool.i32(far, 1048576);
  pool.run(job!, 1048576, 1000, far, 5, visits);
  pool.run(job!, 100, 3, first, 7, visits);
  assertEquals([late[0], late[1048575], before[99]], [5, 5, 7]);
  pool.free(far);
  assertEquals(pool.allocate(64), far);
  const bytes = pool.u8(first, 400);
  assertEquals([bytes[0], pool.i8(first, 1)[0], pool.i16(first, 1)[0], bytes.length], [7, 7, 7, 400]);
});

Deno.test("ThreadPool refuses wrong options, kernels and calls", async () => {
  for (const threads of [0, 1.5, -1, NaN]) await assertRejects(() => ThreadPool.create({ threads }), OptionError, "threads");
  using pool = await ThreadPool.create({ threads: 2 });
  await assertRejects(() => pool.load(["(module (func $f (i32.const 1)))"]), DeviceError, "assemble");
  const [job] = await pool.load([increment()]), words = pool.allocate(64);
  pool.run(job!, 16, 1, words, 1, words);
  assertThrows(() => pool.run(99, 1, 1), DeviceError, "kernel 99");
  assertThrows(() => pool.run(job!, 1, 1, ...Array(17).fill(0)), DeviceError, "17 parameters");
  assertThrows(() => pool.free(3), DeviceError, "free a block");
});

Deno.test("ThreadPool.run() reports a kernel that traps, on whichever thread, and goes on", async () => {
  const trap = kernel(["at"], "", `(if (i32.eq ${get("begin")} ${get("at")}) (then (unreachable)))`);
  for (const threads of [1, 3]) {
    using pool = await ThreadPool.create({ threads });
    const [bad, job] = await pool.load([trap, increment()]), words = pool.allocate(400), visits = pool.allocate(64);
    pool.i32(words, 100).fill(0);
    for (let at = 0; at < 20; at++) assertThrows(() => pool.run(bad!, 20, 1, threads === 1 ? 0 : at), DeviceError, "kernel 0");
    pool.run(job!, 100, 3, words, 1, visits);
    assert(pool.i32(words, 100).every((word) => word === 1));
  }
});

Deno.test("ThreadPool stops when disposed, once and for all", async () => {
  const pool = await ThreadPool.create({ threads: 2 });
  const [job] = await pool.load([increment()]), words = pool.allocate(64);
  pool[Symbol.dispose]();
  pool[Symbol.dispose]();
  assertThrows(() => pool.run(job!, 16, 1, words, 1, words), DeviceError, "a closed pool");
  await assertRejects(() => pool.load([increment(7)]), DeviceError);
});

Deno.test("Pools do not disturb one another", async () => {
  using one = await ThreadPool.create({ threads: 2 });
  using two = await ThreadPool.create({ threads: 2 });
  const results = await Promise.all([one, two].map(async (pool, index) => {
    const [job] = await pool.load([increment(index)]), words = pool.allocate(400), visits = pool.allocate(64);
    pool.i32(words, 100).fill(0);
    pool.run(job!, 100, 3, words, 1, visits);
    return pool.i32(words, 100)[99];
  }));
  assertEquals(results, [1, 2]);
});
