// One opened adapter: limits asked for explicitly, and every late failure (uncaptured error, lost device) turned into a DeviceError at the next await.

import { type AdapterOptions, describeAdapter, gpu, requestAdapter } from "@gpu/webgpu";
import { BitlineError, DeviceError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { Kernel } from "./program.ts";

/** Which adapter to open. */
export interface DeviceOptions {
  /** Preference between a discrete and an integrated GPU; by default the provider's. */
  readonly adapter?: "high-performance" | "low-power";
}

/** Limits that decide how work is split. Sizes in bytes. */
export interface DeviceLimits {
  /** Largest storage buffer a kernel can bind. */
  readonly bindingSize: number;
  /** Largest buffer, in bytes. */
  readonly bufferSize: number;
  /** Workgroup memory. */
  readonly workgroupMemory: number;
  /** Invocations of one workgroup. */
  readonly invocations: number;
  /** Workgroups along one dimension of a dispatch. */
  readonly workgroups: number;
}

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;

/** Milliseconds in which a loss is announced after the first failure it causes. */
const LOSS_NOTICE = 100;

/** An open device. Owns the underlying GPUDevice: dispose of it with `await using` or {@linkcode GpuDevice.close}. */
export class GpuDevice implements AsyncDisposable {
  /** The WebGPU device itself. */
  readonly raw: GPUDevice;
  /** Adapter name for people. */
  readonly description: string;
  /** Whether a CPU does the work. */
  readonly software: boolean;
  /** What was granted. */
  readonly limits: DeviceLimits;
  /** Compiled kernels by label and expanded source. */
  readonly kernels: Map<string, Promise<Kernel>> = new Map();
  #failure: DeviceError | undefined;
  #closed = false;
  #lost: Promise<never>;

  /** Wraps a device; use {@linkcode openDevice}. */
  constructor(raw: GPUDevice, description: string, software: boolean) {
    this.raw = raw;
    this.description = description;
    this.software = software;
    this.limits = {
      bindingSize: Math.min(raw.limits.maxStorageBufferBindingSize, raw.limits.maxBufferSize),
      bufferSize: raw.limits.maxBufferSize,
      workgroupMemory: raw.limits.maxComputeWorkgroupStorageSize,
      invocations: raw.limits.maxComputeInvocationsPerWorkgroup,
      workgroups: raw.limits.maxComputeWorkgroupsPerDimension,
    };
    raw.addEventListener("uncapturederror", (event) => {
      (event as Event).preventDefault();
      this.#failure ??= new DeviceError("use the GPU", { where: description, got: (event as GPUUncapturedErrorEvent).error.message });
    });
    this.#lost = raw.lost.then((info) => {
      this.#failure ??= new DeviceError("use the GPU", {
        where: description,
        got: `device lost (${info.reason || "unknown"}): ${info.message || "no message"}`,
        hint: "Open the backend again, with smaller batches if memory ran out.",
      });
      throw this.#failure;
    });
    this.#lost.catch(() => {});
  }

  /**
   * Throws if the device can no longer be used.
   *
   * @throws {DeviceError} if it was closed, lost, or reported an error that nothing else caught.
   */
  check(): void {
    if (this.#closed) throw new DeviceError("use the GPU", { where: this.description, got: "a closed device", wanted: "an open one" });
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Awaits something the device does.
   *
   * @throws {DeviceError} if it fails, or the device fails or is lost meanwhile.
   */
  async settle<T>(action: string, work: Promise<T>): Promise<T> {
    this.check();
    let result: T;
    try {
      result = await Promise.race([work, this.#lost]);
    } catch (cause) {
      if (cause instanceof DeviceError) throw cause;
      await this.#lossIfAny();
      this.check();
      throw new DeviceError(action, { where: this.description, got: (cause as Error).message, cause });
    }
    this.check();
    return result;
  }

  /** Gives the runtime a moment to announce a loss: what fails because of it often fails first. */
  async #lossIfAny(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const moment = new Promise<void>((resolve) => timer = setTimeout(resolve, LOSS_NOTICE));
    await Promise.race([moment, this.#lost.catch(() => {})]);
    clearTimeout(timer);
  }

  /**
   * Runs `work` inside error scopes for validation and memory.
   *
   * @param where What is being made, for the message: a kernel or buffer.
   * @throws {DeviceError} naming `where`, with the driver's message.
   */
  async scoped<T>(action: string, where: string, work: () => T | Promise<T>): Promise<T> {
    this.check();
    this.raw.pushErrorScope("out-of-memory");
    this.raw.pushErrorScope("validation");
    let result: T | undefined;
    let thrown: unknown;
    try {
      result = await work();
    } catch (error) {
      thrown = error;
    }
    const validation = this.raw.popErrorScope();
    const memory = this.raw.popErrorScope();
    const errors = await this.settle(action, Promise.all([validation, memory]));
    if (thrown instanceof BitlineError) throw thrown;
    const message = errors.find((error) => error !== null)?.message ?? (thrown as Error | undefined)?.message;
    if (message !== undefined) throw new DeviceError(action, { where, got: message.slice(0, 1000), cause: thrown });
    return result as T;
  }

  /** Destroys the device and all its buffers at once, whatever it is doing. Calling it again does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.kernels.clear();
    this.raw.destroy();
  }

  /** Waits for what was compiled and submitted, then closes: drivers are not safe against being torn down while they work. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed && this.#failure === undefined) {
      await Promise.allSettled(this.kernels.values());
      await Promise.race([this.raw.queue.onSubmittedWorkDone(), this.#lost]).catch(() => {});
    }
    this.close();
  }
}

/**
 * Opens an adapter with the largest limits it offers.
 *
 * @throws {OptionError} if an option is unknown.
 * @throws {DeviceError} if there is no WebGPU, no adapter, or the device is refused.
 */
export async function openDevice(options: DeviceOptions = {}): Promise<GpuDevice> {
  checkOptions("open a GPU", "webgpu", options, ["adapter"]);
  const action = "open a GPU";
  if (gpu() === undefined) {
    throw new DeviceError(action, { got: "a runtime without WebGPU", wanted: "navigator.gpu", hint: 'Use the "cpu" backend.' });
  }
  const request: AdapterOptions = options.adapter === undefined ? {} : { powerPreference: options.adapter };
  const adapter = await requestAdapter(request);
  if (adapter === undefined) {
    throw new DeviceError(action, {
      got: "no adapter",
      wanted: "a Vulkan, Metal or Direct3D 12 driver",
      hint: 'Install one (mesa-vulkan-drivers is a software one), or use the "cpu" backend.',
    });
  }
  const { vendor, description, fallback } = describeAdapter(adapter);
  const name = description || vendor || "unnamed adapter";
  const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  try {
    return new GpuDevice(await adapter.requestDevice({ requiredLimits }), name, fallback);
  } catch (cause) {
    throw new DeviceError(action, { where: name, got: (cause as Error).message, cause });
  }
}
