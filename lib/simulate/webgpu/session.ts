// Executes a planned program batch by batch: uploads pixels, encodes all launches into one submission, reads everything back at once.

import { DeviceError, ShapeError } from "../../errors.ts";
import { GpuBuffer, padded } from "../../gpu/buffers.ts";
import type { GpuDevice } from "../../gpu/device.ts";
import { bind, dispatch } from "../../gpu/program.ts";
import { elements, type Tensor, type TypedArray } from "../../tensor.ts";
import type { BatchResult, Session } from "../backend.ts";
import type { Program } from "../program.ts";
import type { HostTurn, Launch, Operand, PlanContext, Scratch, StepPlan } from "./launch.ts";
import { bytesOf, type MemoryPlan, planMemory } from "./plan.ts";
import { planStep } from "./steps.ts";

/** Bytes between the parameters of two launches: the alignment every device accepts. */
const PARAMETER_STRIDE = 256;

/** Packs, uploads and compiles a program. @throws {DeviceError} if a kernel does not compile or something does not fit. */
export async function prepareSession(device: GpuDevice, program: Program): Promise<Session> {
  if (program.values[program.output]?.type !== "f32") {
    throw new ShapeError("prepare a program", { where: program.values[program.output]?.name ?? "output", wanted: "an f32 output" });
  }
  const owned = new DisposableStack();
  try {
    const context: PlanContext = {
      device,
      program,
      own: (data, label) => owned.use(new GpuBuffer(device, "storage", data.byteLength, label)).upload(data),
      none: owned.use(new GpuBuffer(device, "storage", 16, "unused binding")),
    };
    const plans: StepPlan[] = [];
    await device.scoped("prepare a program", "weights", async () => {
      for (const step of program.steps) plans.push(await planStep(context, step));
    });
    return new WebgpuSession(device, program, plans, planMemory(device, program, plans), owned);
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

class WebgpuSession implements Session {
  readonly #device: GpuDevice;
  readonly #program: Program;
  readonly #plans: readonly StepPlan[];
  readonly #memory: MemoryPlan;
  readonly #owned: DisposableStack;
  readonly #parameters: GpuBuffer;
  readonly #launchIndex = new Map<Launch, number>();
  #slots: GpuBuffer[] = [];
  #scratch: Partial<Record<Scratch, GpuBuffer>> = {};
  #capacity = 0;
  #images = -1;
  #closed = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(device: GpuDevice, program: Program, plans: readonly StepPlan[], memory: MemoryPlan, owned: DisposableStack) {
    this.#device = device;
    this.#program = program;
    this.#plans = plans;
    this.#memory = memory;
    this.#owned = owned;
    for (const { launches } of plans) for (const launch of launches) this.#launchIndex.set(launch, this.#launchIndex.size);
    this.#parameters = owned.use(new GpuBuffer(device, "uniform", this.#launchIndex.size * PARAMETER_STRIDE, "parameters"));
  }

  run(images: Tensor<Uint8Array>, taps: readonly number[] = []): Promise<BatchResult> {
    const turn = this.#queue.then(() => this.#run(images, taps));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue;
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
    this.#owned.dispose();
  }

  async #run(images: Tensor<Uint8Array>, taps: readonly number[]): Promise<BatchResult> {
    if (this.#closed) throw new DeviceError("run a program", { got: "a closed session", wanted: "an open one" });
    this.#device.check();
    const batch = this.#check(images, taps);
    const { capacity } = this.#memory;
    if (batch > capacity && this.#plans.some((plan) => plan.hostTurn !== undefined)) {
      throw new DeviceError("run a program with a dynamic ADC range", {
        where: this.#device.description,
        got: `a batch of ${batch}`,
        wanted: `at most ${capacity}`,
        hint: "The range spans the whole batch, so it must fit at once.",
      });
    }
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
    using staging = new GpuBuffer(this.#device, "staging", bytes, "read-back");
    await this.#device.scoped("run a program", this.#device.description, async () => {
      this.#reserve(Math.min(batch, capacity));
      const pixels = elements(this.#program.values[0]!.shape);
      for (let first = 0; first < batch; first += capacity) {
        const count = Math.min(capacity, batch - first);
        const piecesHere = pieces.slice(first / capacity * wanted.length, (first / capacity + 1) * wanted.length);
        await this.#runPart(images.data.subarray(first * pixels, (first + count) * pixels), count, staging, piecesHere);
      }
    });
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
  #reserve(images: number): void {
    if (images <= this.#capacity) return;
    this.#release();
    const make = (bytes: number, label: string) => new GpuBuffer(this.#device, "storage", images * bytes, label);
    this.#slots = this.#memory.slots.map((bytes, slot) => make(bytes, `slot ${slot}`));
    this.#scratch = { bits: make(this.#memory.scratch.bits, "bits"), counts: make(this.#memory.scratch.counts, "counts") };
    this.#capacity = images;
  }

  #release(): void {
    for (const buffer of [...this.#slots, ...Object.values(this.#scratch)]) buffer[Symbol.dispose]();
    this.#slots = [];
    this.#scratch = {};
    this.#capacity = 0;
  }

  #writeParameters(images: number): void {
    if (images === this.#images) return;
    const data = new Uint32Array(this.#launchIndex.size * PARAMETER_STRIDE / 4);
    for (const [launch, index] of this.#launchIndex) data.set(launch.params(images), index * PARAMETER_STRIDE / 4);
    this.#parameters.upload(data);
    this.#images = images;
  }

  async #runPart(pixels: Uint8Array, images: number, staging: GpuBuffer, pieces: readonly Piece[]): Promise<void> {
    const { raw } = this.#device;
    this.#writeParameters(images);
    this.#slots[this.#memory.slotOf[0]!]!.upload(pixels);
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
    save(0);
    for (const [index, step] of this.#program.steps.entries()) {
      const { launches, hostTurn } = this.#plans[index]!;
      hostTurn?.buffer.upload(hostTurn.initial);
      for (const [at, launch] of launches.entries()) {
        if (hostTurn?.after === at) {
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
      save(step.output);
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
    return typeof operand === "function" ? operand() : operand;
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
