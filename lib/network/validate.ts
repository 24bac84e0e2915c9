// Checks a whole network once, at the door, so that the stages behind it need not: graph, shapes, parameters, encoding.

import { GraphError, ShapeError } from "../errors.ts";
import { elements } from "../tensor.ts";
import { INPUT, type Layer, type Network, type Shape } from "./graph.ts";
import { inferShapes } from "./shapes.ts";

const ACTION = "validate the network";

/**
 * Shapes of the parameters a layer must have, by full name (`conv1.weight`), given the shape of its (first) input.
 *
 * Conv weights are `[out, in / groups, kernel height, kernel width]`, linear weights `[out, in]`, everything else `[channels]`.
 */
export function parameterShapes(layer: Layer, input: Shape): Record<string, readonly number[]> {
  const { name } = layer;
  switch (layer.op) {
    case "conv":
      return {
        [`${name}.weight`]: [layer.channels, input[2] / layer.groups, ...layer.kernel],
        ...(layer.bias ? { [`${name}.bias`]: [layer.channels] } : {}),
      };
    case "linear":
      return { [`${name}.weight`]: [layer.features, input[2]], ...(layer.bias ? { [`${name}.bias`]: [layer.features] } : {}) };
    case "batchNorm":
      return Object.fromEntries(["weight", "bias", "mean", "variance"].map((part) => [`${name}.${part}`, [input[2]]]));
    default:
      return {};
  }
}

/**
 * Checks a network and returns its shapes (see {@linkcode inferShapes}).
 *
 * Every layer must have exactly the parameters of {@linkcode parameterShapes}; a ReLU may have its clipping level `<relu>.alpha`, shape `[1]`, and
 * a conv or linear layer positive numbers learned with its weights, `<layer>.weight.<name>`, shape `[1]` or `[out]`, and, if
 * trained through arrays, its converter `<layer>.adc`, shape `[4]`: lowest and highest sum, η, steps trained; where
 * its range is learned shape `[6]`, code of 0 and highest code behind these, beside its step `<layer>.adc.step`. Trained codes must have the shape of their
 * parameter.
 *
 * @throws {GraphError} if the graph is malformed, a parameter is missing or belongs to no layer, or the encoding is not usable.
 * @throws {ShapeError} if layers or parameters have shapes that do not fit.
 *
 * @example
 * ```ts
 * import { GraphError, network, validate } from "@bitline/bitline";
 * import { assertThrows } from "@std/assert";
 *
 * const net = network({ name: "tiny", input: [1, 1, 4] }, (b) => b.linear("fc", { features: 2 }));
 * validate(net);
 * assertThrows(() => validate({ ...net, parameters: {} }), GraphError, "fc.weight");
 * ```
 */
export function validate(network: Network): ReadonlyMap<string, Shape> {
  if (network.layers.length === 0) throw new GraphError(ACTION, { where: network.name, got: "no layers", wanted: "at least one" });
  const shapes = inferShapes(network);
  checkEncoding(network);
  const allowed = new Set<string>();
  for (const layer of network.layers) {
    for (const [name, shape] of Object.entries(parameterShapes(layer, shapes.get(layer.inputs[0]!)!))) {
      if (!Object.hasOwn(network.parameters, name)) {
        throw new GraphError(ACTION, { where: name, got: "no such parameter", wanted: `shape [${shape}]` });
      }
      checkParameter(network, name, shape);
      allowed.add(name);
    }
    if (layer.op === "batchNorm" && !(layer.epsilon >= 0 && Number.isFinite(layer.epsilon))) {
      throw new GraphError(ACTION, { where: `${layer.name}.epsilon`, got: layer.epsilon, wanted: "a finite number of at least 0" });
    }
    const alpha = `${layer.name}.alpha`;
    if (layer.op === "relu" && Object.hasOwn(network.parameters, alpha)) {
      checkParameter(network, alpha, [1]);
      const level = network.parameters[alpha]!.data[0]!;
      if (!(level > 0 && Number.isFinite(level))) {
        throw new GraphError(ACTION, { where: alpha, got: level, wanted: "a positive clipping level" });
      }
      allowed.add(alpha);
    }
  }
  // Once all others are known, which a layer of a dotted name might have among these.
  const rest = Object.keys(network.parameters).filter((name) => !allowed.has(name));
  for (const layer of network.layers) {
    if (layer.op !== "conv" && layer.op !== "linear") continue;
    const prefix = `${layer.name}.weight.`,
      learned = rest.filter((name) => name.startsWith(prefix) && !name.slice(prefix.length).includes("."));
    checkLearned(network, learned, layer.op === "conv" ? layer.channels : layer.features);
    for (const name of learned) allowed.add(name);
  }
  for (const { name, op } of network.layers) {
    const converter = `${name}.adc`;
    if ((op !== "conv" && op !== "linear") || !Object.hasOwn(network.parameters, converter)) continue;
    const step = `${converter}.step`, learned = Object.hasOwn(network.parameters, step);
    checkParameter(network, converter, [learned && network.parameters[converter]!.data.length === 6 ? 6 : 4]);
    allowed.add(converter);
    if (!learned) continue;
    checkParameter(network, step, [1]);
    const size = network.parameters[step]!.data[0]!;
    if (!(size >= 0 && Number.isFinite(size))) {
      throw new GraphError(ACTION, { where: step, got: size, wanted: "a positive converter step, or 0 before there is one" });
    }
    allowed.add(step);
  }
  for (const name of Object.keys(network.parameters)) {
    if (!allowed.has(name)) {
      throw new GraphError(ACTION, { where: name, got: "a parameter of no layer", wanted: "only parameters some layer reads" });
    }
  }
  for (const [name, { codes, scales }] of Object.entries(network.codes ?? {})) {
    if (!allowed.has(name)) throw new GraphError(ACTION, { where: name, got: "codes of no parameter", wanted: "codes of parameters only" });
    const wanted = network.parameters[name]!.shape;
    if (!same(codes.shape, wanted) || codes.data.length !== elements(wanted)) {
      throw new ShapeError(ACTION, { where: `codes of ${name}`, got: codes.shape, wanted: `[${wanted}], the shape of the parameter` });
    }
    if (scales !== undefined && scales.length !== wanted[0]) {
      throw new ShapeError(ACTION, {
        where: `scales of ${name}`,
        got: scales.length,
        wanted: `one for each of ${wanted[0]} output channels`,
      });
    }
  }
  return shapes;
}

/** Checks numbers learned with a layer's weights. */
function checkLearned(network: Network, names: readonly string[], channels: number): void {
  for (const name of names) {
    checkParameter(network, name, network.parameters[name]!.data.length === 1 ? [1] : [channels]);
    const wrong = network.parameters[name]!.data.find((value) => !(value > 0 && Number.isFinite(value)));
    if (wrong !== undefined) throw new GraphError(ACTION, { where: name, got: wrong, wanted: "positive numbers" });
  }
}

function checkEncoding({ encoding }: Network): void {
  if (!Number.isInteger(encoding.zero)) {
    throw new GraphError(ACTION, { where: `${INPUT}.zero`, got: encoding.zero, wanted: "an integer pixel value" });
  }
  if (!(encoding.scale > 0 && Number.isFinite(encoding.scale))) {
    throw new GraphError(ACTION, { where: `${INPUT}.scale`, got: encoding.scale, wanted: "a positive number" });
  }
}

function checkParameter(network: Network, name: string, wanted: readonly number[]): void {
  const { shape, data } = network.parameters[name]!;
  if (!same(shape, wanted)) throw new ShapeError(ACTION, { where: name, got: shape, wanted: `shape [${wanted}]` });
  if (!(data instanceof Float32Array) || data.length !== elements(wanted)) {
    throw new ShapeError(ACTION, {
      where: name,
      got: `${data.constructor.name} of ${data.length} elements`,
      wanted: `Float32Array of ${elements(wanted)} elements`,
    });
  }
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}
