// Allocation on a device that refuses: what was allocated must be named. No adapter needed.

import { assertEquals, assertRejects } from "@std/assert";
import { DeviceError } from "../../lib/errors.ts";
import { allocate, OutOfMemoryError } from "../../lib/gpu/allocate.ts";
import { GpuDevice } from "../../lib/gpu/device.ts";

/** Enough of a GPUDevice to allocate on; `refuse` is the message of the driver. */
function fake(refuse: string | undefined): { device: GpuDevice; destroyed: number[]; lose(): void } {
  const destroyed: number[] = [];
  const lost = Promise.withResolvers<{ reason: string; message: string }>();
  const limits = {
    maxBufferSize: 1000,
    maxStorageBufferBindingSize: 1000,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupsPerDimension: 65535,
  };
  const raw = {
    limits,
    lost: lost.promise,
    addEventListener: () => {},
    pushErrorScope: () => {},
    popErrorScope: () => Promise.resolve(refuse === undefined ? null : { message: refuse }),
    createBuffer: ({ size }: { size: number }) => ({ size, destroy: () => destroyed.push(size) }),
  };
  return {
    device: new GpuDevice(raw as unknown as GPUDevice, "fake", true),
    destroyed,
    lose: () => lost.resolve({ reason: "unknown", message: "gone" }),
  };
}

Deno.test("allocate() gives a buffer", async () => {
  const { device, destroyed } = fake(undefined);
  using buffer = await allocate(device, "storage", 17, "weights of conv1");
  assertEquals([buffer.bytes, destroyed], [20, []]);
});

Deno.test("allocate() names what memory ran out for, and frees it", async () => {
  const { device, destroyed } = fake("not enough memory");
  const error = await assertRejects(() => allocate(device, "storage", 512, "weights of conv1"), OutOfMemoryError, "512 bytes");
  assertEquals([error.where, destroyed], ["weights of conv1 on fake", [512]]);
});

Deno.test("allocate() refuses what no buffer can hold, and lost devices", async () => {
  const { device, lose } = fake(undefined);
  await assertRejects(() => allocate(device, "storage", 2000, "weights of conv1"), DeviceError, "weights of conv1");
  lose();
  await new Promise((resolve) => setTimeout(resolve, 0));
  await assertRejects(() => allocate(device, "storage", 16, "weights of conv1"), DeviceError, "device lost");
});
