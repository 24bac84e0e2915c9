// Results to report on: one by hand with every field, one of a real run.

import { dorefa } from "../../lib/quantize/dorefa.ts";
import { pact } from "../../lib/quantize/pact.ts";
import { lenet } from "../../lib/network/zoo/lenet.ts";
import { estimate } from "../../lib/estimate/estimate.ts";
import type { MappedNetwork } from "../../lib/map/mapped.ts";
import { pipeline } from "../../lib/pipeline.ts";
import { summarise } from "../../lib/report/statistics.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { observeSums } from "../../lib/simulate/observe/calibrate.ts";
import { type Result, result } from "../../lib/simulate/result.ts";
import { simulate } from "../../lib/simulate/simulate.ts";
import { tensor } from "../../lib/tensor.ts";

const samples = [0.5, 0.75, 0.625, 0.75];

/** Three layers: clipping and noise, exact, dynamic. Names and data as hostile as they come. */
export const byHand: Result = result({
  network: `</title><script>alert("net")</script>&amp;`,
  data: `a "set" <b>`,
  images: 8,
  accuracy: { float: 0.9, quantized: 0.875, crossbar: 0.65625 },
  monteCarlo: {
    kind: "monte-carlo",
    seed: 3,
    draws: 4,
    stopped: "draws",
    samples: { accuracy: samples },
    summary: { accuracy: summarise(samples) },
  },
  logitError: 0.25,
  cycles: 1300,
  layers: [
    {
      ...{ name: "conv1<i>", algorithm: "im2col", cycles: 1000, arrays: 9, utilisation: 0.5, tiles: 3, rows: 288, columns: 32 },
      ...{ adc: { lo: -16, step: 0.5, levels: 64, lossless: false }, clipped: 0.0125, sqnr: 30 },
    },
    {
      ...{ name: "conv2", algorithm: "best", cycles: 200, arrays: 10, utilisation: 1, tiles: 1, rows: 64, columns: 16 },
      ...{ adc: { lo: 0, step: 1, levels: 65, lossless: true }, clipped: 0, sqnr: null },
    },
    { name: "fc", algorithm: "im2col", cycles: 100, arrays: 1, utilisation: 0.25, tiles: 1, rows: 32, columns: 10 },
  ],
  converters: {
    "conv1<i>": { levels: 64, lo: -16, step: 0.5, unit: 0.5, thresholds: Float64Array.of(-Infinity, 0, 1) as unknown as number[] },
    fc: { dynamic: true, levels: 64, unit: 1 },
  },
  configuration: {
    adc: { bits: 6, range: [-16, 15.5] },
    weightBits: { conv1: 4, conv2: 4, fc: 4 },
    rows: 128,
    calibration: undefined,
    seed: 1,
  },
  backend: { name: "cpu", description: "8 threads" },
  seconds: 0,
  imagesPerSecond: Infinity,
});

/** A LeNet on chips of real cells, with its network on arrays, an estimate, and its column sums. */
export async function simulated(): Promise<{ result: Result; mapped: MappedNetwork; sums: Awaited<ReturnType<typeof observeSums>> }> {
  const bits = { weights: dorefa({ bits: 2 }), activations: pact({ bits: 2, alpha: 2 }), digital: ["conv1"] };
  const mapped = await pipeline().quantize(bits).decompose({ cellBits: 2 }).map({ rows: 128, columns: 64, algorithm: "vw-sdk" }).run(
    lenet(),
  );
  const images = tensor(Uint8Array.from({ length: 2 * 784 }, (_, index) => (index * 37) % 256), [2, 28, 28, 1]);
  const data = { name: "ramp", images, labels: Uint8Array.of(0, 3), classes: [] };
  const backend = referenceBackend();
  const found = await simulate(mapped, data, { adc: { bits: 5, range: "full" }, backend, seed: 4 });
  const sums = await observeSums(mapped, images, backend, { budget: 1e5 });
  const chip = estimate(mapped, { cell: "RRAM", node: 22, adc: { type: "flash", bits: 5 } });
  return { result: result({ ...found, estimate: chip }), mapped, sums };
}
