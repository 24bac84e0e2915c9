// A trainable tensor in the layout the kernels read, beside its gradient, momentum and fake-quantised copy.

import type { ThreadPool } from "../cpu/pool.ts";
import { elements, type Tensor, tensor } from "../tensor.ts";
import type { WeightQuantizer } from "../quantize/quantizer.ts";
import { padded } from "./value.ts";

/** Decides learning rate and decay: weights, batch-norm and bias terms, or clipping levels α. */
export type ParameterGroup = "weight" | "normalization" | "alpha";

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
  /** Fake quantiser, if any. */
  readonly quantizer: WeightQuantizer | undefined;
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
  /** Turns the gradient of the quantised copy into that of the values. */
  pullBack(): void;
}

/** Where element i of the network's tensor lies in the kernel layout, and how long that layout is. */
export interface Layout {
  readonly length: number;
  readonly position: (index: number) => number;
}

/** A parameter of any shape: convolution `[out, in / groups, kh, kw]`, linear `[out, in]`, or per channel. */
export function parameter(
  pool: ThreadPool,
  name: string,
  initial: Tensor,
  group: ParameterGroup,
  options: { readonly quantizer?: WeightQuantizer | undefined; readonly expand?: number } = {},
): Parameter {
  const { length, position } = layoutOf(initial.shape, options.expand ?? 1);
  const order = Int32Array.from({ length: initial.data.length }, (_, index) => position(index));
  const view = () => {
    const address = pool.allocate(length * 4), floats = pool.f32(address, length);
    floats.fill(0);
    return { address, floats };
  };
  const master = view(), gradient = view(), effective = options.quantizer === undefined ? master : view();
  const real = new Uint8Array(length);
  for (const index of order) real[index] = 1;
  const gaps = Int32Array.from(real.keys().filter((index) => real[index] === 0));
  let state: unknown;
  const self: Parameter = {
    name,
    group,
    values: master.floats,
    gradient: gradient.floats,
    momentum: new Float32Array(length),
    address: effective.address,
    gradientAddress: gradient.address,
    quantizer: options.quantizer,
    refresh() {
      if (options.quantizer === undefined) return;
      state = options.quantizer.forward(master.floats, effective.floats);
      for (const gap of gaps) effective.floats[gap] = 0;
    },
    pullBack() {
      for (const gap of gaps) gradient.floats[gap] = 0;
      options.quantizer?.backward(gradient.floats, master.floats, state);
    },
    read: (source = master.floats) => tensor(Float32Array.from(order, (index) => source[index]!), initial.shape),
    write(from, target = master.floats) {
      for (let index = 0; index < order.length; index++) target[order[index]!] = from.data[index]!;
    },
  };
  self.write(initial);
  return self;
}

/** Convolutions lie as [kernel row][kernel column][in][out] with channels padded; `expand` > 1 makes grouped weights block-diagonal dense ones. */
export function layoutOf(shape: readonly number[], expand: number): Layout {
  if (shape.length < 2) return { length: padded(elements(shape)), position: (index) => index };
  const [out, depth, height, width] = [shape[0]!, shape[1]!, shape[2] ?? 1, shape[3] ?? 1];
  const rows = padded(depth * expand), columns = padded(out), perGroup = out / expand;
  return {
    length: height * width * rows * columns,
    position(index) {
      const kx = index % width, ky = Math.floor(index / width) % height;
      const c = Math.floor(index / (width * height)) % depth, o = Math.floor(index / (width * height * depth));
      const group = expand === 1 ? 0 : Math.floor(o / perGroup);
      return ((ky * width + kx) * rows + group * depth + c) * columns + o;
    },
  };
}
