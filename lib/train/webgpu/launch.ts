// What a training graph is on the device: kernel launches over buffers that live as long as it does. Sizes stand in the kernels' text.

import { GpuBuffer } from "../../gpu/buffers.ts";
import type { GpuDevice } from "../../gpu/device.ts";
import { bind, type Binding, compile, dispatch, type Kernel } from "../../gpu/program.ts";
import type { TemplateValues } from "../../gpu/template.ts";

/** A buffer, or the scratch space all launches share. */
export type Operand = GpuBuffer | "scratch";

/** One kernel launch. */
export interface Launch {
  readonly kernel: Kernel;
  readonly operands: readonly Operand[];
  readonly groups: number;
}

/** A kernel to launch. */
export interface LaunchSource {
  /** Name for messages. */
  readonly label: string;
  /** WGSL template. */
  readonly code: string;
  /** Bindings in order: `u`niform, `r`ead or `w`rite. */
  readonly uses: string;
  readonly values: TemplateValues;
  readonly operands: readonly Operand[];
  /** Workgroups. */
  readonly groups: number;
}

/** Names all kernels may use: counts of unrolled loops, and the halves of a workgroup of 64 for sums in a tree. */
const COMMON: TemplateValues = { FOUR: 4, SIX: 6, EIGHT: 8, HALF: [32, 16, 8, 4, 2, 1] };

/** What operations are built with. Owns every buffer. */
export class LaunchBuilder implements Disposable {
  readonly device: GpuDevice;
  readonly #owned = new DisposableStack();
  /** Stands in for bindings that a kernel does not use. */
  readonly none: GpuBuffer;
  #scratchFloats = 4;
  #scratch: GpuBuffer | undefined;
  readonly #groups = new Map<Launch, GPUBindGroup>();

  /** Builds on a device that stays the caller's. */
  constructor(device: GpuDevice) {
    this.device = device;
    this.none = this.floats(4, "unused binding");
  }

  /** A zeroed buffer. @throws {DeviceError} if it is too large for the device. */
  floats(count: number, label: string): GpuBuffer {
    return this.own(new GpuBuffer(this.device, "storage", count * 4, label));
  }

  /** Frees something with the rest. */
  own<T extends Disposable>(resource: T): T {
    return this.#owned.use(resource);
  }

  /** Makes the scratch space at least this large; only before the first {@linkcode LaunchBuilder.encode}. */
  reserve(floats: number): void {
    this.#scratchFloats = Math.max(this.#scratchFloats, floats);
  }

  /** Compiles a kernel for its operands. */
  async launch({ label, code, uses, values, operands, groups }: LaunchSource): Promise<Launch> {
    const names: Record<string, Binding> = { u: "uniform", r: "read", w: "write" };
    const bindings = Array.from(uses, (use) => names[use]!);
    return { kernel: await compile(this.device, { label, code, bindings, values: { ...COMMON, ...values } }), operands, groups };
  }

  /** Encodes launches in order; each sees what those before it wrote. */
  encode(pass: GPUComputePassEncoder, launches: readonly Launch[]): void {
    for (const launch of launches) {
      let group = this.#groups.get(launch);
      if (group === undefined) {
        this.#scratch ??= this.floats(this.#scratchFloats, "scratch");
        const buffers = launch.operands.map((operand) => ({ buffer: operand === "scratch" ? this.#scratch! : operand }));
        group = bind(this.device, launch.kernel, buffers);
        this.#groups.set(launch, group);
      }
      dispatch(this.device, pass, launch.kernel, group, launch.groups);
    }
  }

  /** Frees all buffers. */
  [Symbol.dispose](): void {
    this.#groups.clear();
    this.#owned.dispose();
  }
}

/** Workgroups of 64 invocations for `count` items. */
export function workgroups(count: number): number {
  return Math.ceil(count / 64);
}
