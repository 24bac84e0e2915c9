// The WGSL backend against the oracle. Without an adapter everything but the error test is skipped, and says so.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeviceError, ShapeError } from "../../../lib/errors.ts";
import { type GpuDevice, openDevice } from "../../../lib/gpu/device.ts";
import type { Backend } from "../../../lib/simulate/backend.ts";
import type { Geometry, Program } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { webgpuBackend } from "../../../lib/simulate/webgpu/backend.ts";
import { prepareSession } from "../../../lib/simulate/webgpu/session.ts";
import type { Tensor } from "../../../lib/tensor.ts";
import { randomCrossbarProgram, randomImages, randomPlacedProgram, randomProgram } from "../random_program.ts";
import { assertClose } from "./agree.ts";

const backend: Backend | undefined = await webgpuBackend().catch((error) => {
  if (error instanceof DeviceError) return undefined;
  throw error;
});
const ignore = backend === undefined;

function test(name: string, run: (backend: Backend) => Promise<void>): void {
  Deno.test({ name: ignore ? `${name} (skipped: no adapter)` : name, ignore, fn: () => run(backend!) });
}

/** Compares every value of a program. */
async function agree(backend: Backend, program: Program, images: Tensor<Uint8Array>, label: string): Promise<void> {
  const taps = program.values.map((_, value) => value);
  await using reference = referenceBackend();
  await using expected = await reference.prepare(program);
  await using session = await backend.prepare(program);
  const want = await expected.run(images, taps);
  const got = await session.run(images, taps);
  for (const tap of taps) assertClose(got.taps.get(tap)!, want.taps.get(tap)!, `${label}, ${program.values[tap]!.name}`);
  assertClose(got.output, want.output, label);
}

test("webgpuBackend() runs a crossbar step as the reference does", async (backend) => {
  for (let seed = 0; seed < 12; seed++) {
    const program = randomCrossbarProgram(seed);
    await agree(backend, program, randomImages(seed, program, 3), `seed ${seed}`);
  }
});

test("webgpuBackend() runs a dynamic range within 1e-5", async (backend) => {
  for (let seed = 0; seed < 5; seed++) {
    const program = randomCrossbarProgram(seed, { dynamic: true });
    await agree(backend, program, randomImages(seed, program, 2), `seed ${seed}`);
  }
});

test("webgpuBackend() gathers rows and scatters sums as the reference does", async (backend) => {
  for (let seed = 0; seed < 6; seed++) {
    const program = randomPlacedProgram(seed, { dynamic: seed % 5 === 0 });
    await agree(backend, program, randomImages(seed, program, 3), `seed ${seed}`);
  }
});

test("webgpuBackend() runs every step kind as the reference does", async (backend) => {
  for (let seed = 0; seed < 5; seed++) {
    const program = randomProgram(seed);
    await agree(backend, program, randomImages(seed, program, 3), `seed ${seed}`);
  }
});

test("webgpuBackend() gives the same result for any batch size, one session and no taps", async (backend) => {
  const program = randomProgram(9);
  const images = randomImages(9, program, 5);
  await using session = await backend.prepare(program);
  const whole = await session.run(images);
  assertEquals(whole.taps.size, 0);
  const pixels = images.data.length / 5;
  const features = whole.output.data.length / 5;
  const parts = await Promise.all([0, 1, 2, 3, 4].map((image) =>
    session.run({
      shape: [1, ...images.shape.slice(1)],
      data: images.data.subarray(image * pixels, (image + 1) * pixels),
    })
  ));
  parts.forEach((part, image) => {
    assertEquals(part.output.shape, [1, features]);
    assertEquals(part.output.data, whole.output.data.slice(image * features, (image + 1) * features));
  });
});

test("prepareSession() splits batches that do not fit", async () => {
  await using device = await openDevice();
  const program = randomProgram(3);
  const images = randomImages(3, program, 7);
  await using whole = await prepareSession(device, program);
  const expected = await whole.run(images, [0, 2]);
  const small = Object.assign(await openDevice(), { limits: { ...device.limits, bindingSize: 2 ** 14 } });
  await using _close = small;
  await using split = await prepareSession(small, program);
  const actual = await split.run(images, [0, 2]);
  assertEquals(actual.output, expected.output);
  assertEquals([...actual.taps], [...expected.taps]);
});

test("prepareSession() finds a dynamic range over a whole batch that does not fit at once", async () => {
  await using device = await openDevice();
  const small = Object.assign(await openDevice(), { limits: { ...device.limits, bindingSize: 2 ** 15 } });
  await using _close = small;
  // Placed programs have several dynamic steps, the later ones in the middle of the program.
  const programs = [randomCrossbarProgram(2, { dynamic: true }), ...[0, 5].map((seed) => randomPlacedProgram(seed, { dynamic: true }))];
  for (const [seed, program] of programs.entries()) {
    const images = randomImages(seed, program, 150), taps = program.values.map((_, value) => value);
    await using whole = await prepareSession(device, program);
    const submissions = counted(device), expected = await whole.run(images, taps);
    const steps = submissions();
    for (const options of [{}, { memory: seed === 0 ? Infinity : 20_000 }]) {
      await using split = await prepareSession(small, program, options);
      const parts = counted(small);
      for (const _ of [1, 2]) {
        const actual = await split.run(images, taps);
        assertEquals(actual.output, expected.output, `program ${seed}`);
        assertEquals([...actual.taps], [...expected.taps]);
      }
      assert(parts() > 2 * steps, `${parts()} submissions`);
    }
  }
});

/** Counts submissions from now on. */
function counted(device: GpuDevice): () => number {
  const { queue } = device.raw, submit = queue.submit.bind(queue);
  let count = 0;
  queue.submit = (buffers) => {
    count++;
    return submit(buffers);
  };
  return () => count;
}

test("webgpuBackend() sums more rows than one shader loop may take", async (backend) => {
  const rows = 70_000;
  const geometry: Geometry = {
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
    inputShape: [1, 1, rows],
    outputShape: [1, 1, 2],
  };
  const program: Program = {
    values: [
      { type: "u8", shape: [1, 1, rows], name: "input" },
      { type: "i32", shape: [1, 1, 2], name: "sums" },
      { type: "f32", shape: [1, 1, 2], name: "output" },
    ],
    steps: [
      { op: "integer", input: 0, output: 1, geometry, weights: Int16Array.from({ length: 2 * rows }, (_, at) => at % 257 - 100), zero: 3 },
      { op: "affine", input: 1, output: 2, scale: Float32Array.of(0.5, 0.25), bias: new Float32Array(2) },
    ],
    output: 2,
  };
  await agree(backend, program, randomImages(1, program, 2), "long rows");
});

test("webgpuBackend() refuses wrong images, unknown taps and closed sessions", async (backend) => {
  const program = randomCrossbarProgram(1);
  const session = await backend.prepare(program);
  await assertRejects(() => session.run({ shape: [1, 1, 1, 1], data: new Uint8Array(1) }), ShapeError, "images");
  await assertRejects(() => session.run(randomImages(1, program, 1), [99]), ShapeError, "taps");
  await session[Symbol.asyncDispose]();
  await assertRejects(() => session.run(randomImages(1, program, 1)), DeviceError, "closed session");
});

test("webgpuBackend() names its adapter", (backend) => {
  assertEquals(backend.name, "webgpu");
  assert(backend.description.length > 0);
  return Promise.resolve();
});

test("webgpuBackend() ends what is under way before its device goes", async () => {
  const own = await webgpuBackend(), program = randomCrossbarProgram(3), images = randomImages(3, program, 2);
  const session = await own.prepare(program);
  const expected = await session.run(images), pending = session.run(images);
  await own[Symbol.asyncDispose]();
  assertEquals((await pending).output, expected.output);
  await assertRejects(() => session.run(images), DeviceError, "closed session");
  await session[Symbol.asyncDispose]();
});

Deno.test("webgpuBackend() refuses unknown options", async () => {
  await assertRejects(() => webgpuBackend({ adaptor: "low-power" } as never), Error, "webgpu.adaptor");
});

Deno.test.afterAll(async () => await backend?.[Symbol.asyncDispose]());
