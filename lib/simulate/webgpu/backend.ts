// The WGSL backend: weights uploaded once, activations on the device from the pixels to the logits, one read-back per batch.

import { DeviceError } from "../../errors.ts";
import { type DeviceOptions, openDevice } from "../../gpu/device.ts";
import type { Backend } from "../backend.ts";
import { prepareSession } from "./session.ts";

/** Options of {@linkcode webgpuBackend}. */
export type WebgpuOptions = DeviceOptions;

/**
 * Runs programs as WGSL compute kernels on the adapter found. Integer steps equal the reference backend bit for bit; f32 steps agree to 1e-5.
 *
 * @throws {OptionError} if an option is unknown.
 * @throws {DeviceError} if there is no WebGPU or no adapter.
 *
 * @example
 * ```ts
 * import { DeviceError, webgpuBackend } from "@bitline/bitline";
 * import { assert, assertEquals } from "@std/assert";
 *
 * try {
 *   await using backend = await webgpuBackend();
 *   assertEquals(backend.name, "webgpu");
 * } catch (error) {
 *   assert(error instanceof DeviceError); // no adapter here
 * }
 * ```
 */
export async function webgpuBackend(options: WebgpuOptions = {}): Promise<Backend> {
  const device = await openDevice(options);
  let open = true;
  return {
    name: "webgpu",
    description: `${device.description}${device.software ? " (software)" : ""}`,
    prepare: async (program) => {
      if (!open) throw new DeviceError("prepare a program", { got: "a closed backend", wanted: "an open one" });
      return await prepareSession(device, program);
    },
    [Symbol.asyncDispose]: () => {
      open = false;
      return device[Symbol.asyncDispose]();
    },
  };
}
