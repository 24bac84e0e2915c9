// Nodes whose inputs are all known: what exporters write to compute shapes, and what quantisers write around weights.

import { elements, type TypedArray } from "../../tensor.ts";
import type { Attributes } from "./attributes.ts";
import { type Constant, type ConstantCodes } from "./constant.ts";
import { DATA_TYPE } from "./schema.ts";

/** Says why a node cannot be carried out. */
export type Refuse = (got: string, wanted: string, hint?: string) => never;

/** What a constant node may need. */
export interface ConstantNode {
  /** Operation. */
  readonly op: string;
  /** Its inputs; undefined where left out. */
  readonly inputs: readonly (Constant | undefined)[];
  /** Its attributes. */
  readonly attributes: Attributes;
  /** Elements allowed. */
  readonly most: number;
  /** Says why not. */
  readonly refuse: Refuse;
}

type Rule = (node: ConstantNode) => Constant;

const arithmetic: Readonly<Record<string, (a: number, b: number, whole: boolean) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b, whole) => whole ? Math.trunc(a / b) : a / b,
};

const rules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(Object.keys(arithmetic).map((op): [string, Rule] => [op, binary])),
  Cast: ({ inputs, attributes, refuse }) => {
    const to = attributes.integer("to", 0), from = inputs[0]!;
    const data = allocate(to, from.data.length) ?? refuse(`a cast to type ${to}`, "a number type");
    for (let at = 0; at < data.length; at++) data[at] = isReal(to) ? from.data[at]! : Math.trunc(from.data[at]!);
    return { kind: "constant", dims: from.dims, data, type: to };
  },
  Concat: ({ inputs, attributes, most, refuse }) => {
    const parts = inputs.filter((each) => each !== undefined), first = parts[0]!;
    if (first.dims.length !== 1 || parts.some((each) => each.dims.length !== 1) || ![0, -1].includes(attributes.integer("axis", 0))) {
      return refuse("constants of several axes", "lists of numbers");
    }
    return list(first.type, parts.flatMap((each) => [...limited(each, most, refuse).data]));
  },
  ConstantOfShape: ({ inputs, attributes, most, refuse }) => {
    const dims = Array.from(inputs[0]!.data), count = elements(dims), value = attributes.tensor("value");
    if (!(count >= 0 && count <= most)) return refuse(`${count} elements`, `at most ${most}`);
    const type = value?.type ?? DATA_TYPE.float;
    return { kind: "constant", dims, data: allocate(type, count)!.fill(value?.data[0] ?? 0), type };
  },
  DequantizeLinear: dequantize,
  Flatten: (node) => {
    const { dims } = node.inputs[0]!, axis = node.attributes.integer("axis", 1), cut = axis < 0 ? axis + dims.length : axis;
    return reshaped(node, [elements(dims.slice(0, cut)), elements(dims.slice(cut))]);
  },
  Gather: ({ inputs, attributes, refuse }) => {
    const [from, index] = inputs as [Constant, Constant];
    if (from.dims.length !== 1 || attributes.integer("axis", 0) !== 0) return refuse("a table of several axes", "a list of numbers");
    const data = Array.from(
      index.data,
      (at) => from.data[at < 0 ? at + from.data.length : at] ?? refuse(`index ${at}`, `0 to ${from.data.length - 1}`),
    );
    return { ...list(from.type, data), dims: index.dims };
  },
  Identity: ({ inputs }) => inputs[0]!,
  Neg: ({ inputs }) => {
    const data = inputs[0]!.data.slice();
    for (let at = 0; at < data.length; at++) data[at] = -data[at]!;
    return { kind: "constant", dims: inputs[0]!.dims, data, type: inputs[0]!.type };
  },
  QuantizeLinear: quantize,
  Reshape: (node) => reshaped(node, resolveShape(node.inputs[0]!.dims, Array.from(node.inputs[1]!.data), node.refuse)),
  Shape: ({ inputs }) => list(DATA_TYPE.int64, inputs[0]!.dims),
  Slice: ({ inputs, refuse }) => {
    const [from, starts, ends, axes, steps] = inputs, { dims, data, type } = from!;
    if (starts === undefined || ends?.data.length !== starts.data.length || starts.data.length > dims.length) {
      return refuse(`${starts?.data.length ?? 0} starts and ${ends?.data.length ?? 0} ends`, `as many of each, at most ${dims.length}`);
    }
    // Per axis, the positions taken; ends and starts beyond an axis stand for its ends, as ONNX has it.
    const taken = dims.map((extent) => Array.from({ length: extent }, (_, at) => at));
    starts.data.forEach((start, at) => {
      const given = axes?.data[at] ?? at, axis = given < 0 ? given + dims.length : given, extent = dims[axis], step = steps?.data[at] ?? 1;
      if (extent === undefined || !Number.isInteger(step) || step === 0) return refuse(`axis ${given}, step ${step}`, "an axis and a step");
      const place = (value: number) =>
        Math.min(Math.max(value < 0 ? value + extent : value, step < 0 ? -1 : 0), step < 0 ? extent - 1 : extent);
      const first = place(start), end = place(ends.data[at]!), count = Math.max(0, Math.ceil((end - first) / step));
      taken[axis] = Array.from({ length: count }, (_, index) => first + index * step);
    });
    const shape = taken.map(({ length }) => length), out = allocate(type, elements(shape)) ?? refuse(`elements of type ${type}`, "numbers");
    for (let to = 0; to < out.length; to++) {
      let source = 0, rest = to, stride = 1;
      for (let axis = dims.length - 1; axis >= 0; axis--) {
        source += taken[axis]![rest % shape[axis]!]! * stride;
        rest = Math.floor(rest / shape[axis]!);
        stride *= dims[axis]!;
      }
      out[to] = data[source]!;
    }
    return { kind: "constant", dims: shape, data: out, type };
  },
  Squeeze: (node) => {
    const { dims } = node.inputs[0]!, axes = axesOf(node, dims.length);
    return reshaped(node, dims.filter((extent, axis) => axes === undefined ? extent !== 1 : !axes.includes(axis)));
  },
  Transpose: ({ inputs, attributes, refuse }) => {
    const { dims } = inputs[0]!, order = attributes.integers("perm") ?? dims.map((_, axis) => dims.length - 1 - axis);
    if (order.length !== dims.length || [...order].sort((a, b) => a - b).some((axis, at) => axis !== at)) {
      return refuse(`perm [${order}]`, `an order of ${dims.length} axes`);
    }
    return transposed(inputs[0]!, order);
  },
  Unsqueeze: (node) => {
    const { dims } = node.inputs[0]!, given = givenAxes(node) ?? node.refuse("no axes", "axes");
    if (given.length > 8) return node.refuse(`${given.length} axes`, "at most 8");
    const rank = dims.length + given.length, rest = [...dims], axes = given.map((axis) => axis < 0 ? axis + rank : axis);
    return reshaped(node, Array.from({ length: rank }, (_, axis) => axes.includes(axis) ? 1 : rest.shift() ?? 1));
  },
};

/** Carries out a node whose inputs are all constants; undefined for an operation that is not among these. */
export function computeConstant(node: ConstantNode): Constant | undefined {
  if (!Object.hasOwn(rules, node.op)) return undefined;
  if (node.inputs[0] === undefined) return node.refuse("no first input", "a constant");
  return rules[node.op]!(node);
}

/** Reorders the axes of a constant, codes included. */
export function transposed(constant: Constant, order: readonly number[]): Constant {
  const { dims, data, codes, type } = constant, extents = order.map((axis) => dims[axis]!);
  const strides = dims.map((_, axis) => elements(dims.slice(axis + 1))), steps = order.map((axis) => strides[axis]!);
  const move = <T extends TypedArray>(from: T): T => {
    const to = from.slice() as T, index = extents.map(() => 0);
    for (let at = 0, source = 0; at < to.length; at++) {
      to[at] = from[source]!;
      for (let axis = extents.length - 1; axis >= 0; axis--) {
        source += steps[axis]!;
        if (++index[axis]! < extents[axis]!) break;
        source -= steps[axis]! * extents[axis]!;
        index[axis] = 0;
      }
    }
    return to;
  };
  const moved = {
    kind: "constant",
    dims: extents,
    data: move(data),
    type,
    ...(constant.name === undefined ? {} : { name: constant.name }),
  } as const;
  return codes === undefined ? moved : { ...moved, codes: { ...codes, data: move(codes.data), axis: order.indexOf(codes.axis) } };
}

/** Target of a Reshape: 0 keeps an extent, −1 takes the rest. */
export function resolveShape(dims: readonly number[], target: readonly number[], refuse: Refuse, zero = false): number[] {
  const shape = target.map((extent, axis) => extent === 0 && !zero ? dims[axis] ?? 0 : extent), open = shape.indexOf(-1);
  const count = elements(dims), others = elements(shape.filter((extent) => extent !== -1));
  if (open >= 0) shape[open] = count / others;
  if (shape.some((extent) => !Number.isInteger(extent) || extent < 0) || elements(shape) !== count) {
    return refuse(`shape [${target}] for [${dims}]`, "as many elements");
  }
  return shape;
}

/** Axes of a node, from its attribute or, since opset 13, its second input; none below 0. */
export function axesOf(node: Pick<ConstantNode, "inputs" | "attributes">, rank: number): number[] | undefined {
  return givenAxes(node)?.map((axis) => axis < 0 ? axis + rank : axis);
}

function givenAxes({ inputs, attributes }: Pick<ConstantNode, "inputs" | "attributes">): readonly number[] | undefined {
  return attributes.integers("axes") ?? (inputs[1] === undefined ? undefined : Array.from(inputs[1].data));
}

function list(type: number, values: readonly number[]): Constant {
  const data = allocate(type, values.length) ?? new Float64Array(values.length);
  data.set(values);
  return { kind: "constant", dims: [values.length], data, type };
}

function limited(constant: Constant, most: number, refuse: Refuse): Constant {
  return constant.data.length <= Math.min(most, 65536) ? constant : refuse(`${constant.data.length} elements`, "lists of at most 65536");
}

function reshaped({ inputs }: ConstantNode, dims: readonly number[]): Constant {
  const { codes, ...rest } = inputs[0]!;
  // Scales of one step survive any shape; those of an axis only where the axis stays first.
  const kept = codes !== undefined && (codes.scales.length === 1 || (codes.axis === 0 && dims[0] === rest.dims[0]));
  return { ...rest, dims, ...(kept ? { codes } : {}) };
}

function isReal(type: number): boolean {
  return [DATA_TYPE.float, DATA_TYPE.double, DATA_TYPE.float16, DATA_TYPE.bfloat16].includes(type as 1);
}

function allocate(type: number, length: number): TypedArray | undefined {
  switch (type) {
    case DATA_TYPE.float:
    case DATA_TYPE.float16:
    case DATA_TYPE.bfloat16:
      return new Float32Array(length);
    case DATA_TYPE.int8:
      return new Int8Array(length);
    case DATA_TYPE.uint8:
    case DATA_TYPE.bool:
      return new Uint8Array(length);
    case DATA_TYPE.int32:
      return new Int32Array(length);
    case DATA_TYPE.int64:
    case DATA_TYPE.double:
      return new Float64Array(length);
    default:
      return undefined;
  }
}

function binary({ op, inputs, most, refuse }: ConstantNode): Constant {
  const [a, b] = inputs;
  if (a === undefined || b === undefined) return refuse("one input", "two");
  const rank = Math.max(a.dims.length, b.dims.length),
    lift = (dims: readonly number[]) => [...Array(rank - dims.length).fill(1), ...dims] as number[];
  const [left, right] = [lift(a.dims), lift(b.dims)], dims = left.map((extent, axis) => extent === 1 ? right[axis]! : extent);
  if (dims.some((extent, axis) => right[axis] !== 1 && right[axis] !== extent)) {
    return refuse(`shapes [${a.dims}] and [${b.dims}]`, "shapes that fit");
  }
  if (elements(dims) > most) return refuse(`${elements(dims)} elements`, `at most ${most}`);
  const data = allocate(a.type, elements(dims)) ?? refuse(`numbers of type ${a.type}`, "floats or integers");
  const source = (from: readonly number[], at: number) => {
    let index = 0, rest = at, stride = 1;
    for (let axis = rank - 1; axis >= 0; axis--) {
      if (from[axis] !== 1) index += rest % dims[axis]! * stride;
      stride *= from[axis]!;
      rest = Math.floor(rest / dims[axis]!);
    }
    return index;
  };
  for (let at = 0; at < data.length; at++) {
    data[at] = arithmetic[op]!(a.data[source(left, at)]!, b.data[source(right, at)]!, !isReal(a.type));
  }
  return { kind: "constant", dims, data, type: a.type };
}

/** Scale and zero of (de)quantisation, with the axis they run along. */
function steps(
  { inputs, attributes, refuse }: ConstantNode,
): { scales: Float32Array; zeros: TypedArray | undefined; axis: number; of: (at: number) => number } {
  const [{ dims }, scale, zero] = inputs as [Constant, Constant | undefined, Constant | undefined];
  if (scale === undefined) return refuse("no scale", "a constant scale");
  const given = attributes.integer("axis", 1), axis = scale.data.length === 1 ? 0 : given < 0 ? given + dims.length : given;
  if (attributes.integer("block_size", 0) !== 0) return refuse("scales of blocks", "one scale, or one per channel");
  if (scale.data.length !== 1 && scale.data.length !== dims[axis]) {
    return refuse(`${scale.data.length} scales`, `1 or ${dims[axis]}, the extent of axis ${axis}`);
  }
  if (zero !== undefined && zero.data.length !== scale.data.length) {
    return refuse(`${zero.data.length} zero points`, `${scale.data.length}, as many as scales`);
  }
  const scales = new Float32Array(scale.data);
  if (scales.some((value) => !(value > 0 && Number.isFinite(value)))) {
    return refuse("a scale that is not positive", "positive, finite scales");
  }
  const inner = elements(dims.slice(axis + 1));
  return { scales, zeros: zero?.data, axis, of: scales.length === 1 ? () => 0 : (at) => Math.floor(at / inner) % scales.length };
}

function dequantize(node: ConstantNode): Constant {
  const { dims, data, name } = node.inputs[0]!, { scales, zeros, axis, of } = steps(node);
  const codes = new Int32Array(data.length), values = new Float32Array(data.length);
  for (let at = 0; at < data.length; at++) {
    const channel = of(at);
    codes[at] = data[at]! - (zeros?.[channel] ?? 0);
    values[at] = codes[at]! * scales[channel]!;
  }
  const made: ConstantCodes = { data: codes, scales, axis };
  return { kind: "constant", dims, data: values, type: DATA_TYPE.float, ...(name === undefined ? {} : { name }), codes: made };
}

function quantize(node: ConstantNode): Constant {
  const { dims, data, name } = node.inputs[0]!, { scales, zeros, of } = steps(node), type = node.inputs[2]?.type ?? DATA_TYPE.uint8;
  const range = RANGES[type] ?? node.refuse(`codes of type ${type}`, "int8 or uint8");
  const codes = allocate(type, data.length)!;
  for (let at = 0; at < data.length; at++) {
    const channel = of(at), real = Math.fround(data[at]! / scales[channel]!), low = Math.floor(real), half = real - low;
    const even = half > 0.5 || (half === 0.5 && low % 2 !== 0) ? low + 1 : low;
    codes[at] = Math.min(Math.max(even + (zeros?.[channel] ?? 0), range[0]), range[1]);
  }
  return { kind: "constant", dims, data: codes, type, ...(name === undefined ? {} : { name }) };
}

/** Smallest and largest code by element type. */
export const RANGES: Readonly<Record<number, readonly [number, number]>> = { [DATA_TYPE.int8]: [-128, 127], [DATA_TYPE.uint8]: [0, 255] };
