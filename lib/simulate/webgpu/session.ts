// Executes a planned program batch by batch: uploads pixels, encodes all launches into one submission, reads everything back at once.
// The next batch is uploaded and submitted while the one before is still computed or read back.

import { DeviceError, ShapeError } from "../../errors.ts";
import { allocate } from "../../gpu/allocate.ts";
import { GpuBuffer, padded } from "../../gpu/buffers.ts";
import type { GpuDevice } from "../../gpu/device.ts";
import { bind, dispatch } from "../../gpu/program.ts";
import { elements, type Tensor, type TypedArray } from "../../tensor.ts";
import type { BatchResult, Session } from "../backend.ts";
import type { Program } from "../program.ts";
import { type HostTurn, isConstant, type Launch, type Operand, type PlanContext, type Scratch, type StepPlan } from "./launch.ts";
import { bytesOf, type MemoryPlan, planMemory } from "./plan.ts";
import { planStep } from "./steps.ts";
import { fixedTiles, type TilePicker } from "./tiles.ts";
import { type StepGroup, Weights } from "./weights.ts";

/** Bytes between the parameters of two launches: the alignment every device accepts. */
const PARAMETER_STRIDE = 256;
/** Batches submitted and not yet read back: one computes while the next is uploaded. */
const IN_FLIGHT = 2;

/** How a session works, beside its program. */
export interface SessionOptions {
  /** Decides between tile shapes; by default the best guess. */
  readonly tiles?: TilePicker;
  /** Most bytes of constants on the device at once; by default all, or what the device grants. */
  readonly memory?: number;
}

/** Packs, uploads and compiles a program. @throws {DeviceError} if a kernel does not compile or something does not fit. */
export async function prepareSession(device: GpuDevice, program: Program, options: SessionOptions = {}): Promise<Session> {
  if (program.values[program.output]?.type !== "f32") {
    throw new ShapeError("prepare a program", { where: program.values[program.output]?.name ?? "output", wanted: "an f32 output" });
  }
  const owned = new DisposableStack();
  try {
    const tiles = options.tiles ?? fixedTiles();
    const context: PlanContext = {
      device,
      program,
      keep: (data, label) => owned.use(new GpuBuffer(device, "storage", data.byteLength, label)).upload(data),
      // A correction keeps the weights twice: not where they are limited.
      tiles: options.memory === undefined ? tiles : { ...tiles, correctShare: 0 },
      none: owned.use(new GpuBuffer(device, "storage", 16, "unused binding")),
    };
    const plans: StepPlan[] = [];
    await device.scoped("prepare a program", "kernels", async () => {
      for (const step of program.steps) plans.push(await planStep(context, step));
    });
    const memory = planMemory(device, program, plans);
    const weights = owned.use(await Weights.prepare(device, program, plans, options.memory));
    return new WebgpuSession(device, program, plans, memory, weights, owned);
  } catch (error) {
    owned.dispose();
    throw error;
  }
}

/** Where a value of one part of a batch lies in the staging buffer. */
interface Piece {
  readonly value: number;
  readonly offset: number;
  readonly images: number;
}

/** Images that go through at once. */
interface Part {
  readonly pixels: Uint8Array;
  readonly images: number;
  /** Number of the first image in the data set. */
  readonly number: number;
}

/** How a part goes through the steps. */
interface Pass {
  /** Where values go, and which. */
  readonly staging: GpuBuffer;
  readonly pieces: readonly Piece[];
  /** Step with a dynamic range whose extremes are wanted and nothing after; all before have theirs. */
  readonly until?: number;
  /** Whether all ranges are known already. */
  readonly ranged?: boolean;
}

/** A batch on its way. */
interface Job {
  readonly batch: number;
  readonly pieces: readonly Piece[];
  readonly staging: GpuBuffer;
}

class WebgpuSession implements Session {
  readonly overlap = IN_FLIGHT;
  readonly #device: GpuDevice;
  readonly #program: Program;
  readonly #plans: readonly StepPlan[];
  readonly #memory: MemoryPlan;
  readonly #weights: Weights;
  readonly #owned: DisposableStack;
  readonly #parameters: GpuBuffer;
  readonly #launchIndex = new Map<Launch, number>();
  #slots: GpuBuffer[] = [];
  #scratch: Partial<Record<Scratch, GpuBuffer>> = {};
  #capacity = 0;
  #images = -1;
  #first = -1;
  #closed = false;
  #queue: Promise<unknown> = Promise.resolve();
  #reading: Promise<unknown>[] = [];

  constructor(
    device: GpuDevice,
    program: Program,
    plans: readonly StepPlan[],
    memory: MemoryPlan,
    weights: Weights,
    owned: DisposableStack,
  ) {
    this.#device = device;
    this.#program = program;
    this.#plans = plans;
    this.#memory = memory;
    this.#weights = weights;
    this.#owned = owned;
    for (const { launches } of plans) for (const launch of launches) this.#launchIndex.set(launch, this.#launchIndex.size);
    this.#parameters = owned.use(new GpuBuffer(device, "uniform", this.#launchIndex.size * PARAMETER_STRIDE, "parameters"));
  }

  run(images: Tensor<Uint8Array>, taps: readonly number[] = [], first = 0): Promise<BatchResult> {
    const submitted = this.#queue.then(async () => {
      while (this.#reading.length >= IN_FLIGHT) await this.#reading[0];
      const job = await this.#submit(images, taps, first);
      const result = this.#read(job, taps);
      const done: Promise<unknown> = result.then(() => {}, () => {}).then(() => {
        this.#reading = this.#reading.filter((each) => each !== done);
      });
      this.#reading.push(done);
      return { result };
    });
    this.#queue = submitted.catch(() => {});
    return submitted.then(({ result }) => result);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue;
    await Promise.all(this.#reading);
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
    this.#owned.dispose();
  }

  /** Uploads, encodes and submits a batch. */
  async #submit(images: Tensor<Uint8Array>, taps: readonly number[], number: number): Promise<Job> {
    if (this.#closed) throw new DeviceError("run a program", { got: "a closed session", wanted: "an open one" });
    this.#device.check();
    const batch = this.#check(images, taps);
    const { capacity } = this.#memory;
    const wanted = [...new Set([this.#program.output, ...taps])];
    const pieces: Piece[] = [];
    let bytes = 0;
    for (let first = 0; first < batch; first += capacity) {
      const count = Math.min(capacity, batch - first);
      for (const value of wanted) {
        pieces.push({ value, offset: bytes, images: count });
        bytes += padded(count * bytesOf(this.#program.values[value]!));
      }
    }
    const staging = await allocate(this.#device, "staging", bytes, "read-back");
    try {
      await this.#reserve(Math.min(batch, capacity));
      await this.#device.scoped("run a program", this.#device.description, async () => {
        const pixels = elements(this.#program.values[0]!.shape);
        const part = (first: number): Part => ({
          pixels: images.data.subarray(first * pixels, Math.min(batch, first + capacity) * pixels),
          images: Math.min(capacity, batch - first),
          number: number + first,
        });
        // A dynamic range spans the batch: where that comes in parts, all of them run up to each such step before its range is known.
        const ranges = batch > capacity
          ? this.#plans.flatMap(({ hostTurn }, step) => hostTurn === undefined ? [] : [{ hostTurn, step }])
          : [];
        for (const { hostTurn, step } of ranges) {
          hostTurn.buffer.upload(hostTurn.initial);
          for (let first = 0; first < batch; first += capacity) await this.#runPart(part(first), { staging, pieces: [], until: step });
          await this.#takeTurn(hostTurn, this.#device.raw.createCommandEncoder());
        }
        for (let first = 0; first < batch; first += capacity) {
          const piecesHere = pieces.slice(first / capacity * wanted.length, (first / capacity + 1) * wanted.length);
          await this.#runPart(part(first), { staging, pieces: piecesHere, ranged: ranges.length > 0 });
        }
      });
    } catch (error) {
      staging[Symbol.dispose]();
      throw error;
    }
    return { batch, pieces, staging };
  }

  /** Waits for a batch and takes its values apart. */
  async #read({ batch, pieces, staging: owned }: Job, taps: readonly number[]): Promise<BatchResult> {
    using staging = owned;
    const data = batch === 0 ? new ArrayBuffer(0) : await staging.read();
    const result = (value: number) => gather(this.#program, value, batch, pieces, data);
    const output = result(this.#program.output) as Tensor;
    return {
      output: { shape: [batch, output.data.length / Math.max(batch, 1)], data: output.data },
      taps: new Map(taps.map((tap) => [tap, result(tap)])),
    };
  }

  #check(images: Tensor<Uint8Array>, taps: readonly number[]): number {
    const wanted = this.#program.values[0]!.shape;
    const [batch, ...shape] = images.shape;
    if (
      batch === undefined || shape.length !== 3 || shape.some((extent, axis) => extent !== wanted[axis]) ||
      elements(images.shape) !== images.data.length
    ) {
      throw new ShapeError("run a program", { where: "images", got: images.shape, wanted: `[batch, ${wanted.join(", ")}]` });
    }
    for (const tap of taps) {
      if (this.#memory.slotOf[tap] === undefined) {
        const most = this.#program.values.length;
        throw new ShapeError("tap a value", { where: "taps", got: tap, wanted: `a value below ${most} that a step computes` });
      }
    }
    return batch;
  }

  /** Makes room for `images` images at once. */
  async #reserve(images: number): Promise<void> {
    if (images <= this.#capacity) return;
    this.#release();
    const make = (bytes: number, label: string) => allocate(this.#device, "storage", images * bytes, `${label} of ${images} images`);
    for (const [slot, bytes] of this.#memory.slots.entries()) this.#slots.push(await make(bytes, `activations ${slot}`));
    this.#scratch.bits = await make(this.#memory.scratch.bits, "bit planes");
    this.#scratch.counts = await make(this.#memory.scratch.counts, "digit sums");
    this.#scratch.flags = await make(this.#memory.scratch.flags, "tile flags");
    this.#capacity = images;
  }

  #release(): void {
    for (const buffer of [...this.#slots, ...Object.values(this.#scratch)]) buffer[Symbol.dispose]();
    this.#slots = [];
    this.#scratch = {};
    this.#capacity = 0;
  }

  #writeParameters(images: number, first: number): void {
    if (images === this.#images && first === this.#first) return;
    const data = new Uint32Array(this.#launchIndex.size * PARAMETER_STRIDE / 4);
    for (const [launch, index] of this.#launchIndex) data.set(launch.params(images, first), index * PARAMETER_STRIDE / 4);
    this.#parameters.upload(data);
    [this.#images, this.#first] = [images, first];
  }

  async #runPart({ pixels, images, number }: Part, pass: Pass): Promise<void> {
    this.#writeParameters(images, number);
    this.#slots[this.#memory.slotOf[0]!]!.upload(pixels);
    for (const group of this.#weights.groups) {
      if (group.first > (pass.until ?? Infinity)) break;
      await this.#weights.enter(group);
      await this.#runGroup(group, images, pass);
      if (!this.#weights.streamed) continue;
      this.#weights.leave();
      // Freed memory is free once the work is done: do not ask for the next layers' before.
      await this.#device.settle("stream weights", this.#device.raw.queue.onSubmittedWorkDone());
    }
  }

  async #runGroup({ first, end }: StepGroup, images: number, { staging, pieces, until = Infinity, ranged = false }: Pass): Promise<void> {
    const { raw } = this.#device;
    let encoder = raw.createCommandEncoder();
    let pass: GPUComputePassEncoder | undefined;
    const endPass = () => {
      pass?.end();
      pass = undefined;
    };
    const save = (value: number) => {
      const piece = pieces.find((item) => item.value === value);
      if (piece === undefined) return;
      endPass();
      const size = padded4(images * bytesOf(this.#program.values[value]!));
      if (size > 0) encoder.copyBufferToBuffer(this.#slots[this.#memory.slotOf[value]!]!.raw, 0, staging.raw, piece.offset, size);
    };
    if (first === 0) save(0);
    for (let index = first; index < Math.min(end, until + 1); index++) {
      const { launches, hostTurn, cleared } = this.#plans[index]!;
      cleared?.upload(new Uint32Array(1));
      const known = ranged || index < until && until < Infinity;
      if (!known && index !== until) hostTurn?.buffer.upload(hostTurn.initial);
      for (const [at, launch] of launches.entries()) {
        if (hostTurn?.after === at && index === until) break;
        if (hostTurn?.after === at + 1 && known) continue; // looks for the extremes
        if (hostTurn?.after === at && !known) {
          endPass();
          await this.#takeTurn(hostTurn, encoder);
          encoder = raw.createCommandEncoder();
        }
        pass ??= encoder.beginComputePass();
        const group = bind(this.#device, launch.kernel, [
          this.#parameterRange(launch),
          ...launch.operands.map((operand) => ({ buffer: this.#buffer(operand) })),
        ]);
        dispatch(this.#device, pass, launch.kernel, group, launch.groups(images));
      }
      if (index !== until) save(this.#program.steps[index]!.output);
    }
    endPass();
    raw.queue.submit([encoder.finish()]);
  }

  #parameterRange(launch: Launch) {
    return { buffer: this.#parameters, offset: this.#launchIndex.get(launch)! * PARAMETER_STRIDE, size: PARAMETER_STRIDE };
  }

  #buffer(operand: Operand): GpuBuffer {
    if (typeof operand === "number") return this.#slots[this.#memory.slotOf[operand]!]!;
    if (typeof operand === "string") return this.#scratch[operand]!;
    if (typeof operand === "function") return operand();
    return isConstant(operand) ? this.#weights.buffer(operand) : operand;
  }

  async #takeTurn({ buffer, initial, receive }: HostTurn, encoder: GPUCommandEncoder): Promise<void> {
    using staging = new GpuBuffer(this.#device, "staging", buffer.bytes, "extremes");
    encoder.copyBufferToBuffer(buffer.raw, 0, staging.raw, 0, buffer.bytes);
    this.#device.raw.queue.submit([encoder.finish()]);
    receive(new Int32Array(await staging.read(), 0, initial.length));
  }
}

function padded4(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** Joins the pieces of one value into a tensor of its own. */
function gather(program: Program, index: number, batch: number, pieces: readonly Piece[], data: ArrayBuffer): Tensor<TypedArray> {
  const value = program.values[index]!;
  const bytes = bytesOf(value);
  const joined = new Uint8Array(batch * bytes);
  let at = 0;
  for (const piece of pieces) {
    if (piece.value !== index) continue;
    joined.set(new Uint8Array(data, piece.offset, piece.images * bytes), at);
    at += piece.images * bytes;
  }
  const shape = [batch, ...value.shape];
  if (value.type === "u8") return { shape, data: joined };
  return { shape, data: value.type === "i32" ? new Int32Array(joined.buffer) : new Float32Array(joined.buffer) };
}
