// The WGSL backend: weights uploaded once, activations on the device from the pixels to the logits, one read-back per batch.

import { DeviceError, OptionError } from "../../errors.ts";
import { type DeviceOptions, openDevice } from "../../gpu/device.ts";
import type { Backend } from "../backend.ts";
import { checkOptions } from "../../options.ts";
import { prepareSession } from "./session.ts";
import { fixedTiles } from "./tiles.ts";
import { tuningTiles } from "./tune.ts";

/** Options of {@linkcode webgpuBackend}. */
export interface WebgpuOptions extends DeviceOptions {
  /**
   * Whether tile shapes are chosen by a short measurement per class of layers, remembered until the backend is closed; default true on a GPU, false on
   * a software adapter. Results are the same either way.
   */
  readonly tune?: boolean;
  /** Most bytes of weights on the device at once; more are streamed layer by layer. Default: all the device grants. */
  readonly memory?: number;
}

/**
 * Runs programs as WGSL compute kernels on the adapter found. Integer steps equal the reference backend bit for bit; f32 steps agree to 1e-5.
 *
 * @throws {OptionError} if an option is unknown or `memory` is not positive.
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
  checkOptions("open a GPU", "webgpu", options, ["adapter", "tune", "memory"]);
  const { tune, memory, ...rest } = options;
  if (memory !== undefined && !(memory > 0)) {
    throw new OptionError("open a GPU", { where: "webgpu.memory", got: memory, wanted: "a positive number of bytes" });
  }
  const device = await openDevice(rest);
  const tiles = tune ?? !device.software ? tuningTiles() : fixedTiles();
  let open = true;
  return {
    name: "webgpu",
    description: `${device.description}${device.software ? " (software)" : ""}`,
    prepare: async (program) => {
      if (!open) throw new DeviceError("prepare a program", { got: "a closed backend", wanted: "an open one" });
      return await prepareSession(device, program, { tiles, ...(memory === undefined ? {} : { memory }) });
    },
    [Symbol.asyncDispose]: () => {
      open = false;
      return device[Symbol.asyncDispose]();
    },
  };
}
