// A trainable tensor in the layout the kernels read, beside its gradient, momentum and fake-quantised copy.

import { blockOfChannel } from "../../kernels/train/convolution_shape.ts";
import type { ThreadPool } from "../cpu/pool.ts";
import { elements, type Tensor, tensor } from "../tensor.ts";
import { ShapeError } from "../errors.ts";
import type { Learned, WeightQuantizer } from "../quantize/quantizer.ts";
import { padded } from "./value.ts";

/** Decides learning rate and decay: weights, batch-norm and bias terms, clipping levels α, or numbers that quantizers learn with the weights. */
export type ParameterGroup = "weight" | "normalization" | "alpha" | "scale";

/** What every device keeps of a trainable tensor. Views are in kernel layout; `read` and `write` convert from and to the network's. */
export interface StoredParameter {
  /** Name in the network. */
  readonly name: string;
  /** Group whose rate and decay apply. */
  readonly group: ParameterGroup;
  /** Latent float values, kernel layout. */
  readonly values: Float32Array;
  /** The optimiser's velocity. */
  readonly momentum: Float32Array;
  /** The optimiser's mean square of gradients, for those that keep one; made at first use. */
  second(): Float32Array;
  /** Fake quantiser, if any. */
  readonly quantizer: WeightQuantizer | undefined;
  /** Numbers that the quantizer has learned with the values; absent where it learns none. */
  learned?(): Learned;
  /** Values in the network's layout, from `values` or another array of the same layout. */
  read(source?: Float32Array): Tensor;
  /** Sets `values`, or another array, from the network's layout. */
  write(from: Tensor, target?: Float32Array): void;
}

/** A trainable parameter in the pool's memory. */
export interface Parameter extends StoredParameter {
  /** ∂loss/∂values of the last backward pass. */
  readonly gradient: Float32Array;
  /** Address of the values kernels multiply with: fake-quantised where there is a quantizer. */
  readonly address: number;
  /** Address of `gradient`. */
  readonly gradientAddress: number;
  /** Recomputes the fake-quantised copy. */
  refresh(): void;
  /** Turns the gradient of the quantised copy into that of the values, and into those of the numbers learned with them. */
  pullBack(): void;
  /** The numbers learned with the values, parameters `<name>.<key>` of their own. */
  readonly companions: readonly Parameter[];
}

/** Where element i of the network's tensor lies in the kernel layout, and how long that layout is. */
export interface Layout {
  readonly length: number;
  readonly position: (index: number) => number;
}

/** How {@linkcode parameter} is quantised and laid out. */
export interface ParameterOptions {
  /** Fake quantiser; none leaves the values as they are. */
  readonly quantizer?: WeightQuantizer | undefined;
  /** Groups to lay out as blocks of one dense matrix; default 1. */
  readonly expand?: number;
  /** Output channels per group, where these are cut into {@linkcode outputBlocks}; default uncut. */
  readonly blocked?: number;
  /** Parameters of the network, among which the numbers learned with the values are looked for as `<name>.<key>`; default none. */
  readonly known?: Readonly<Record<string, Tensor>>;
}

/**
 * A parameter of any shape: convolution `[out, in / groups, kh, kw]`, linear `[out, in]`, or per channel.
 *
 * @throws {ShapeError} if `known` has a learned number in another shape than the quantizer's.
 */
export function parameter(
  pool: ThreadPool,
  name: string,
  initial: Tensor,
  group: ParameterGroup,
  options: ParameterOptions = {},
): Parameter {
  const { quantizer, expand = 1 } = options, { length, position } = layoutOf(initial.shape, expand, options.blocked);
  const order = Int32Array.from({ length: initial.data.length }, (_, index) => position(index));
  const view = () => {
    const address = pool.allocate(length * 4), floats = pool.f32(address, length);
    floats.fill(0);
    return { address, floats };
  };
  const master = view(), gradient = view(), effective = quantizer === undefined ? master : view();
  const companions = learnedTensors(name, initial, options).map(({ key, name, first }) => ({
    key,
    own: parameter(pool, name, first, "scale"),
    length: first.data.length,
  }));
  const learned = Object.fromEntries(companions.map(({ key, own, length }) => [key, own.values.subarray(0, length)]));
  const slopes = Object.fromEntries(companions.map(({ key, own, length }) => [key, own.gradient.subarray(0, length)]));
  const quantize = quantizer === undefined || quantizer.anyOrder
    ? inPlace(quantizer, order, master.floats, gradient.floats, effective.floats)
    : inNetworkOrder(quantizer, order, master.floats, gradient.floats, effective.floats, initial.shape, learned, slopes);
  let second: Float32Array | undefined;
  const self: Parameter = {
    name,
    group,
    values: master.floats,
    gradient: gradient.floats,
    momentum: new Float32Array(length),
    second: () => second ??= new Float32Array(length),
    address: effective.address,
    gradientAddress: gradient.address,
    quantizer,
    companions: companions.map(({ own }) => own),
    ...(companions.length === 0 ? {} : { learned: () => learned }),
    ...quantize,
    read: (source = master.floats) => tensor(gather(source, order, new Float32Array(order.length)), initial.shape),
    write(from, target = master.floats) {
      for (let index = 0; index < order.length; index++) target[order[index]!] = from.data[index]!;
    },
  };
  self.write(initial);
  return self;
}

/**
 * Names and first values of the numbers that a parameter's quantizer learns: as the network has them, else the quantizer's own.
 *
 * @throws {ShapeError} if the network has one in another shape than the quantizer's.
 */
export function learnedTensors(
  name: string,
  initial: Tensor,
  { quantizer, known }: ParameterOptions,
): { readonly key: string; readonly name: string; readonly first: Tensor }[] {
  return Object.entries(quantizer?.learned?.(initial) ?? {}).map(([key, first]) => {
    const own = `${name}.${key}`, found = known?.[own];
    if (found === undefined || found.data.length === first.length) return { key, name: own, first: found ?? tensor(first, [first.length]) };
    const hint = "Start without the numbers that another quantizer has learned.";
    throw new ShapeError("train", { where: own, got: found.shape, wanted: `shape [${first.length}] for ${quantizer!.kind}`, hint });
  });
}

/** Quantisation, if any, straight in the kernel layout, whose gaps are put back to 0. */
function inPlace(
  quantizer: WeightQuantizer | undefined,
  order: Int32Array,
  values: Float32Array,
  gradient: Float32Array,
  effective: Float32Array,
): Pick<Parameter, "refresh" | "pullBack"> {
  const real = new Uint8Array(values.length);
  for (const index of order) real[index] = 1;
  const gaps = Int32Array.from(real.keys().filter((index) => real[index] === 0));
  let state: unknown;
  return {
    refresh() {
      if (quantizer === undefined) return;
      state = quantizer.forward(values, effective);
      for (const gap of gaps) effective[gap] = 0;
    },
    pullBack() {
      for (const gap of gaps) gradient[gap] = 0;
      quantizer?.backward(gradient, values, state);
    },
  };
}

/** Quantisation of the values in the network's order, for methods that look at channels or at statistics of all weights. */
function inNetworkOrder(
  quantizer: WeightQuantizer,
  order: Int32Array,
  values: Float32Array,
  gradient: Float32Array,
  effective: Float32Array,
  shape: readonly number[],
  learned: Learned,
  slopes: Learned,
): Pick<Parameter, "refresh" | "pullBack"> {
  const weights = new Float32Array(order.length), work = new Float32Array(order.length);
  let state: unknown;
  return {
    refresh() {
      state = quantizer.forward(gather(values, order, weights), work, { shape, learned });
      for (let index = 0; index < order.length; index++) effective[order[index]!] = work[index]!;
    },
    pullBack() {
      gather(gradient, order, work);
      gradient.fill(0);
      quantizer.backward(work, weights, state, slopes);
      for (let index = 0; index < order.length; index++) gradient[order[index]!] = work[index]!;
    },
  };
}

function gather(from: Float32Array, order: Int32Array, to: Float32Array): Float32Array {
  for (let index = 0; index < order.length; index++) to[index] = from[order[index]!]!;
  return to;
}

/**
 * Convolutions lie as [kernel row][kernel column][in][out] with channels padded; `expand` > 1 makes grouped weights block-diagonal dense ones, and `blocked`, the
 * output channels per group, cuts them into {@linkcode outputBlocks}, each laid out like that.
 */
export function layoutOf(shape: readonly number[], expand: number, blocked?: number): Layout {
  if (shape.length < 2) return { length: padded(elements(shape)), position: (index) => index };
  const [out, depth, height, width] = [shape[0]!, shape[1]!, shape[2] ?? 1, shape[3] ?? 1];
  const rows = padded(depth * expand), columns = padded(out), perGroup = out / expand;
  const blocks = blocked === undefined ? undefined : blockOfChannel(blocked);
  return {
    length: height * width * rows * columns,
    position(index) {
      const kx = index % width, ky = Math.floor(index / width) % height;
      const c = Math.floor(index / (width * height)) % depth, o = Math.floor(index / (width * height * depth));
      const group = expand === 1 ? 0 : Math.floor(o / perGroup);
      const row = (ky * width + kx) * rows + group * depth + c;
      if (blocks === undefined) return row * columns + o;
      const lane = o % blocks.length, block = blocks[lane]!, first = o - lane + block.first;
      return first * height * width * rows + row * block.width + o - first;
    },
  };
}
