// Convolutions and pools: windows as ONNX has them, with padding that differs between sides carried over where that is exact.

import { windowCount } from "../../../network/shapes.ts";
import type { Pair, Pool } from "../../../network/graph.ts";
import { elements, tensor } from "../../../tensor.ts";
import { type Activation, activationOf, addLayer, constantOf, imageOf, type NodeContext, vector } from "../context.ts";
import { trainedCodes } from "./codes.ts";

/** A window with padding by side. */
interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  /** Positions along each axis. */
  readonly count: Pair;
}

const MOST = 2 ** 20;

function windowOf(node: NodeContext, input: Activation, kernel: readonly number[]): Window {
  const { attributes } = node, [height, width] = imageOf(node, input);
  const list = (name: string, otherwise: readonly number[]): number[] => {
    const found = attributes.integers(name) ?? otherwise;
    if (found.length === otherwise.length && found.every((each) => Number.isInteger(each) && each >= 0 && each <= MOST)) return [...found];
    return node.refuse(`${name} [${found}]`, `${otherwise.length} integers from 0 to ${MOST}: images have two axes`);
  };
  const stride = list("strides", [1, 1]), dilation = list("dilations", [1, 1]), size = list("kernel_shape", kernel);
  if ([...stride, ...dilation, ...size].some((each) => each < 1)) return node.refuse("a kernel, stride or dilation of 0", "at least 1");
  if (kernel.some((extent, axis) => extent > 0 && extent !== size[axis])) {
    return node.refuse(`kernel_shape [${size}]`, `[${kernel}], that of the weights`);
  }
  const around = input.pad ?? [0, 0, 0, 0], sizes = [height, width] as const, auto = attributes.text("auto_pad", "NOTSET");
  let pads = list("pads", [0, 0, 0, 0]);
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
    const totals = sizes.map((extent, axis) => {
      const outer = extent + around[axis]! + around[axis + 2]!;
      return Math.max(0, (Math.ceil(outer / stride[axis]!) - 1) * stride[axis]! + dilation[axis]! * (size[axis]! - 1) + 1 - outer);
    });
    const less = totals.map((total) => Math.floor(total / 2)), more = totals.map((total) => Math.ceil(total / 2));
    pads = auto === "SAME_UPPER" ? [...less, ...more] : [...more, ...less];
  } else if (auto === "VALID") pads = [0, 0, 0, 0];
  else if (auto !== "NOTSET") return node.refuse(`auto_pad ${auto}`, "NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  pads = pads.map((extent, side) => extent + around[side]!);
  const up = attributes.integer("ceil_mode", 0) === 1;
  const count = sizes.map((extent, axis) => {
    const room = extent + pads[axis]! + pads[axis + 2]! - dilation[axis]! * (size[axis]! - 1) - 1, steps = room / stride[axis]!;
    const all = (up ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window must begin inside the image or the padding before it.
    return up && (all - 1) * stride[axis]! >= extent + pads[axis]! ? all - 1 : all;
  });
  if (count.some((each) => each < 1)) return node.refuse(`a window of [${size}] over [${sizes}]`, "a window that fits the padded image");
  return { kernel: size, stride, dilation, pads, count } as unknown as Window;
}

/** The same positions with equal padding on both sides of an axis; the first taps of a wider kernel are zero. */
interface Even {
  readonly padding: number;
  /** Zero taps before and after those of the kernel. */
  readonly before: number;
  readonly after: number;
}

/**
 * Positions start at −(padding before). Where padding differs, zero taps before the kernel move its start, and zero taps after it take away positions that
 * should not be there: either is exact.
 */
function evenPadding(size: number, axis: 0 | 1, { kernel, stride, dilation, pads, count }: Window, widen: boolean): Even | undefined {
  const [taps, step, spread, start] = [kernel[axis], stride[axis], dilation[axis], pads[axis]!];
  for (let before = 0; before <= (widen ? taps + step : 0); before++) {
    const padding = start + before * spread;
    for (let after = 0; after <= (widen ? taps + step : 0); after++) {
      if (windowCount(size, taps + before + after, step, padding, spread) === count[axis]) return { padding, before, after };
    }
  }
  return undefined;
}

/** Conv with constant weights. */
export function conv(node: NodeContext): Activation {
  const input = activationOf(node, 0), [height, width, channels] = imageOf(node, input), weights = constantOf(node, 1, "weights");
  if (weights.dims.length !== 4) return node.refuse(`weights of shape [${weights.dims}]`, "[out, in / group, height, width]");
  const [out, each, rows, columns] = weights.dims as [number, number, number, number], groups = node.attributes.integer("group", 1);
  if (!(groups >= 1) || each * groups !== channels) {
    return node.refuse(`weights of shape [${weights.dims}], ${groups} groups`, `${channels} input channels`);
  }
  const window = windowOf(node, input, [rows, columns]);
  const vertical = evenPadding(height, 0, window, true), horizontal = evenPadding(width, 1, window, true);
  if (vertical === undefined || horizontal === undefined) {
    return node.refuse(`padding [${window.pads}]`, "padding that equal sides and a wider kernel can stand for");
  }
  const bias = node.inputs[2] === undefined ? undefined : constantOf(node, 2, "biases");
  if (bias !== undefined && bias.data.length !== out) return node.refuse(`${bias.data.length} biases`, `${out}`);
  const kernel: Pair = [vertical.before + rows + vertical.after, horizontal.before + columns + horizontal.after];
  const shape = [out, each, ...kernel], same = kernel[0] === rows && kernel[1] === columns;
  if (elements(shape) > node.graph.limits.elements) {
    return node.refuse(`weights of shape [${shape}]`, `at most ${node.graph.limits.elements} elements`);
  }
  const widen = <T extends Float32Array | Int32Array>(from: T, to: T): T => {
    for (let plane = 0; plane < out * each; plane++) {
      for (let row = 0; row < rows; row++) {
        const source = (plane * rows + row) * columns;
        to.set(from.subarray(source, source + columns), (plane * kernel[0] + vertical.before + row) * kernel[1] + horizontal.before);
      }
    }
    return to;
  };
  const values = new Float32Array(weights.data), data = same ? values : widen(values, new Float32Array(elements(shape)));
  if (!same) {
    node.graph.note(`${node.where}: a kernel of [${rows},${columns}] became [${kernel}] with zero taps, for padding [${window.pads}]`);
  }
  const codes = weights.codes === undefined || same
    ? weights.codes
    : { ...weights.codes, data: widen(weights.codes.data, new Int32Array(data.length)) };
  const layer = addLayer(node, {
    op: "conv",
    name: node.name,
    inputs: [input.layer],
    channels: out,
    kernel,
    stride: window.stride,
    padding: [vertical.padding, horizontal.padding],
    dilation: window.dilation,
    groups,
    bias: bias !== undefined,
  }, { weight: tensor(data, shape), ...(bias === undefined ? {} : { bias: vector(bias.data) }) });
  if (codes !== undefined) trainedCodes(node, layer, codes, shape);
  return { kind: "activation", layer, view: { kind: "nchw" } };
}

/** MaxPool and AveragePool. */
export function pool(node: NodeContext): Activation {
  const input = activationOf(node, 0),
    [height, width] = imageOf(node, input),
    op: Pool["op"] = node.op === "MaxPool" ? "maxPool" : "averagePool";
  if (node.attributes.integers("kernel_shape") === undefined) return node.refuse("no kernel_shape", "the window's extent");
  const window = windowOf(node, input, [0, 0]), { kernel, stride, dilation, pads } = window;
  if (dilation.some((each) => each !== 1)) return node.refuse(`dilations [${dilation}]`, "dense windows");
  if (op === "averagePool" && node.attributes.integer("count_include_pad", 0) === 1 && pads.some((extent) => extent > 0)) {
    return node.refuse(
      "padded zeros counted in a mean",
      "count_include_pad 0",
      "Export the pool with count_include_pad=False, or without padding.",
    );
  }
  const vertical = evenPadding(height, 0, window, false), horizontal = evenPadding(width, 1, window, false);
  if (vertical === undefined || horizontal === undefined) {
    return node.refuse(
      `padding [${pads}]${node.attributes.integer("ceil_mode", 0) === 1 ? " with ceil_mode" : ""}`,
      "windows that equal padding on both sides gives",
    );
  }
  if ((node.outputs[1] ?? "") !== "") return node.refuse("a second output", "the maxima only");
  const layer = addLayer(node, {
    op,
    name: node.name,
    inputs: [input.layer],
    kernel,
    stride,
    padding: [vertical.padding, horizontal.padding],
  });
  return { kind: "activation", layer, view: { kind: "nchw" } };
}
