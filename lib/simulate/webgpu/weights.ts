// Where constants live: all on the device for good, or, if they do not fit, group by group of steps, each uploaded before it runs.

import { DeviceError } from "../../errors.ts";
import { allocate, OutOfMemoryError } from "../../gpu/allocate.ts";
import type { GpuBuffer } from "../../gpu/buffers.ts";
import type { GpuDevice } from "../../gpu/device.ts";
import type { Program } from "../program.ts";
import { type Constant, isConstant, type StepPlan } from "./launch.ts";

/** Steps first … end − 1, which run in one submission. */
export interface StepGroup {
  readonly first: number;
  readonly end: number;
}

/** Constants of a step, each once. */
function constantsOf({ launches }: StepPlan): Set<Constant> {
  return new Set(launches.flatMap(({ operands }) => operands.filter(isConstant)));
}

function bytesOf(constants: Iterable<Constant>): number {
  let bytes = 0;
  for (const { data } of constants) bytes += data.byteLength;
  return bytes;
}

/**
 * Groups steps so that the constants of a group take at most `memory` bytes.
 *
 * @throws {DeviceError} naming the layer if those of one step alone take more.
 */
export function groupSteps(program: Program, plans: readonly StepPlan[], memory: number): StepGroup[] {
  const groups: StepGroup[] = [];
  let [first, held] = [0, 0];
  plans.forEach((plan, index) => {
    const bytes = bytesOf(constantsOf(plan));
    if (bytes > memory) {
      throw new DeviceError("put a layer on the GPU", {
        where: program.values[program.steps[index]!.output]!.name,
        got: `${bytes} bytes of weights`,
        wanted: `at most ${memory}`,
      });
    }
    if (held + bytes > memory) {
      groups.push({ first, end: index });
      [first, held] = [index, 0];
    }
    held += bytes;
  });
  return [...groups, { first, end: plans.length }];
}

/** The constants of a program on its device. */
export class Weights implements Disposable {
  /** Groups of steps; a single one if everything stays on the device. */
  readonly groups: readonly StepGroup[];
  readonly #device: GpuDevice;
  readonly #plans: readonly StepPlan[];
  readonly #buffers = new Map<Constant, GpuBuffer>();

  private constructor(device: GpuDevice, plans: readonly StepPlan[], groups: readonly StepGroup[]) {
    this.#device = device;
    this.#plans = plans;
    this.groups = groups;
  }

  /**
   * Uploads everything if it takes at most `memory` bytes and the device has them; else prepares to stream, in halves of what was refused.
   *
   * @throws {DeviceError} naming the layer that does not fit alone.
   */
  static async prepare(device: GpuDevice, program: Program, plans: readonly StepPlan[], memory = Infinity): Promise<Weights> {
    const all = new Set(plans.flatMap((plan) => [...constantsOf(plan)]));
    const largest = plans.reduce((most, plan) => Math.max(most, bytesOf(constantsOf(plan))), 0);
    let room = memory;
    while (true) {
      const weights = new Weights(device, plans, groupSteps(program, plans, room));
      try {
        // The first group is uploaded even when streaming: what cannot be had at all is refused now.
        await weights.enter(weights.groups[0]!);
        if (weights.streamed) weights.leave();
        return weights;
      } catch (error) {
        weights[Symbol.dispose]();
        const tried = Math.min(room, bytesOf(all));
        if (!(error instanceof OutOfMemoryError) || tried <= largest) throw error;
        room = Math.max(largest, Math.floor(tried / 2));
      }
    }
  }

  /** Whether constants come and go. */
  get streamed(): boolean {
    return this.groups.length > 1;
  }

  /** The buffer of a constant of the group entered. */
  buffer(constant: Constant): GpuBuffer {
    return this.#buffers.get(constant)!;
  }

  /** Uploads the constants of a group, unless they are there. */
  async enter({ first, end }: StepGroup): Promise<void> {
    for (const plan of this.#plans.slice(first, end)) {
      for (const constant of constantsOf(plan)) {
        if (this.#buffers.has(constant)) continue;
        const buffer = await allocate(this.#device, "storage", constant.data.byteLength, constant.label);
        this.#buffers.set(constant, buffer.upload(constant.data));
      }
    }
  }

  /** Frees the constants of the group entered; the device keeps them until what was submitted is done. */
  leave(): void {
    for (const buffer of this.#buffers.values()) buffer[Symbol.dispose]();
    this.#buffers.clear();
  }

  /** Frees everything. */
  [Symbol.dispose](): void {
    this.leave();
  }
}
