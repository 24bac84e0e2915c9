// Nodes that move no numbers, or only whole channels: flatten, reshape, transpose, split, concat, and the shuffle that exporters write as three nodes.

import type { Shape } from "../../../network/graph.ts";
import { elements } from "../../../tensor.ts";
import {
  type Activation,
  activationOf,
  addLayer,
  constantOf,
  dimsOf,
  imageOf,
  type NodeContext,
  type Value,
  type View,
} from "../context.ts";
import { type Constant } from "../constant.ts";
import { axesOf, resolveShape } from "../constant_ops.ts";
import { DATA_TYPE } from "../schema.ts";

/** Constants among the inputs, for helpers that take only these. */
function constants(node: NodeContext): (Constant | undefined)[] {
  return node.inputs.map((each) => each?.kind === "constant" ? each : undefined);
}

/** An image as a list of features. */
export function flatten(node: NodeContext, input: Activation): Activation {
  const shape = node.graph.shapes.get(input.layer)!, { kind } = input.view;
  if (kind === "flat") return input;
  if (kind !== "nchw" && kind !== "nhwc") return node.refuse(`a value of shape [${dimsOf(node, input)}]`, "an image");
  const view: View = { kind: "flat", order: kind === "nchw" ? "chw" : "hwc", from: shape };
  if (shape[0] * shape[1] === 1) return { kind: "activation", layer: input.layer, view };
  return { kind: "activation", layer: addLayer(node, { op: "flatten", name: node.name, inputs: [input.layer] }), view };
}

/** Flatten from the second axis on. */
export function flattenNode(node: NodeContext): Activation {
  const input = activationOf(node, 0), rank = dimsOf(node, input).length, axis = node.attributes.integer("axis", 1);
  if (axis !== 1 && axis !== 1 - rank) return node.refuse(`axis ${axis}`, "1: one row per image");
  return flatten(node, input);
}

/** Reshape to a known shape. */
export function reshape(node: NodeContext): Activation {
  const input = activationOf(node, 0), dims = dimsOf(node, input), target = constantOf(node, 1, "extents");
  return reshaped(node, input, resolveShape(dims, Array.from(target.data), node.refuse, node.attributes.integer("allowzero", 0) === 1));
}

/** The same numbers under other extents. */
function reshaped(node: NodeContext, input: Activation, to: readonly number[]): Activation {
  const dims = dimsOf(node, input), { view, layer } = input, shape = node.graph.shapes.get(layer)!;
  const unsupported = () => node.refuse(`a reshape from [${dims}] to [${to}]`, "a flatten, or a channel shuffle");
  if (to.length === dims.length && to.every((extent, axis) => extent === dims[axis])) return input;
  if (to[0] !== node.graph.batch) return unsupported();
  if (to.length === 2) return flatten(node, input);
  const [height, width, channels] = shape, image = to.length === 4 && to[1] === channels && to[2] === height && to[3] === width;
  if (view.kind === "nchw" && to.length === 5 && to[1]! * to[2]! === channels && to[3] === height && to[4] === width) {
    return { kind: "activation", layer, view: { kind: "groups", groups: to[1]! } };
  }
  if (view.kind === "groups" && image) return { kind: "activation", layer, view: { kind: "nchw" } };
  if (view.kind === "dealt" && image) {
    const dealt = addLayer(node, { op: "shuffle", name: node.name, inputs: [layer], groups: view.groups });
    return { kind: "activation", layer: dealt, view: { kind: "nchw" } };
  }
  if (view.kind === "flat" && image && elements(shape) === channels && view.from[0] * view.from[1] === 1) {
    return { kind: "activation", layer, view: { kind: "nchw" } };
  }
  return unsupported();
}

/** Squeeze and Unsqueeze: axes of one element away or in. */
export function squeeze(node: NodeContext): Activation {
  const input = activationOf(node, 0), dims = dimsOf(node, input), away = node.op === "Squeeze";
  const axes = axesOf({ inputs: constants(node), attributes: node.attributes }, dims.length);
  if (away) {
    return reshaped(
      node,
      input,
      dims.filter((extent, axis) => axes === undefined ? extent !== 1 || axis === 0 : !axes.includes(axis)),
    );
  }
  const given = axes ?? node.refuse("no axes", "axes"), rank = dims.length + given.length, rest = [...dims];
  const places = axesOf({ inputs: constants(node), attributes: node.attributes }, rank)!;
  return reshaped(node, input, Array.from({ length: Math.min(rank, 8) }, (_, axis) => places.includes(axis) ? 1 : rest.shift() ?? 0));
}

/** Transpose between channels first and last, or within a shuffle. */
export function transpose(node: NodeContext): Activation {
  const input = activationOf(node, 0), order = (node.attributes.integers("perm") ?? []).join(), { view, layer } = input;
  if (view.kind === "nchw" && order === "0,2,3,1") return { kind: "activation", layer, view: { kind: "nhwc" } };
  if (view.kind === "nhwc" && order === "0,3,1,2") return { kind: "activation", layer, view: { kind: "nchw" } };
  if (view.kind === "groups" && order === "0,2,1,3,4") return { kind: "activation", layer, view: { kind: "dealt", groups: view.groups } };
  if (order === dimsOf(node, input).map((_, axis) => axis).join()) return input;
  return node.refuse(`perm [${order}] of [${dimsOf(node, input)}]`, "an exchange of channels first and last, or a channel shuffle");
}

/** Channel axis of a value, with the shape of its layer. Flat values in another order than ONNX's are refused. */
function channelAxis(
  node: NodeContext,
  { layer, view }: Activation,
): { readonly axis: number; readonly shape: Shape; readonly rank: number } {
  const shape = node.graph.shapes.get(layer)!;
  if (view.kind === "nchw") return { axis: 1, shape, rank: 4 };
  if (view.kind === "nhwc") return { axis: 3, shape, rank: 4 };
  if (view.kind === "flat" && (view.order === "hwc" || view.from[0] * view.from[1] === 1)) return { axis: 1, shape, rank: 2 };
  return node.refuse("a flattened image", "an image, or features that are no image", "Do this before the flatten.");
}

/** Concat over channels. */
export function concat(node: NodeContext): Activation {
  const inputs = node.inputs.map((_, index) => activationOf(node, index)), first = inputs[0]!;
  const { axis, rank } = channelAxis(node, first), given = node.attributes.integer("axis", 1);
  if ((given < 0 ? given + rank : given) !== axis) return node.refuse(`axis ${given}`, `${axis}, that of the channels`);
  if (inputs.some((each) => each.view.kind !== first.view.kind || channelAxis(node, each).axis !== axis)) {
    return node.refuse("inputs laid out differently", "one layout");
  }
  if (inputs.length === 1) return first;
  const layer = addLayer(node, { op: "concat", name: node.name, inputs: inputs.map(({ layer }) => layer) });
  const view: View = first.view.kind === "flat" ? { kind: "flat", order: "chw", from: node.graph.shapes.get(layer)! } : first.view;
  return { kind: "activation", layer, view };
}

function part(node: NodeContext, input: Activation, first: number, channels: number, name = node.name): Activation {
  const layer = addLayer(node, { op: "slice", name, inputs: [input.layer], first, channels });
  return {
    kind: "activation",
    layer,
    view: input.view.kind === "flat" ? { kind: "flat", order: "chw", from: [1, 1, channels] } : input.view,
  };
}

/** Slice of channels. */
export function slice(node: NodeContext): Activation {
  const input = activationOf(node, 0), { axis, shape, rank } = channelAxis(node, input), dims = dimsOf(node, input);
  const list = (index: number, what: string) => Array.from(constantOf(node, index, what).data);
  const starts = list(1, "starts"), ends = list(2, "ends");
  const axes = node.inputs[3] === undefined ? starts.map((_, at) => at) : list(3, "axes").map((each) => each < 0 ? each + rank : each);
  if (node.inputs[4] !== undefined && list(4, "steps").some((step) => step !== 1)) return node.refuse("steps other than 1", "steps of 1");
  let result = input;
  for (const [at, along] of axes.entries()) {
    const extent = dims[along] ?? node.refuse(`axis ${along}`, `an axis below ${rank}`);
    const clamp = (to: number) => Math.min(Math.max(to < 0 ? to + extent : to, 0), extent),
      start = clamp(starts[at]!),
      end = clamp(ends[at]!);
    if (start === 0 && end === extent) continue;
    if (along !== axis || result !== input) return node.refuse(`elements ${start} to ${end} of axis ${along}`, "a range of channels");
    if (!(end > start)) return node.refuse(`channels ${start} to ${end} of ${shape[2]}`, "at least one channel");
    result = part(node, input, start, end - start);
  }
  return result;
}

/** Split into ranges of channels. */
export function split(node: NodeContext): Activation[] {
  const input = activationOf(node, 0),
    { axis, shape, rank } = channelAxis(node, input),
    given = node.attributes.integer("axis", 0),
    count = node.outputs.length;
  if ((given < 0 ? given + rank : given) !== axis) return node.refuse(`axis ${given}`, `${axis}, that of the channels`);
  const listed = node.attributes.integers("split") ??
    (node.inputs[1] === undefined ? undefined : Array.from(constantOf(node, 1, "extents").data));
  const each = Math.ceil(shape[2] / count);
  const sizes = listed ?? Array.from({ length: count }, (_, at) => Math.min(each, shape[2] - at * each));
  if (sizes.length !== count || sizes.some((size) => !(size > 0)) || sizes.reduce((sum, size) => sum + size, 0) !== shape[2]) {
    return node.refuse(`parts of ${sizes} channels`, `${count} parts of ${shape[2]} together`);
  }
  let first = 0;
  return sizes.map((size, at) => {
    const made = part(node, input, first, size, at === 0 ? node.name : `${node.name}.part${at + 1}`);
    first += size;
    return made;
  });
}

/** Pad with zeros, kept for the convolution that follows. */
export function pad(node: NodeContext): Activation {
  const input = activationOf(node, 0), mode = node.attributes.text("mode", "constant");
  const pads = Array.from(constantOf(node, 1, "pads").data),
    value = node.inputs[2] === undefined ? 0 : constantOf(node, 2, "value").data[0] ?? 0;
  const axes = node.inputs[3] === undefined
    ? pads.slice(0, pads.length / 2).map((_, axis) => axis)
    : Array.from(constantOf(node, 3, "axes").data);
  if (pads.every((extent) => extent === 0)) return input;
  imageOf(node, input);
  if (mode !== "constant" || value !== 0) return node.refuse(`padding by ${mode === "constant" ? value : mode}`, "zeros");
  const around: [number, number, number, number] = [0, 0, 0, 0];
  for (const [at, given] of axes.entries()) {
    const axis = given < 0 ? given + 4 : given, before = pads[at] ?? 0, after = pads[at + axes.length] ?? 0;
    if (before === 0 && after === 0) continue;
    if (axis < 2 || before < 0 || after < 0) return node.refuse(`padding [${pads}]`, "zeros around height and width");
    around[axis - 2] = before;
    around[axis] = after;
  }
  return { ...input, pad: around };
}

/** GlobalAveragePool, and ReduceMean over height and width. */
export function globalMean(node: NodeContext): Activation {
  const input = activationOf(node, 0);
  imageOf(node, input);
  if (node.op === "ReduceMean") {
    const axes = axesOf({ inputs: constants(node), attributes: node.attributes }, 4);
    if (axes === undefined || [...axes].sort().join() !== "2,3") {
      return node.refuse(`a mean over axes [${axes ?? "all"}]`, "height and width: axes [2,3]");
    }
  }
  const layer = addLayer(node, { op: "globalAveragePool", name: node.name, inputs: [input.layer] }), shape = node.graph.shapes.get(layer)!;
  const keep = node.op !== "ReduceMean" || node.attributes.integer("keepdims", 1) === 1;
  return { kind: "activation", layer, view: keep ? { kind: "nchw" } : { kind: "flat", order: "chw", from: shape } };
}

/** Shape of an activation: known, as images have one shape. */
export function shapeOf(node: NodeContext): Value {
  const value = node.inputs[0]!, dims = value.kind === "constant" ? value.dims : dimsOf(node, value);
  const index = (name: string, otherwise: number) => {
    const at = node.attributes.integer(name, otherwise);
    return at < 0 ? at + dims.length : at;
  };
  const part = dims.slice(index("start", 0), index("end", dims.length));
  return { kind: "constant", dims: [part.length], data: Float64Array.from(part), type: DATA_TYPE.int64 };
}
