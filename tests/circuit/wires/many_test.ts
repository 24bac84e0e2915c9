// Many arrays in WebAssembly against one at a time in TypeScript: same plan, other arithmetic.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { effectiveConductances } from "../../../lib/circuit/wires/many.ts";
import type { WireOptions } from "../../../lib/circuit/wires/options.ts";
import { effectiveConductance } from "../../../lib/circuit/wires/solve.ts";
import { ThreadPool } from "../../../lib/cpu/pool.ts";
import { NumericError, OptionError, ShapeError } from "../../../lib/errors.ts";
import { uniform } from "../../../lib/random.ts";

const OPTIONS: readonly WireOptions[] = [
  { wordLine: 1, bitLine: 1 },
  { wordLine: 3, bitLine: 0, source: 5, driven: "last" },
  { wordLine: 0, bitLine: 2, terminal: 7, sensed: "first" },
  { wordLine: 0, bitLine: 0 },
  { wordLine: 2, bitLine: 0.5, interleaved: true },
];

function drawn(seed: number, rows: number, columns: number): { shape: number[]; data: Float64Array } {
  // Every tenth cell is open.
  return {
    shape: [rows, columns],
    data: Float64Array.from({ length: rows * columns }, (_, at) => uniform(seed, at) < 0.1 ? 0 : 1e-3 * uniform(seed, 1, at)),
  };
}

Deno.test("effectiveConductances() agrees with effectiveConductance() to 1e-12 on random shapes of all topologies, however many threads", async () => {
  using pool = await ThreadPool.create({ threads: 2 });
  for (const [index, wires] of OPTIONS.entries()) {
    const arrays = Array.from({ length: 14 }, (_, at) => {
      const extent = (which: number, most: number) => 1 + Math.floor(most * uniform(7, index, which, Math.floor(at / 2)));
      return drawn(at, 2 * extent(0, 20), extent(1, 50));
    });
    const solved = await effectiveConductances(arrays, wires, { pool });
    assertEquals(solved.length, arrays.length);
    solved.forEach(({ conductances, residual }, at) => {
      const wanted = effectiveConductance(arrays[at]!, wires).conductances;
      assertEquals(conductances.shape, wanted.shape);
      conductances.data.forEach((value, cell) => assert(Math.abs(value - wanted.data[cell]!) <= 1e-12 * wanted.data[cell]!));
      assert(residual < 1e-12);
    });
  }
  const lone = drawn(3, 33, 40), [wires] = OPTIONS;
  const [onOne] = await effectiveConductances([lone], wires!, { threads: 1 }),
    [onTwo] = await effectiveConductances([lone], wires!, { pool });
  assertEquals(onOne!.conductances.data, onTwo!.conductances.data);
});

Deno.test("effectiveConductances() gives its memory back and refuses by field", async () => {
  using pool = await ThreadPool.create({ threads: 1 });
  const cells = drawn(1, 40, 40), wires = { wordLine: 1, bitLine: 1 };
  await effectiveConductances([cells], wires, { pool });
  const first = pool.memory.buffer.byteLength;
  for (let round = 0; round < 3; round++) await effectiveConductances([cells], wires, { pool });
  assertEquals(pool.memory.buffer.byteLength, first);
  assertEquals(await effectiveConductances([], wires), []);
  await assertRejects(() => effectiveConductances([cells], wires, { threads: 0 }), OptionError, "options.threads");
  await assertRejects(() => effectiveConductances([cells], wires, { pool, threads: 1 }), OptionError, "options.threads");
  await assertRejects(() => effectiveConductances([cells], { wordLine: -1, bitLine: 1 }), OptionError, "wires.wordLine");
  await assertRejects(() => effectiveConductances([{ shape: [2], data: new Float64Array(2) }], wires), ShapeError);
  const perfect = { shape: [2, 2], data: new Float64Array(4).fill(1e18) };
  await assertRejects(() => effectiveConductances([perfect], wires, { pool }), NumericError, "residual");
});
