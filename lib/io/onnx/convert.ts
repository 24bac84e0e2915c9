// Walks the nodes of a graph once, in their order, and makes layers of them.

import { BitlineError, FileError, GraphError } from "../../errors.ts";
import { INPUT, type Layer, type Network, type Shape } from "../../network/graph.ts";
import { elements } from "../../tensor.ts";
import { attributesOf } from "./attributes.ts";
import { type Constant, type ExternalData, readConstant } from "./constant.ts";
import { computeConstant } from "./constant_ops.ts";
import { type Activation, type GraphContext, layerNames, type NodeContext, refuseNode, type Value } from "./context.ts";
import type { FilledLimits } from "./limits.ts";
import { gemm, matmul } from "./rules/dense.ts";
import { arithmetic, batchNorm, clip, dequantizeActivation, dropout, quantizeActivation, relu, softmax, sum } from "./rules/elements.ts";
import { concat, flattenNode, globalMean, pad, reshape, shapeOf, slice, split, squeeze, transpose } from "./rules/shapes.ts";
import { conv, pool } from "./rules/windows.ts";
import type { OnnxDimension, OnnxGraph, OnnxModel, OnnxTensorType, OnnxValueInfo } from "./schema.ts";
import { activationOf } from "./context.ts";

const rules: Readonly<Record<string, (node: NodeContext) => Value | readonly Value[]>> = {
  Add: arithmetic,
  AveragePool: pool,
  BatchNormalization: batchNorm,
  Cast: (node) => activationOf(node, 0),
  Clip: clip,
  Concat: concat,
  Conv: conv,
  DequantizeLinear: dequantizeActivation,
  Div: arithmetic,
  Dropout: dropout,
  Flatten: flattenNode,
  Gemm: gemm,
  GlobalAveragePool: globalMean,
  Identity: (node) => activationOf(node, 0),
  MatMul: matmul,
  MaxPool: pool,
  Mul: arithmetic,
  Pad: pad,
  QuantizeLinear: quantizeActivation,
  ReduceMean: globalMean,
  Relu: relu,
  Reshape: reshape,
  Shape: shapeOf,
  Slice: slice,
  Softmax: softmax,
  Split: split,
  Squeeze: squeeze,
  Sub: arithmetic,
  Sum: (node) => sum(node),
  Transpose: transpose,
  Unsqueeze: squeeze,
};

/** Operations that may read activations. */
export const ONNX_OPERATIONS: readonly string[] = Object.keys(rules);

/** Versions of the operator set that are read. */
export const OPSETS = { least: 11, most: 20 } as const;

/** What a graph is converted with. */
export interface Conversion {
  /** Height, width and channels, where the file leaves them open. */
  readonly input: Shape | undefined;
  /** Bounds. */
  readonly limits: FilledLimits;
  /** Data in other files. */
  readonly external: ExternalData;
  /** Tells what was left out. */
  readonly note: (text: string) => void;
}

const ACTION = "import an ONNX graph";

/**
 * Turns a graph into a network whose input are the file's own numbers.
 *
 * @throws {GraphError} naming the node that cannot be carried over.
 * @throws {FileError} if a constant is damaged.
 */
export function convertGraph(model: OnnxModel, name: string, conversion: Conversion): Omit<Network, "encoding"> {
  const { graph } = model;
  if (graph === undefined) throw new FileError("read an ONNX file", { got: "no graph", wanted: "a model" });
  const opset = opsetOf(model), { limits, note } = conversion;
  const values = new Map<string, Value>();
  for (const tensor of graph.initializer) values.set(tensor.name, readConstant(tensor, limits.elements, conversion.external));
  if (graph.sparseInitializer.length > 0) throw new GraphError(ACTION, { got: "sparse constants", wanted: "dense ones" });
  const { info, shape, batch, last } = imageInput(graph, conversion.input);
  if (!(elements(shape) <= limits.activation)) {
    throw new GraphError(ACTION, { where: info.name, got: `an image of shape [${shape}]`, wanted: `at most ${limits.activation} numbers` });
  }
  const context: GraphContext = { layers: new Map(), shapes: new Map([[INPUT, shape]]), parameters: {}, codes: {}, limits, batch, note };
  values.set(info.name, { kind: "activation", layer: INPUT, view: last, sole: true });

  const uses = new Map<string, number>(), use = (value: string) => uses.set(value, (uses.get(value) ?? 0) + 1);
  graph.node.forEach(({ input }) => input.forEach(use));
  graph.output.forEach((output) => use(output.name));
  const nameOf = layerNames();
  graph.node.forEach((node, index) => {
    const where = `node ${index + 1}${node.name === "" ? "" : ` ${JSON.stringify(node.name)}`} (${node.opType})`,
      refuse = refuseNode(where);
    if (node.domain !== "" && node.domain !== "ai.onnx") return refuse(`domain ${node.domain}`, "operations of ONNX itself");
    const inputs = node.input.map((input) => {
      if (input === "") return undefined;
      return values.get(input) ?? refuse(`input ${JSON.stringify(input)}`, "a value made before it");
    });
    const attributes = attributesOf(node, where, limits.elements), { opType: op, output: outputs } = node;
    let made: Value | readonly Value[] | undefined;
    try {
      if (op === "Constant") made = constantNode(attributes, refuse);
      else if (inputs.every((each) => each?.kind !== "activation")) {
        made = computeConstant({ op, inputs: inputs as (Constant | undefined)[], attributes, most: limits.elements, refuse });
      }
      if (made === undefined && Object.hasOwn(rules, op)) {
        const stem = inputs.slice(1).map((each) => each?.kind === "constant" ? each.name : undefined).find((each) =>
          /\.[a-z_]+$/i.test(each ?? "")
        );
        const weights = op === "Conv" || op === "Gemm" || op === "MatMul" || op === "BatchNormalization"
          ? stem?.replace(/\.[a-z_]+$/i, "")
          : undefined;
        const fresh = nameOf([weights, moduleName(node.name), node.name, outputs[0]], op);
        made = rules[op]!({ op, where, opset, inputs, outputs, attributes, name: fresh, graph: context, refuse });
      }
    } catch (cause) {
      if (cause instanceof BitlineError && (cause.where ?? "").startsWith("node ")) throw cause;
      if (!(cause instanceof BitlineError)) throw cause;
      throw new GraphError(ACTION, { where, got: cause.message, wanted: "a node that fits its inputs", cause });
    }
    if (made === undefined) return refuse(`operation ${op}`, `one of ${ONNX_OPERATIONS.join(", ")}`, "Export the network without it.");
    (Array.isArray(made) ? made as Value[] : [made as Value]).forEach((value, at) => {
      const output = outputs[at];
      if (output !== undefined && output !== "") values.set(output, withUse(value, inputs, uses.get(output) ?? 0));
    });
  });
  const layers = upTo(context, output(graph, values, context));
  const known = new Set(layers.map((layer) => layer.name)), owner = (parameter: string) => parameter.slice(0, parameter.lastIndexOf("."));
  const kept = <T>(all: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(all).filter(([parameter]) => known.has(owner(parameter))));
  const codes = kept(context.codes);
  return {
    kind: "network",
    name,
    input: shape,
    layers,
    parameters: kept(context.parameters),
    ...(Object.keys(codes).length === 0 ? {} : { codes }),
  };
}

/** Notes whether a value is the only one that shows its layer, and read once. */
function withUse(value: Value, inputs: readonly (Value | undefined)[], uses: number): Value {
  if (value.kind === "constant") return value;
  const before = inputs.find((each): each is Activation => each?.kind === "activation" && each.layer === value.layer);
  return { ...value, sole: uses === 1 && (before?.sole ?? true) };
}

/** Module that a node of PyTorch's exporter comes from: "/layer1/layer1.0/conv1/Conv" is layer1.0.conv1, as in its state dict. */
function moduleName(node: string): string | undefined {
  const scopes = node.split("/").slice(1, -1), parts: string[] = [];
  for (const scope of scopes) {
    const last = parts.at(-1);
    if (last !== undefined && scope.startsWith(`${last}.`)) parts[parts.length - 1] = scope;
    else parts.push(scope);
  }
  return parts.length === 0 ? undefined : parts.join(".");
}

function opsetOf({ opsetImport }: OnnxModel): number {
  const found = opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  const version = Number(found?.version ?? 0);
  if (version >= OPSETS.least && version <= OPSETS.most) return version;
  throw new GraphError(ACTION, {
    where: "opset",
    got: found === undefined ? "none" : version,
    wanted: `${OPSETS.least} to ${OPSETS.most}`,
    hint: "Export the network with opset_version=17, or convert the file with onnx.version_converter.",
  });
}

function constantNode(attributes: NodeContext["attributes"], refuse: NodeContext["refuse"]): Constant {
  const tensor = attributes.tensor("value");
  if (tensor !== undefined) return tensor;
  const ints = attributes.integers("value_ints"), reals = attributes.reals("value_floats");
  if (ints !== undefined) return { kind: "constant", dims: [ints.length], data: Float64Array.from(ints), type: 7 };
  if (reals !== undefined) return { kind: "constant", dims: [reals.length], data: Float32Array.from(reals), type: 1 };
  const real = attributes.real("value_float", NaN), whole = attributes.integer("value_int", NaN);
  if (!Number.isNaN(real)) return { kind: "constant", dims: [], data: Float32Array.of(real), type: 1 };
  if (!Number.isNaN(whole)) return { kind: "constant", dims: [], data: Float64Array.of(whole), type: 7 };
  return refuse("a constant without numbers", "value, value_float, value_floats, value_int or value_ints");
}

/** The one input that is no constant, as an image. */
function imageInput(
  graph: OnnxGraph,
  given: Shape | undefined,
): { info: OnnxValueInfo; shape: Shape; batch: number; last: Activation["view"] } {
  const constants = new Set(graph.initializer.map(({ name }) => name)), open = graph.input.filter(({ name }) => !constants.has(name));
  const [info] = open;
  if (info === undefined || open.length > 1) {
    throw new GraphError(ACTION, { where: "inputs", got: open.map(({ name }) => name), wanted: "one: the images" });
  }
  const type = info.type?.value.case === "tensorType" ? info.type.value.value as OnnxTensorType : undefined,
    dims = (type?.shape?.dim ?? []).map(extent);
  const first = graph.node.find(({ input }) => input.includes(info.name));
  const channelsLast = first?.opType === "Transpose" && first.attribute.find(({ name }) => name === "perm")?.ints.join() === "0,3,1,2";
  const wanted = "[n, channels, height, width], or [n, features]";
  if (dims.length !== 4 && dims.length !== 2 && !(dims.length === 0 && given !== undefined)) {
    throw new GraphError(ACTION, { where: info.name, got: `an input of ${dims.length} axes`, wanted });
  }
  const found = dims.length === 2 ? [1, 1, dims[1]] : channelsLast ? dims.slice(1) : [dims[2], dims[3], dims[1]];
  const shape = found.map((each, axis) => each ?? given?.[axis]);
  if (given !== undefined && shape.some((each, axis) => each !== given[axis])) {
    throw new GraphError(ACTION, { where: info.name, got: `images of shape [${shape}]`, wanted: `[${given}], as the option input says` });
  }
  if (shape.some((each) => each === undefined || !Number.isSafeInteger(each) || each < 1)) {
    throw new GraphError(ACTION, {
      where: info.name,
      got: `extents [${dims.map((each) => each ?? "?")}]`,
      wanted,
      hint: "Give the option input: [height, width, channels].",
    });
  }
  const sizes = shape as unknown as Shape, batch = dims[0] ?? 1;
  const view: Activation["view"] = dims.length === 2
    ? { kind: "flat", order: "chw", from: sizes }
    : { kind: channelsLast ? "nhwc" : "nchw" };
  return { info, shape: sizes, batch: Number.isSafeInteger(batch) && batch > 0 ? batch : 1, last: view };
}

function extent({ value }: OnnxDimension): number | undefined {
  return value.case === "dimValue" && value.value > 0n ? Number(value.value) : undefined;
}

/** Layer of the graph's one output. */
function output(graph: OnnxGraph, values: ReadonlyMap<string, Value>, { shapes }: GraphContext): string {
  const names = graph.output.map(({ name }) => name), value = values.get(names[0] ?? "");
  if (names.length !== 1) throw new GraphError(ACTION, { where: "outputs", got: names, wanted: "one: the classes" });
  if (value?.kind !== "activation" || value.layer === INPUT) {
    throw new GraphError(ACTION, { where: names[0]!, got: "an output that no layer makes", wanted: "a network" });
  }
  const [height, width] = shapes.get(value.layer)!, { view } = value;
  const ordered = view.kind === "flat" ? view.order === "hwc" || view.from[0] * view.from[1] === 1 : height * width === 1;
  if (!ordered || value.quantized !== undefined || value.pad !== undefined) {
    throw new GraphError(ACTION, {
      where: names[0]!,
      got: `an output that is an image of shape [${shapes.get(value.layer)}]`,
      wanted: "one number per class",
    });
  }
  return value.layer;
}

/** Layers that an output needs, in order. */
function upTo({ layers }: GraphContext, last: string): Layer[] {
  const wanted = new Set([last]), all = [...layers.values()];
  for (let at = all.length - 1; at >= 0; at--) {
    if (wanted.has(all[at]!.name)) { for (const input of all[at]!.inputs) wanted.add(input); }
  }
  const kept = all.filter(({ name }) => wanted.has(name)), place = kept.findIndex(({ name }) => name === last);
  return kept.slice(0, place + 1);
}
