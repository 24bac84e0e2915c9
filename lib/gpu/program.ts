// Compiles kernel texts once per device. Errors of WGSL surface only through error scopes, so every compilation runs inside one.

import { DeviceError } from "../errors.ts";
import type { GpuBuffer } from "./buffers.ts";
import type { GpuDevice } from "./device.ts";
import { expand, type TemplateValues } from "./template.ts";

/** How a kernel uses one binding. */
export type Binding = "uniform" | "read" | "write";

/** What a kernel is made from. */
export interface KernelSource {
  /** Name for messages. */
  readonly label: string;
  /** WGSL with the directives of {@linkcode expand}; entry point `main`. */
  readonly code: string;
  /** Bindings 0, 1, … of group 0; at most 8 of them storage. */
  readonly bindings: readonly Binding[];
  /** Values for the template. */
  readonly values?: TemplateValues;
}

/** A compiled kernel with its explicit layout. */
export interface Kernel {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly bindings: readonly Binding[];
}

/** A part of a buffer, in bytes. */
export interface BufferRange {
  readonly buffer: GpuBuffer;
  readonly offset?: number;
  readonly size?: number;
}

const TYPES = { uniform: "uniform", read: "read-only-storage", write: "storage" } as const;

/**
 * Compiles a kernel, or gives back the one compiled before from the same text.
 *
 * @throws {DeviceError} naming the kernel, with the compiler's message.
 */
export function compile(device: GpuDevice, source: KernelSource): Promise<Kernel> {
  const code = expand(source.code, source.values ?? {});
  const key = `${source.label}\n${source.bindings}\n${code}`;
  const known = device.kernels.get(key);
  if (known !== undefined) return known;
  const made = build(device, source, code);
  device.kernels.set(key, made);
  made.catch(() => device.kernels.delete(key));
  return made;
}

async function build(device: GpuDevice, { label, bindings }: KernelSource, code: string): Promise<Kernel> {
  const action = "compile a kernel";
  const stored = bindings.filter((binding) => binding !== "uniform").length;
  if (stored > 8) throw new DeviceError(action, { where: label, got: `${stored} storage bindings`, wanted: "at most 8" });
  return await device.scoped(action, label, () => {
    const { raw } = device;
    const layout = raw.createBindGroupLayout({
      label,
      entries: bindings.map((binding, index) => ({ binding: index, visibility: 4, buffer: { type: TYPES[binding] } })),
    });
    const module = raw.createShaderModule({ label, code });
    const pipeline = raw.createComputePipeline({
      label,
      layout: raw.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    return { label, pipeline, layout, bindings };
  });
}

/** Binds buffers in the order of the kernel's bindings. */
export function bind(device: GpuDevice, kernel: Kernel, buffers: readonly BufferRange[]): GPUBindGroup {
  return device.raw.createBindGroup({
    label: kernel.label,
    layout: kernel.layout,
    entries: buffers.map(({ buffer, offset = 0, size }, binding) => ({
      binding,
      resource: { buffer: buffer.raw, offset, size: size ?? buffer.bytes - offset },
    })),
  });
}

/**
 * Encodes `groups` workgroups, folded into two dimensions where one is too short; kernels undo it by
 * `workgroup_id.x + workgroup_id.y · num_workgroups.x` and check their range.
 *
 * @throws {DeviceError} if even two dimensions are too few.
 */
export function dispatch(device: GpuDevice, pass: GPUComputePassEncoder, kernel: Kernel, group: GPUBindGroup, groups: number): void {
  const limit = device.limits.workgroups;
  const lines = Math.ceil(groups / limit);
  if (lines > limit) {
    throw new DeviceError("run a kernel", { where: kernel.label, got: `${groups} workgroups`, wanted: `at most ${limit}²` });
  }
  pass.setPipeline(kernel.pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(Math.ceil(groups / Math.max(lines, 1)), lines);
}
