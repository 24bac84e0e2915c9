// The WGSL backend: weights uploaded once, activations on the device from the pixels to the logits, one read-back per batch.

import { DeviceError, OptionError } from "../../errors.ts";
import { type DeviceOptions, openDevice } from "../../gpu/device.ts";
import type { Backend, Session } from "../backend.ts";
import { checkOptions } from "../../options.ts";
import { choiceFile } from "./choices.ts";
import { prepareSession } from "./session.ts";
import { fixedTiles } from "./tiles.ts";
import { tuningTiles } from "./tune.ts";

/** Options of {@linkcode webgpuBackend}. */
export interface WebgpuOptions extends DeviceOptions {
  /**
   * Whether tile shapes are chosen by a short measurement per class of layers; default true on a GPU, false on a software adapter. What was found is
   * remembered, per adapter, beside cached data where reading and writing there is allowed. Results are the same either way.
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
  const tiles = tune ?? !device.software
    ? tuningTiles({ store: choiceFile(`${device.description} ${JSON.stringify(device.limits)}`) })
    : fixedTiles();
  const sessions = new Set<Session>();
  let open = true;
  return {
    name: "webgpu",
    description: `${device.description}${device.software ? " (software)" : ""}`,
    prepare: async (program) => {
      if (!open) throw new DeviceError("prepare a program", { got: "a closed backend", wanted: "an open one" });
      const session = await prepareSession(device, program, { tiles, ...(memory === undefined ? {} : { memory }) });
      sessions.add(session);
      await tiles.keep?.();
      return {
        ...(session.overlap === undefined ? {} : { overlap: session.overlap }),
        run: (...batch) => session.run(...batch),
        [Symbol.asyncDispose]: async () => {
          sessions.delete(session);
          await session[Symbol.asyncDispose]();
        },
      };
    },
    // Sessions first: what is under way ends, and their buffers go, before the device does.
    [Symbol.asyncDispose]: async () => {
      open = false;
      for (const session of sessions) await session[Symbol.asyncDispose]();
      sessions.clear();
      await device[Symbol.asyncDispose]();
    },
  };
}
