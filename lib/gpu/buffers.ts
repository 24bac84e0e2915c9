// Buffers with an owner: sizes padded to 4 bytes, freed by `using`, filled and read without the caller meeting WebGPU's alignment rules.

import { DeviceError } from "../errors.ts";
import type { GpuDevice } from "./device.ts";

const USAGE = {
  storage: 0x80 | 0x8 | 0x4, // STORAGE | COPY_DST | COPY_SRC
  uniform: 0x40 | 0x8, // UNIFORM | COPY_DST
  staging: 0x1 | 0x8, // MAP_READ | COPY_DST
} as const;

/** What a buffer is for. */
export type BufferKind = keyof typeof USAGE;

/** Bytes rounded up to whole 32-bit words, at least 16. */
export function padded(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 4) * 4);
}

/** A buffer on the device, freed when disposed of. */
export class GpuBuffer implements Disposable {
  /** The WebGPU buffer. */
  readonly raw: GPUBuffer;
  /** Size in bytes, a multiple of 4. */
  readonly bytes: number;
  readonly #device: GpuDevice;

  /**
   * Makes a zeroed buffer of at least `bytes` bytes.
   *
   * @throws {DeviceError} if it exceeds what the device can hold or bind.
   */
  constructor(device: GpuDevice, kind: BufferKind, bytes: number, label: string) {
    const limit = kind === "storage" ? device.limits.bindingSize : device.limits.bufferSize;
    if (padded(bytes) > limit) {
      throw new DeviceError("make a GPU buffer", {
        where: label,
        got: `${bytes} bytes`,
        wanted: `at most ${limit} on ${device.description}`,
      });
    }
    device.check();
    this.#device = device;
    this.bytes = padded(bytes);
    this.raw = device.raw.createBuffer({ size: this.bytes, usage: USAGE[kind], label });
  }

  /** Copies `data` to the start of the buffer; a last partial word is filled with zeros. */
  upload(data: ArrayBufferView<ArrayBufferLike>): this {
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    const whole = bytes.length & ~3;
    if (whole > 0) this.#device.raw.queue.writeBuffer(this.raw, 0, bytes, 0, whole);
    if (whole < bytes.length) {
      const rest = new Uint8Array(4);
      rest.set(bytes.subarray(whole));
      this.#device.raw.queue.writeBuffer(this.raw, whole, rest);
    }
    return this;
  }

  /**
   * Maps a staging buffer and copies its first `bytes` bytes out.
   *
   * @throws {DeviceError} if the device fails meanwhile.
   */
  async read(bytes = this.bytes): Promise<ArrayBuffer> {
    await this.#device.settle("read a GPU buffer", this.raw.mapAsync(1, 0, padded(bytes)));
    const copy = this.raw.getMappedRange(0, padded(bytes)).slice(0);
    this.raw.unmap();
    return copy;
  }

  /** Frees the memory. */
  [Symbol.dispose](): void {
    this.raw.destroy();
  }
}

/** A storage buffer holding `data`. @throws {DeviceError} if it is too large for the device. */
export function uploaded(device: GpuDevice, data: ArrayBufferView<ArrayBufferLike>, label: string): GpuBuffer {
  return new GpuBuffer(device, "storage", data.byteLength, label).upload(data);
}
