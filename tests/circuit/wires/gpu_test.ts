// The WGSL wire solver against the direct one in f64, where there is an adapter.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { effectiveOnDevice } from "../../../lib/circuit/wires/gpu.ts";
import type { WireOptions } from "../../../lib/circuit/wires/options.ts";
import { effectiveConductance } from "../../../lib/circuit/wires/solve.ts";
import { DeviceError, NumericError, OptionError } from "../../../lib/errors.ts";
import { type GpuDevice, openDevice } from "../../../lib/gpu/device.ts";
import { uniform } from "../../../lib/random.ts";

let device: GpuDevice | undefined;
try {
  device = await openDevice();
} catch (error) {
  if (!(error instanceof DeviceError)) throw error;
}
addEventListener("unload", () => device?.close());
const test = (name: string, body: (device: GpuDevice) => Promise<void>) =>
  Deno.test({ name, ignore: device === undefined, sanitizeOps: false, sanitizeResources: false, fn: () => body(device!) });

function drawn(seed: number, rows: number, columns: number): { shape: number[]; data: Float64Array } {
  return {
    shape: [rows, columns],
    data: Float64Array.from({ length: rows * columns }, (_, at) => 1e-3 * uniform(seed, at) * (uniform(seed, 1, at) < 0.5 ? 1 : 0.01)),
  };
}

const CASES: readonly (readonly [rows: number, columns: number, wires: WireOptions])[] = [
  [1, 1, { wordLine: 1, bitLine: 2, terminal: 100 }],
  [5, 70, { wordLine: 1, bitLine: 1 }],
  [70, 5, { wordLine: 20, bitLine: 20 }],
  [40, 24, { wordLine: 1e-3, bitLine: 2, source: 4, driven: "last" }],
  [24, 37, { wordLine: 3, bitLine: 2, source: 5, terminal: 10, driven: "last", sensed: "first", interleaved: true }],
];

test("effectiveOnDevice() agrees with effectiveConductance() to 1e-6 of the largest on all topologies, arrays at once", async (device) => {
  for (const [index, [rows, columns, wires]] of CASES.entries()) {
    const arrays = [drawn(index, rows, columns), drawn(100 + index, rows, columns)];
    const solved = await effectiveOnDevice(device, arrays, wires);
    solved.forEach(({ conductances, residual }, at) => {
      const wanted = effectiveConductance(arrays[at]!, wires).conductances.data,
        largest = wanted.reduce((most, value) => Math.max(most, value), 0);
      assert(residual > 0 && residual <= 1e-6);
      conductances.data.forEach((value, cell) =>
        assert(Math.abs(value - wanted[cell]!) <= 1e-6 * largest, `${rows} × ${columns}, cell ${cell}`)
      );
    });
  }
});

test("effectiveOnDevice() keeps the order of mixed shapes, open arrays included", async (device) => {
  const wires = { wordLine: 1, bitLine: 1 }, arrays = [drawn(1, 3, 4), { shape: [2, 2], data: new Float64Array(4) }, drawn(2, 3, 4)];
  const solved = await effectiveOnDevice(device, arrays, wires);
  assertEquals(solved.map(({ conductances }) => conductances.shape), [[3, 4], [2, 2], [3, 4]]);
  assertEquals([...solved[1]!.conductances.data], [0, 0, 0, 0]);
  const wanted = effectiveConductance(arrays[2]!, wires).conductances.data;
  solved[2]!.conductances.data.forEach((value, cell) => assert(Math.abs(value - wanted[cell]!) <= 1e-9));
});

test("effectiveOnDevice() refuses what does not converge, with a hint, and options by field", async (device) => {
  const arrays = [drawn(1, 40, 40)], wires = { wordLine: 50, bitLine: 50 };
  await assertRejects(() => effectiveOnDevice(device, arrays, wires, { steps: 1, rounds: 1 }), NumericError, "effectiveConductances()");
  await assertRejects(() => effectiveOnDevice(device, arrays, { wordLine: 0, bitLine: 1 }), OptionError, "wires.wordLine");
  await assertRejects(() => effectiveOnDevice(device, arrays, wires, { tolerance: 1 }), OptionError, "options.tolerance");
  await assertRejects(() => effectiveOnDevice(device, arrays, wires, { steps: 0 }), OptionError, "options.steps");
  await assertRejects(() => effectiveOnDevice(device, arrays, wires, { round: 1 } as never), OptionError, "options.round");
});
