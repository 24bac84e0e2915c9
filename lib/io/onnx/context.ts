// What the import has made so far: layers, parameters and codes on one side, what every ONNX value stands for on the other.

import { GraphError } from "../../errors.ts";
import type { Layer, Shape, TrainedCodes } from "../../network/graph.ts";
import { outputShape } from "../../network/shapes.ts";
import { elements, type Tensor, tensor } from "../../tensor.ts";
import type { Attributes } from "./attributes.ts";
import type { Constant } from "./constant.ts";
import type { FilledLimits } from "./limits.ts";

/** How an ONNX value of some rank shows a layer's output. Batch comes first everywhere. */
export type View =
  /** `[n, c, h, w]`. */
  | { readonly kind: "nchw" }
  /** `[n, h, w, c]`. */
  | { readonly kind: "nhwc" }
  /** `[n, features]`; the layer's output is flat too, in height, width, channel order, whatever order ONNX has: `from` is the image it was. */
  | { readonly kind: "flat"; readonly order: "chw" | "hwc"; readonly from: Shape }
  /** `[n, groups, c / groups, h, w]`. */
  | { readonly kind: "groups"; readonly groups: number }
  /** `[n, c / groups, groups, h, w]`. */
  | { readonly kind: "dealt"; readonly groups: number };

/** A value that depends on the image. */
export interface Activation {
  /** Tells it from a constant. */
  readonly kind: "activation";
  /** Layer whose output it is, or `input`. */
  readonly layer: string;
  /** How ONNX sees it. */
  readonly view: View;
  /** Zeros a Pad node put around it: top, left, bottom, right. */
  readonly pad?: readonly [number, number, number, number];
  /** Between QuantizeLinear and DequantizeLinear: largest real value of a code, whether 0 is the smallest, and the two numbers themselves. */
  readonly quantized?: { readonly most: number; readonly unsigned: boolean; readonly step: number; readonly zero: number };
  /** Whether nothing else reads the layer, so that it may be changed. Set by the import after each node. */
  readonly sole?: boolean;
}

/** Any value of a graph. */
export type Value = Constant | Activation;

/** One node with all it needs. */
export interface NodeContext {
  /** Operation. */
  readonly op: string;
  /** Name for messages. */
  readonly where: string;
  /** Version of the operator set. */
  readonly opset: number;
  /** Values it reads; undefined where left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** Values it makes. */
  readonly outputs: readonly string[];
  /** Its attributes. */
  readonly attributes: Attributes;
  /** A name for the layer it becomes. */
  readonly name: string;
  /** The import. */
  readonly graph: GraphContext;
  /** Says what about the node is not supported. */
  refuse(got: string, wanted: string, hint?: string): never;
}

/** The network in the making. */
export interface GraphContext {
  /** By name, in order. */
  readonly layers: Map<string, Layer>;
  readonly shapes: Map<string, Shape>;
  readonly parameters: Record<string, Tensor>;
  readonly codes: Record<string, TrainedCodes>;
  readonly limits: FilledLimits;
  /** Images in a batch, as the file has it. */
  readonly batch: number;
  /** Tells the caller what was left out. */
  readonly note: (text: string) => void;
}

/** Refuses a value that is not known from the image. */
export function activationOf(node: NodeContext, index: number): Activation {
  const value = node.inputs[index];
  if (value?.kind !== "activation") return node.refuse(value === undefined ? "no input" : "a constant", `an activation as input ${index}`);
  if (value.quantized !== undefined && !["DequantizeLinear"].includes(node.op)) {
    return node.refuse("integer codes", "real values: a DequantizeLinear before it");
  }
  if (value.pad !== undefined && node.op !== "Conv") return node.refuse("padded pixels", "a convolution after a Pad");
  return value;
}

/** Refuses an input that is not a constant. */
export function constantOf(node: NodeContext, index: number, what: string): Constant {
  const value = node.inputs[index];
  if (value?.kind === "constant") return value;
  return node.refuse(value === undefined ? `no ${what}` : `${what} that depend on the image`, `constant ${what} as input ${index}`);
}

/** Extents of an activation as ONNX sees them. */
export function dimsOf({ graph: { shapes, batch } }: Pick<NodeContext, "graph">, { layer, view }: Activation): number[] {
  const [height, width, channels] = shapes.get(layer)!;
  switch (view.kind) {
    case "nchw":
      return [batch, channels, height, width];
    case "nhwc":
      return [batch, height, width, channels];
    case "flat":
      return [batch, channels];
    case "groups":
      return [batch, view.groups, channels / view.groups, height, width];
    case "dealt":
      return [batch, channels / view.groups, view.groups, height, width];
  }
}

/** Refuses views other than `[n, c, h, w]`; a flat value of single features passes as an image of one pixel. */
export function imageOf(node: NodeContext, value: Activation): Shape {
  if (value.view.kind === "nchw") return node.graph.shapes.get(value.layer)!;
  return node.refuse(`a value of shape [${dimsOf(node, value)}]`, "[n, channels, height, width]");
}

/** Adds a layer after the last one. @throws {GraphError | ShapeError} if it does not fit, with the node in the message. */
export function addLayer(node: NodeContext, layer: Layer, parameters: Readonly<Record<string, Tensor>> = {}): string {
  const { graph } = node;
  const shape = outputShape(layer, layer.inputs.map((name) => graph.shapes.get(name)!));
  if (!(elements(shape) <= graph.limits.activation)) {
    return node.refuse(
      `an output of ${elements(shape)} numbers`,
      `at most ${graph.limits.activation}`,
      "Raise limits.activation if this is meant.",
    );
  }
  graph.layers.set(layer.name, layer);
  graph.shapes.set(layer.name, shape);
  for (const [name, value] of Object.entries(parameters)) graph.parameters[`${layer.name}.${name}`] = value;
  return layer.name;
}

/** Layers that ONNX knows as one value's source. */
export function layerOf({ graph }: NodeContext, { layer }: Activation): Layer | undefined {
  return graph.layers.get(layer);
}

/** A one-axis parameter. */
export function vector(values: ArrayLike<number>): Tensor {
  return tensor(new Float32Array(values), [values.length]);
}

/** Names for layers: from the weights where these have a name, else from the node; unique, and safe as keys of records. */
export function layerNames(): (candidates: readonly (string | undefined)[], op: string) => string {
  const taken = new Set<string>(["input"]);
  return (candidates, op) => {
    const clean = candidates.map((each) => (each ?? "").replace(/^[/.]+/, "").replace(/[^A-Za-z0-9_.-]+/g, ".").replace(/^[_.]+|\.+$/g, ""))
      .find((each) => each !== "" && !/^\d+$/.test(each)) ?? op.toLowerCase();
    const base = clean in {} ? `${clean}_` : clean.slice(0, 200);
    let name = base;
    for (let number = 2; taken.has(name); number++) name = `${base}_${number}`;
    taken.add(name);
    return name;
  };
}

/** Throws for a node. */
export function refuseNode(where: string): NodeContext["refuse"] {
  return (got, wanted, hint) => {
    throw new GraphError("import an ONNX graph", { where, got, wanted, ...(hint === undefined ? {} : { hint }) });
  };
}
