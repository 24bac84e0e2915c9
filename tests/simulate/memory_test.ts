// What each stage allocates per weight, and that the memory of a run does not grow with the number of images.

import { assert, assertEquals } from "@std/assert";
import { balanced } from "../../lib/decompose/balanced.ts";
import { decompose } from "../../lib/decompose/decompose.ts";
import { map } from "../../lib/map/map.ts";
import { vgg7 } from "../../lib/network/zoo/vgg7.ts";
import { dorefa } from "../../lib/quantize/dorefa.ts";
import { pact } from "../../lib/quantize/pact.ts";
import { quantize } from "../../lib/quantize/quantize.ts";
import { cpuBackend } from "../../lib/simulate/cpu/backend.ts";
import { lowerMapped, lowerQuantized } from "../../lib/simulate/lower/lower.ts";
import { planLayer } from "../../lib/simulate/lower/placed.ts";
import { predict } from "../../lib/simulate/predict.ts";
import { calibrate } from "../../lib/simulate/observe/calibrate.ts";
import { tensor } from "../../lib/tensor.ts";
import { allocated } from "../allocations.ts";

const network = vgg7({ seed: 1, width: 0.25 });
const options = { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4, alpha: 3 }) };
const all = Object.values(network.parameters).reduce((sum, { data }) => sum + data.length, 0);
const quantized = quantize(network, options), sliced = decompose(quantized);
const mapped = map(sliced, { rows: 128, columns: 128, algorithm: "im2col" });
const onArrays = Object.values(sliced.layers).reduce((sum, { slices }) => sum + slices.data.length / 4, 0);
const digital = all - onArrays;

/** Work allocates `exact` bytes, and up to 5 % more, and 192 KiB for rows, columns and pixels. */
async function assertBytes(what: string, exact: number, work: () => unknown) {
  const bytes = await allocated(work);
  assert(bytes >= 0.95 * exact && bytes <= 1.05 * exact + 196608, `${what}: ${bytes} bytes, about ${Math.round(exact)} expected`);
}

/** Bytes of shared memory that `work` holds at its end. */
async function shared<T>(work: () => Promise<T>): Promise<{ memory: WebAssembly.Memory; result: T }> {
  const original = WebAssembly.Memory, made: WebAssembly.Memory[] = [];
  WebAssembly.Memory = class extends original {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      made.push(this);
    }
  };
  try {
    return { result: await work(), memory: made[0]! };
  } finally {
    WebAssembly.Memory = original;
  }
}

Deno.test("quantize() allocates codes and one temporary float per weight", async () => {
  await assertBytes("quantize", 6 * all, () => quantize(network, options));
});

Deno.test("decompose() allocates the levels and nothing else", async () => {
  await assertBytes("offset", 4 * onArrays, () => decompose(quantized));
  await assertBytes("balanced", 8 * onArrays, () => decompose(quantized, { scheme: "balanced" }));
  const codes = { name: "layer", groups: 1, cellBits: 1, bits: 4, signed: true, zero: 0 };
  const data = new Int16Array(1 << 16);
  await assertBytes("symmetric", 6 << 16, () => balanced({ ...codes, codes: { shape: [256, 256, 1, 1], data } }));
  await assertBytes("twosComplement", 7 * onArrays, () => decompose(quantized, { scheme: "twosComplement" }));
});

Deno.test("planLayer() and lowering allocate a byte per cell and two per digital weight", async () => {
  await assertBytes("plan", 4 * onArrays, () => Object.values(mapped.layers).forEach((layer) => planLayer(layer, 4, 1)));
  await assertBytes("baseline", 2 * all, () => lowerQuantized(quantized));
  const adcs = Object.fromEntries(Object.keys(mapped.layers).map((name) => [name, { levels: 64, lo: -16, step: 0.5, unit: 0.5 }]));
  await assertBytes("arrays", 4 * onArrays + 2 * digital, () => lowerMapped(mapped, adcs));
});

Deno.test("cpuBackend() packs weights in shared memory, which stays the same for any number of images", async () => {
  const { memory, result: backend } = await shared(() => cpuBackend({ threads: 1 }));
  await using _ = backend;
  const images = tensor(Uint8Array.from({ length: 128 * 3072 }, (_, index) => index * 31 % 251), [128, 32, 32, 3]);
  const few = tensor(images.data.subarray(0, 2 * 3072), [2, 32, 32, 3]);
  const program = lowerMapped(mapped, await calibrate(mapped, { bits: 6 }, few, backend, { budget: 1e5 }));
  // Look-up nibbles, combined weights laid out twice and packed once: none of it more than once per weight.
  const bytes = await allocated(async () => await (await backend.prepare(program))[Symbol.asyncDispose]());
  assert(bytes <= 5.5 * onArrays + 0.2 * digital + 131072, `prepare: ${bytes} bytes beside the shared memory`);
  await using session = await backend.prepare(program);
  const run = async (count: number) => {
    const some = tensor(images.data.subarray(0, count * 3072), [count, 32, 32, 3]);
    await predict(session, { name: "pixels", images: some, labels: new Uint8Array(count), classes: [] }, { batch: 16 });
    return memory.buffer.byteLength;
  };
  assertEquals(await run(128), await run(16));
});
