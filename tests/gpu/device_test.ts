import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { DeviceError, OptionError } from "../../lib/errors.ts";
import { GpuBuffer, padded, uploaded } from "../../lib/gpu/buffers.ts";
import { type GpuDevice, openDevice } from "../../lib/gpu/device.ts";
import { bind, compile, dispatch } from "../../lib/gpu/program.ts";

const present = await openDevice().then((device) => device[Symbol.asyncDispose]().then(() => true), (error) => {
  if (error instanceof DeviceError) return false;
  throw error;
});

function test(name: string, run: (device: GpuDevice) => Promise<void>): void {
  Deno.test({
    name: present ? name : `${name} (skipped: no adapter)`,
    ignore: !present,
    fn: async () => {
      await using device = await openDevice();
      await run(device);
    },
  });
}

const DOUBLE = `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < arrayLength(&x)) { y[id.x] = x[id.x] * {{FACTOR}}u; }
}`;

function source(values: Record<string, number>, code = DOUBLE) {
  return { label: "double", code, bindings: ["read", "write"] as const, values };
}

/** Awaits the device for a moment: the runtime reports errors and losses on a later turn of its event loop. */
async function soon(device: GpuDevice): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    await device.settle("wait", new Promise((resolve) => setTimeout(resolve, 5)));
  }
}

Deno.test("openDevice() refuses unknown options", async () => {
  await assertRejects(() => openDevice({ power: 1 } as never), OptionError, "webgpu.power");
});

test("openDevice() asks for the adapter's limits", (device) => {
  assert(device.limits.bindingSize >= 2 ** 27);
  assert(device.limits.bufferSize >= device.limits.bindingSize);
  assert(device.description.length > 0);
  return Promise.resolve();
});

test("compile() makes kernels that run, once per text", async (device) => {
  const kernel = await compile(device, source({ FACTOR: 2 }));
  assert(kernel === await compile(device, source({ FACTOR: 2 })));
  assert(kernel !== await compile(device, source({ FACTOR: 3 })));
  using x = uploaded(device, Uint32Array.of(1, 2, 3, 4, 5), "x");
  using y = new GpuBuffer(device, "storage", 20, "y");
  using staging = new GpuBuffer(device, "staging", 20, "staging");
  const encoder = device.raw.createCommandEncoder();
  const pass = encoder.beginComputePass();
  dispatch(device, pass, kernel, bind(device, kernel, [{ buffer: x }, { buffer: y }]), 2);
  pass.end();
  encoder.copyBufferToBuffer(y.raw, 0, staging.raw, 0, 20);
  device.raw.queue.submit([encoder.finish()]);
  assertEquals([...new Uint32Array(await staging.read(), 0, 5)], [2, 4, 6, 8, 10]);
});

test("compile() names the kernel and passes the compiler's message on", async (device) => {
  const error = await assertRejects(() => compile(device, source({ FACTOR: 2 }, DOUBLE.replace("arrayLength", "lengthOf"))), DeviceError);
  assertStringIncludes(error.message, "double");
  assertStringIncludes(error.message, "lengthOf");
  await assertRejects(() => compile(device, { ...source({ FACTOR: 2 }), bindings: Array(9).fill("read") }), DeviceError, "at most 8");
  await compile(device, source({ FACTOR: 2 })); // and the device goes on
});

test("GpuBuffer pads uploads to whole words and refuses what does not fit", async (device) => {
  assertEquals([padded(0), padded(17), padded(20)], [16, 20, 20]);
  using buffer = new GpuBuffer(device, "storage", 18, "bytes");
  using staging = new GpuBuffer(device, "staging", 18, "staging");
  buffer.upload(new Uint8Array(18).fill(7));
  const encoder = device.raw.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer.raw, 0, staging.raw, 0, buffer.bytes);
  device.raw.queue.submit([encoder.finish()]);
  assertEquals([...new Uint8Array(await staging.read())], [...Array(18).fill(7), 0, 0]);
  assertThrows(() => new GpuBuffer(device, "storage", device.limits.bindingSize + 4, "huge"), DeviceError, "huge");
});

test("an uncaptured error surfaces at the next await", async (device) => {
  device.raw.createBuffer({ size: 16, usage: 0x1 | 0x80 }); // MAP_READ with STORAGE is invalid
  await assertRejects(() => soon(device), DeviceError);
});

test("a destroyed device gives DeviceError", async (device) => {
  using staging = new GpuBuffer(device, "staging", 16, "staging");
  device.raw.destroy();
  await assertRejects(() => staging.read(), DeviceError);
  await assertRejects(() => soon(device), DeviceError, "lost");
  await assertRejects(() => compile(device, source({ FACTOR: 5 })), DeviceError, "lost");
});

test("a closed device gives DeviceError", async (device) => {
  device.close();
  assertThrows(() => device.check(), DeviceError, "closed");
  await assertRejects(() => compile(device, source({ FACTOR: 5 })), DeviceError, "closed");
});
