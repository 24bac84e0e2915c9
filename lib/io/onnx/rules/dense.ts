// Fully connected layers, with weights put into the order in which a flattened image lies here.

import { tensor } from "../../../tensor.ts";
import { channelsLast } from "../../channels_last.ts";
import { type Activation, activationOf, addLayer, constantOf, dimsOf, type NodeContext, vector } from "../context.ts";
import { type Constant } from "../constant.ts";
import { transposed } from "../constant_ops.ts";
import { trainedCodes } from "./codes.ts";

/** Gemm: alpha · A · B + beta · C. */
export function gemm(node: NodeContext): Activation {
  const { attributes } = node;
  if (attributes.integer("transA", 0) !== 0) return node.refuse("transA 1", "images along the first axis");
  const alpha = attributes.real("alpha", 1), beta = attributes.real("beta", 1), given = constantOf(node, 1, "weights");
  if (given.dims.length !== 2) return node.refuse(`weights of shape [${given.dims}]`, "two axes");
  const weights = attributes.integer("transB", 0) === 1 ? given : transposed(given, [1, 0]);
  const bias = node.inputs[2] === undefined ? undefined : constantOf(node, 2, "biases"), out = weights.dims[0]!;
  if (bias !== undefined && bias.data.length !== 1 && (bias.data.length !== out || bias.dims.at(-1) !== out)) {
    return node.refuse(`biases of shape [${bias.dims}]`, `[${out}]`);
  }
  const shift = bias === undefined
    ? undefined
    : Float32Array.from({ length: out }, (_, at) => beta * bias.data[bias.data.length === 1 ? 0 : at]!);
  return dense(node, scaled(weights, alpha), shift);
}

/** MatMul with constant weights on the right. */
export function matmul(node: NodeContext): Activation {
  const weights = constantOf(node, 1, "weights");
  if (weights.dims.length !== 2) return node.refuse(`weights of shape [${weights.dims}]`, "two axes");
  return dense(node, transposed(weights, [1, 0]), undefined);
}

function scaled(weights: Constant, factor: number): Constant {
  if (factor === 1) return weights;
  const data = new Float32Array(weights.data), { codes: _, ...rest } = weights;
  for (let at = 0; at < data.length; at++) data[at]! *= factor;
  return { ...rest, data };
}

/** @param weights `[out, in]`, in ONNX's order of inputs. */
function dense(node: NodeContext, weights: Constant, bias: Float32Array | undefined): Activation {
  const input = activationOf(node, 0), [out, features] = weights.dims as [number, number];
  if (input.view.kind !== "flat") {
    return node.refuse(
      `an activation of shape [${dimsOf(node, input)}]`,
      "[n, features]",
      "A matrix product over images is not supported.",
    );
  }
  const { order, from } = input.view, expected = node.graph.shapes.get(input.layer)![2];
  if (features !== expected) return node.refuse(`weights for ${features} features`, `${expected}`);
  const permute = order === "chw" && from[0] * from[1] > 1;
  const move = <T extends Float32Array | Int32Array>(data: T): T => permute ? channelsLast(data, from) : data;
  const layer = addLayer(node, { op: "linear", name: node.name, inputs: [input.layer], features: out, bias: bias !== undefined }, {
    weight: tensor(move(new Float32Array(weights.data)), [out, features]),
    ...(bias === undefined ? {} : { bias: vector(bias) }),
  });
  if (weights.codes !== undefined) trainedCodes(node, layer, { ...weights.codes, data: move(weights.codes.data) }, [out, features]);
  return { kind: "activation", layer, view: { kind: "flat", order: "chw", from: [1, 1, out] } };
}
