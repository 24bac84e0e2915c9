import { assert, assertEquals } from "@std/assert";
import { gigabits, layerCodes, layerProgram, VGG7_LAYER } from "../bench/crossbar_layer.ts";
import { limitsOf } from "../bench/limits.ts";
import { type Machine, measure } from "../bench/measure.ts";
import { binaryWork, pictures } from "../bench/networks.ts";
import { scalingBenchmarks } from "../bench/scaling.ts";
import { BENCHMARKS } from "../bench/suite.ts";
import { ThreadPool } from "../lib/cpu/pool.ts";
import { cpuBackend } from "../lib/simulate/cpu/backend.ts";
import { referenceBackend } from "../lib/simulate/reference/backend.ts";

Deno.test("measure() gives the value, its limit and its share, and closes what it opened", async () => {
  let closed = false;
  const calls: string[] = [];
  const row = await measure({
    group: "g",
    name: "n",
    unit: "u",
    open: () =>
      Promise.resolve({
        call: () => calls.push("work"),
        value: () => 3,
        limit: { name: "most", call: () => calls.push("limit"), value: () => 4 },
        close: () => Promise.resolve(void (closed = true)),
      }),
  }, { seconds: 0 } as Machine);
  assertEquals(row, { name: "g: n", value: 3, unit: "u", limit: 4, share: 0.75, against: "most" });
  assertEquals(calls, ["work", "limit", "work", "limit", "work", "limit"]);
  assert(closed);
});

Deno.test("measure() takes a benchmark of other processes as it is", async () => {
  const row = await measure({ group: "g", name: "n", unit: "s", measure: () => Promise.resolve(7) }, { seconds: 0 } as Machine);
  assertEquals(row, { name: "g: n", value: 7, unit: "s" });
});

Deno.test("limitsOf() runs every register loop", async () => {
  using pool = await ThreadPool.create({ threads: 1 });
  for (const { call, giga } of Object.values(await limitsOf(pool))) {
    call();
    assert(giga > 0);
  }
});

Deno.test("layerProgram() gives the sums of the reference backend", async () => {
  await using cpu = await cpuBackend({ threads: 1 });
  const reference = referenceBackend();
  for (const changes of [{}, { signed: true }, { cellBits: 2, slices: 2 }, { kernel: 1, side: 1, inputs: 37, rows: 16 }]) {
    const layer = { ...VGG7_LAYER, side: 4, inputs: 16, outputs: 20, rows: 32, code: (sum: number) => Math.min(sum, 9), ...changes };
    for (const output of ["code", "sums"] as const) {
      const program = layerProgram(layer, output), codes = layerCodes(layer, 2);
      await using a = await cpu.prepare(program);
      await using b = await reference.prepare(program);
      const [got, wanted] = [await a.run(codes, [1]), await b.run(codes, [1])];
      assertEquals(got.taps.get(1)!.data, wanted.taps.get(1)!.data);
      assertEquals(got.output.data, wanted.output.data);
    }
  }
});

Deno.test("binaryWork() counts one-bit multiply-accumulates as gigabits() does", () => {
  assertEquals(binaryWork(layerProgram(VGG7_LAYER)).toFixed(9), gigabits(VGG7_LAYER).toFixed(9));
});

Deno.test("pictures() gives pixels over most of the range", () => {
  const { data, shape } = pictures(2);
  assertEquals(shape, [2, 32, 32, 3]);
  assert(Math.max(...data) > 180 && Math.min(...data) < 60);
});

Deno.test("benchmarks have names of their own", () => {
  const names = [...BENCHMARKS, ...scalingBenchmarks].map(({ group, name }) => `${group}: ${name}`);
  assertEquals(new Set(names).size, names.length);
});
