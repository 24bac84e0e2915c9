// Submissions, weights streamed layer by layer, and memory that runs out; skipped without an adapter.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeviceError } from "../../../lib/errors.ts";
import { OutOfMemoryError } from "../../../lib/gpu/allocate.ts";
import { type GpuDevice, openDevice } from "../../../lib/gpu/device.ts";
import { prepareSession } from "../../../lib/simulate/webgpu/session.ts";
import { randomCrossbarProgram, randomImages, randomProgram } from "../random_program.ts";
import { agreeOn, deviceIfAny } from "./agree.ts";

const present = await deviceIfAny();
const ignore = present === undefined;
await present?.[Symbol.asyncDispose]();

function test(name: string, run: (device: GpuDevice) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    fn: async () => {
      await using device = await openDevice();
      await run(device);
    },
  });
}

/** Notes submissions and read-backs in order. */
function watch(device: GpuDevice): string[] {
  const events: string[] = [];
  const submit = device.raw.queue.submit.bind(device.raw.queue);
  device.raw.queue.submit = (buffers) => {
    events.push("submit");
    return submit(buffers);
  };
  const create = device.raw.createBuffer.bind(device.raw);
  device.raw.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    if (descriptor.label === "read-back") {
      const map = buffer.mapAsync.bind(buffer);
      buffer.mapAsync = async (...parameters) => {
        const done = await map(...parameters);
        events.push("read");
        return done;
      };
    }
    return buffer;
  };
  return events;
}

/** Makes the next buffers whose label matches look as if memory ran out. */
function starve(device: GpuDevice, matches: (label: string, bytes: number) => boolean): void {
  const create = device.raw.createBuffer.bind(device.raw), pop = device.raw.popErrorScope.bind(device.raw);
  let refused = false;
  device.raw.createBuffer = (descriptor) => {
    refused = matches(descriptor.label ?? "", descriptor.size);
    return create(descriptor);
  };
  device.raw.popErrorScope = async () => {
    const error = await pop();
    if (!refused) return error;
    refused = false;
    return { message: "not enough memory" } as GPUError;
  };
}

test("run() submits once and reads back once per batch, the next batch before the last is read", async (device) => {
  const program = randomProgram(4), images = randomImages(4, program, 2);
  await using session = await prepareSession(device, program);
  const first = await session.run(images);
  const events = watch(device);
  const again = await Promise.all([1, 2, 3, 4].map(() => session.run(images)));
  for (const each of again) assertEquals(each.output, first.output);
  assertEquals(events.filter((event) => event === "submit").length, 4);
  assertEquals(events.filter((event) => event === "read").length, 4);
  assertEquals(events.slice(0, 2), ["submit", "submit"]);
  for (let at = 1, ahead = 1; at < events.length; at++) assert((ahead += events[at] === "submit" ? 1 : -1) <= 2, String(events));
});

test("prepareSession() streams weights that may not all be on the device", async (device) => {
  for (let seed = 3; seed < 6; seed++) {
    const program = randomProgram(seed), images = randomImages(seed, program, 2);
    await agreeOn(device, program, images, `seed ${seed}`, [{ memory: 40_000 }, { memory: 24_000 }]);
  }
});

test("prepareSession() names the layer whose weights fit by no means", async (device) => {
  const program = randomProgram(3);
  const error = await assertRejects(() => prepareSession(device, program, { memory: 16 }), DeviceError, "put a layer on the GPU");
  assert(program.values.some(({ name }) => name === error.where));
});

test("prepareSession() streams when the device refuses memory for all", async (device) => {
  const program = randomProgram(5), images = randomImages(5, program, 2);
  await using plenty = await prepareSession(device, program);
  const expected = await plenty.run(images);
  let refusals = 0;
  starve(device, (label) => label === "thresholds" && refusals++ === 1);
  await using session = await prepareSession(device, program);
  assert(refusals >= 2);
  assertEquals((await session.run(images)).output, expected.output);
});

test("prepareSession() and run() name what memory ran out for", async (device) => {
  const program = randomCrossbarProgram(1), images = randomImages(1, program, 1);
  await using session = await prepareSession(device, program);
  let starved = "crossbar";
  starve(device, (label) => label.startsWith(starved));
  await assertRejects(() => prepareSession(device, program), OutOfMemoryError, "crossbar");
  starved = "activations";
  await assertRejects(() => session.run(images), OutOfMemoryError, "of 1 images");
  starved = "read-back";
  await assertRejects(() => session.run(images), OutOfMemoryError, "read-back");
  starved = "nothing";
  await session.run(images);
});

test("run() after the device is lost gives DeviceError, and so do batches on their way", async (device) => {
  const program = randomProgram(7), images = randomImages(7, program, 2);
  const session = await prepareSession(device, program);
  await session.run(images);
  const pending = [session.run(images), session.run(images)].map((run) => assertRejects(() => run, DeviceError));
  device.raw.destroy();
  await Promise.all(pending);
  await assertRejects(() => session.run(images), DeviceError, "lost");
  await assertRejects(() => prepareSession(device, program), DeviceError, "lost");
  await session[Symbol.asyncDispose]();
});
