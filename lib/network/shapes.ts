// Shape inference, one rule per op: everything that allocates, maps or checks a network asks here what fits where.

import { GraphError, ShapeError } from "../errors.ts";
import { type Conv, INPUT, type Layer, type Network, type Pair, type Pool, type Shape } from "./graph.ts";

const ACTION = "infer shapes";

/**
 * Shape of every layer's output for one image, by layer name, {@linkcode INPUT} included.
 *
 * @throws {GraphError} if a name is used twice, or an input is unknown, comes later, or is one too many or too few.
 * @throws {ShapeError} if a layer does not fit its input. Either error names the layer.
 *
 * @example
 * ```ts
 * import { inferShapes, network } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const net = network({ name: "tiny", input: [8, 8, 3] }, (b) => {
 *   b.conv("conv1", { channels: 4, kernel: 3, padding: 1 });
 *   b.maxPool("pool1", { kernel: 2 });
 * });
 * assertEquals(inferShapes(net).get("pool1"), [4, 4, 4]);
 * ```
 */
export function inferShapes(network: Pick<Network, "input" | "layers">): ReadonlyMap<string, Shape> {
  if (network.input.length !== 3 || !network.input.every((extent) => Number.isInteger(extent) && extent > 0)) {
    throw new ShapeError(ACTION, { where: INPUT, got: network.input, wanted: "three positive integers: height, width, channels" });
  }
  const shapes = new Map<string, Shape>([[INPUT, network.input]]);
  const names = new Set(network.layers.map(({ name }) => name));
  for (const layer of network.layers) shapes.set(layer.name, placeLayer(layer, shapes, names));
  return shapes;
}

/**
 * Output shape of a layer put after those in `shapes`: checks its name and inputs, then applies {@linkcode outputShape}.
 * `names` are all names of the network, to tell an input that is unknown from one that comes too late.
 *
 * @throws {GraphError} if the name is taken or an input is not among `shapes`.
 * @throws {ShapeError} if the layer does not fit its input.
 */
export function placeLayer(layer: Layer, shapes: ReadonlyMap<string, Shape>, names?: ReadonlySet<string>): Shape {
  if (typeof layer.name !== "string" || layer.name === "") throw new GraphError(ACTION, { got: layer.name, wanted: "a layer name" });
  if (shapes.has(layer.name)) {
    throw new GraphError(ACTION, { where: layer.name, got: "a name already in use", wanted: "a unique layer name" });
  }
  const inputs = layer.inputs.map((input) => {
    const shape = shapes.get(input);
    if (shape !== undefined) return shape;
    const later = names?.has(input) ?? false;
    throw new GraphError(ACTION, {
      where: layer.name,
      got: input,
      wanted: "the name of an earlier layer as input",
      hint: later
        ? `Layer "${input}" exists but does not come before its reader.`
        : `Known so far: ${[...shapes.keys()].slice(-8).join(", ")}.`,
    });
  });
  return outputShape(layer, inputs);
}

/**
 * Output shape of one layer, given the shapes of its inputs.
 *
 * @throws {GraphError} if the number of inputs or the op is wrong.
 * @throws {ShapeError} if the layer does not fit its input.
 */
export function outputShape(layer: Layer, inputs: readonly Shape[]): Shape {
  const several = layer.op === "add" || layer.op === "concat";
  if (several ? inputs.length < 2 : inputs.length !== 1) {
    throw new GraphError(ACTION, {
      where: layer.name,
      got: `${inputs.length} inputs`,
      wanted: several ? `two or more for ${layer.op}` : `one for ${layer.op}`,
    });
  }
  const [height, width, channels] = inputs[0]!;
  switch (layer.op) {
    case "conv":
      return convShape(layer, inputs[0]!);
    case "linear":
      integers(layer.name, "features", [layer.features], 1);
      if (height !== 1 || width !== 1) {
        throw new ShapeError(ACTION, {
          where: layer.name,
          got: inputs[0],
          wanted: "[1, 1, in]",
          hint: "Put a flatten or a pool before it.",
        });
      }
      return [1, 1, layer.features];
    case "maxPool":
    case "averagePool":
      return poolShape(layer, inputs[0]!);
    case "globalAveragePool":
      return [1, 1, channels];
    case "flatten":
      return [1, 1, height * width * channels];
    case "add":
      for (const other of inputs) {
        if (other[0] !== height || other[1] !== width || other[2] !== channels) {
          throw new ShapeError(ACTION, { where: layer.name, got: inputs.map((shape) => `[${shape}]`).join(" + "), wanted: "equal shapes" });
        }
      }
      return [height, width, channels];
    case "concat":
      for (const other of inputs) {
        if (other[0] !== height || other[1] !== width) {
          throw new ShapeError(ACTION, {
            where: layer.name,
            got: inputs.map((shape) => `[${shape}]`).join(", "),
            wanted: "equal heights and widths",
          });
        }
      }
      return [height, width, inputs.reduce((sum, shape) => sum + shape[2], 0)];
    case "slice":
      integers(layer.name, "first", [layer.first], 0);
      integers(layer.name, "channels", [layer.channels], 1);
      if (layer.first + layer.channels > channels) {
        throw new ShapeError(ACTION, {
          where: layer.name,
          got: `channels ${layer.first} to ${layer.first + layer.channels - 1}`,
          wanted: `channels below ${channels}`,
        });
      }
      return [height, width, layer.channels];
    case "shuffle":
      integers(layer.name, "groups", [layer.groups], 1);
      if (channels % layer.groups !== 0) {
        throw new ShapeError(ACTION, { where: layer.name, got: `${channels} channels`, wanted: `a multiple of groups = ${layer.groups}` });
      }
      return [height, width, channels];
    case "batchNorm":
    case "relu":
    case "softmax":
      return [height, width, channels];
    default:
      throw new GraphError(ACTION, { where: (layer as Layer).name, got: (layer as Layer).op, wanted: "a known op" });
  }
}

/**
 * Positions a window takes along one axis: ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, at most 0 if it does not fit.
 */
export function windowCount(size: number, kernel: number, stride: number, padding: number, dilation = 1): number {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** Input channel that a shuffle over `groups` puts at output channel `channel` of `channels`. */
export function shuffled(channel: number, channels: number, groups: number): number {
  return (channel % groups) * (channels / groups) + Math.floor(channel / groups);
}

function convShape(layer: Conv, input: Shape): Shape {
  integers(layer.name, "channels", [layer.channels], 1);
  integers(layer.name, "groups", [layer.groups], 1);
  window(layer.name, layer);
  integers(layer.name, "dilation", layer.dilation, 1, 2);
  for (const [what, count] of [["input channels", input[2]], ["output channels", layer.channels]] as const) {
    if (count % layer.groups !== 0) {
      throw new ShapeError(ACTION, { where: layer.name, got: `${count} ${what}`, wanted: `a multiple of groups = ${layer.groups}` });
    }
  }
  return [...positions(layer.name, input, layer, layer.dilation), layer.channels];
}

function poolShape(layer: Pool, input: Shape): Shape {
  window(layer.name, layer);
  if (layer.padding[0] >= layer.kernel[0] || layer.padding[1] >= layer.kernel[1]) {
    throw new ShapeError(ACTION, { where: layer.name, got: layer.padding, wanted: `padding smaller than the window, [${layer.kernel}]` });
  }
  return [...positions(layer.name, input, layer, [1, 1]), input[2]];
}

type Window = Pick<Conv, "kernel" | "stride" | "padding">;

function window(name: string, { kernel, stride, padding }: Window): void {
  integers(name, "kernel", kernel, 1, 2);
  integers(name, "stride", stride, 1, 2);
  integers(name, "padding", padding, 0, 2);
}

function positions(name: string, input: Shape, { kernel, stride, padding }: Window, dilation: Pair): Pair {
  const rows = windowCount(input[0], kernel[0], stride[0], padding[0], dilation[0]);
  const columns = windowCount(input[1], kernel[1], stride[1], padding[1], dilation[1]);
  if (rows < 1 || columns < 1) {
    const span = kernel.map((size, axis) => dilation[axis]! * (size - 1) + 1);
    throw new ShapeError(ACTION, {
      where: name,
      got: `a window of [${span}] pixels`,
      wanted: `at most the padded input, [${input[0] + 2 * padding[0]},${input[1] + 2 * padding[1]}]`,
    });
  }
  return [rows, columns];
}

function integers(name: string, field: string, values: readonly number[], least: number, count = 1): void {
  if (!Array.isArray(values) || values.length !== count || !values.every((value) => Number.isSafeInteger(value) && value >= least)) {
    const kind = `integer${count === 1 ? "" : "s"} of at least ${least}`;
    throw new ShapeError(ACTION, {
      where: `${name}.${field}`,
      got: count === 1 ? values[0] : values,
      wanted: count === 1 ? `an ${kind}` : `two ${kind}`,
    });
  }
}
