// What a step becomes on the device: kernel launches over values, scratch space and constants, valid for any batch size.

import type { GpuBuffer } from "../../gpu/buffers.ts";
import type { GpuDevice } from "../../gpu/device.ts";
import type { Binding, Kernel } from "../../gpu/program.ts";
import type { Program } from "../program.ts";
import type { TilePicker } from "./tiles.ts";

/** Scratch space shared by all steps: activation bit planes, digit sums, and flags of tiles. */
export type Scratch = "bits" | "counts" | "flags";

/** Data that does not change from batch to batch; on the device only where a launch that runs reads it. */
export interface Constant {
  readonly data: ArrayBufferView<ArrayBufferLike>;
  /** Name for messages. */
  readonly label: string;
}

/** A buffer a launch reads or writes: a value by number, scratch space, a constant, a buffer, or one that may be replaced between runs. */
export type Operand = number | Scratch | Constant | GpuBuffer | (() => GpuBuffer);

/** Whether an operand is a constant. */
export function isConstant(operand: Operand): operand is Constant {
  return typeof operand === "object" && "data" in operand;
}

/** One kernel launch. */
export interface Launch {
  readonly kernel: Kernel;
  /** Buffers in binding order, after the uniform parameters at binding 0. */
  readonly operands: readonly Operand[];
  /** The parameters, in the order of the kernel's `Params`, for a batch of this many images, of which the first has this number (default 0). */
  params(batch: number, first?: number): readonly number[];
  /** Workgroups to launch. */
  groups(batch: number): number;
}

/** A stop in the middle of a step: the host looks at what was computed and prepares the launches that follow. */
export interface HostTurn {
  /** How many launches run before it; the last of them does nothing but fill `buffer`, and adds to what is there. */
  readonly after: number;
  /** Read back then. */
  readonly buffer: GpuBuffer;
  /** Contents of `buffer` before the step starts. */
  readonly initial: Int32Array;
  /** Called with the contents; uploads what the next launches need. */
  receive(data: Int32Array): void;
}

/** A step made ready. */
export interface StepPlan {
  readonly launches: readonly Launch[];
  /** Scratch space in bytes per image. */
  readonly scratch?: Partial<Record<Scratch, number>>;
  readonly hostTurn?: HostTurn;
  /** Buffer that must be zero at its start before the step starts. */
  readonly cleared?: GpuBuffer;
}

/** What planning a step needs. */
export interface PlanContext {
  readonly device: GpuDevice;
  readonly program: Program;
  /** Makes a buffer that lives as long as the session and whose contents change. */
  keep(data: ArrayBufferView<ArrayBufferLike>, label: string): GpuBuffer;
  /** Decides between tile shapes. */
  readonly tiles: TilePicker;
  /** Stands in for bindings a kernel does not use. */
  readonly none: GpuBuffer;
}

/** Bindings of a kernel: the parameters, then `uses` (`r`ead or `w`rite) in order. */
export function bindings(uses: string): Binding[] {
  return ["uniform", ...Array.from(uses, (use) => use === "w" ? "write" as const : "read" as const)];
}

/** Workgroups of `lanes` invocations for `count` items. */
export function workgroups(count: number, lanes = 64): number {
  return Math.ceil(count / lanes);
}

/** Lanes of a workgroup for a number of columns: few enough not to idle, enough to fill a vector unit. */
export function lanesFor(columns: number): number {
  return columns > 64 ? 128 : columns > 32 ? 64 : 32;
}
