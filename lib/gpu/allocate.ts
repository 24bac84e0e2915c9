// Allocation that names what did not fit: drivers report exhausted memory late and without saying whose it was.

import { DeviceError } from "../errors.ts";
import { type BufferKind, GpuBuffer } from "./buffers.ts";
import type { GpuDevice } from "./device.ts";

/** The device has no memory left for what the error names. */
export class OutOfMemoryError extends DeviceError {}

/**
 * Makes a zeroed buffer and waits until the device has granted it.
 *
 * @throws {OutOfMemoryError} naming `label` if memory ran out.
 * @throws {DeviceError} if the buffer exceeds a limit, or the device is lost.
 */
export async function allocate(device: GpuDevice, kind: BufferKind, bytes: number, label: string): Promise<GpuBuffer> {
  const action = "allocate GPU memory";
  device.check();
  device.raw.pushErrorScope("out-of-memory");
  let buffer: GpuBuffer | undefined;
  let thrown: unknown;
  try {
    buffer = new GpuBuffer(device, kind, bytes, label);
  } catch (error) {
    thrown = error;
  }
  try {
    const error = await device.settle(action, device.raw.popErrorScope());
    if (thrown !== undefined) throw thrown;
    if (error !== null) {
      throw new OutOfMemoryError(action, {
        where: `${label} on ${device.description}`,
        got: `${bytes} bytes refused (${error.message})`,
        wanted: "memory for it",
        hint: "Use smaller batches, or fewer programs at once.",
      });
    }
    return buffer!;
  } catch (error) {
    buffer?.[Symbol.dispose]();
    if (error instanceof DeviceError) throw error;
    throw new DeviceError(action, { where: label, got: (error as Error).message, cause: error });
  }
}
