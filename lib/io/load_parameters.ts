// Parameters from other frameworks into a network: names mapped, layouts turned, every shape checked before anything is taken.

import { FileError, GraphError, OptionError, ShapeError } from "../errors.ts";
import { inferShapes } from "../network/shapes.ts";
import type { Layer, Network, Shape } from "../network/graph.ts";
import { parameterShapes, validate } from "../network/validate.ts";
import { checkOptions } from "../options.ts";
import { elements, type Tensor, tensor, type TypedArray } from "../tensor.ts";
import { folderOf, readBytes } from "./atomic.ts";
import { channelsLast } from "./channels_last.ts";
import { decodeNpz } from "./npy.ts";
import { decodePth } from "./pth.ts";
import { decodeSafetensors } from "./safetensors.ts";
import type { ZipLimits } from "./zip.ts";

/**
 * How tensors lie in a file.
 *
 * - `"pytorch"`: convolutions `[out, in / groups, height, width]`, matrices `[out, in]`, images flattened channel by channel; `running_mean`,
 *   `running_var`.
 * - `"keras"`: convolutions `[height, width, in, out]` (depthwise `[height, width, in, 1]`), matrices `[in, out]`, images flattened pixel by pixel;
 *   `kernel`, `gamma`, `beta`, `moving_mean`, `moving_variance`.
 * - `"bitline"`: as in a network's `parameters`.
 */
export type ParameterLayout = "pytorch" | "keras" | "bitline";

/** Options of {@linkcode loadParameters}. */
export interface LoadParametersOptions {
  /**
   * Name in the source of each parameter whose name differs: by parameter, or as a function. Without an entry a parameter is looked up under its own name,
   * then under the names of the layout.
   */
  readonly rename?: Readonly<Record<string, string>> | ((parameter: string) => string | undefined);
  /** How tensors lie in the source; default "pytorch". */
  readonly layout?: ParameterLayout;
  /** Whether every parameter must be found, and every tensor used (`num_batches_tracked` apart); default true. */
  readonly strict?: boolean;
  /** Bounds on archives. */
  readonly limits?: ZipLimits;
}

const ACTION = "load parameters";

const NAMES: Readonly<Record<ParameterLayout, Readonly<Record<string, readonly string[]>>>> = {
  pytorch: { mean: ["running_mean"], variance: ["running_var"] },
  keras: {
    weight: ["kernel", "depthwise_kernel", "gamma"],
    bias: ["beta"],
    mean: ["moving_mean"],
    variance: ["moving_variance"],
  },
  bitline: {},
};

/**
 * A network with parameters from a file or from tensors. Weights of a linear layer after a flatten are reordered from the source's order of features to
 * height, width, channel. Trained codes of replaced parameters are dropped.
 *
 * @param source Path of a .pth or .pt (see {@linkcode decodePth}), .npz or .safetensors file, or tensors by name.
 * @throws {FileError} if the file cannot be read, is damaged, or is of another kind.
 * @throws {GraphError} if a parameter is missing or a tensor belongs to none.
 * @throws {ShapeError} if a tensor does not have the shape of its parameter.
 * @throws {OptionError} if an option is unknown or wrong.
 *
 * @example
 * ```ts
 * import { loadParameters, network, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const net = network({ name: "tiny", input: [1, 1, 2] }, (b) => b.linear("fc", { features: 1 }));
 * const state = { "head.weight": tensor(Float32Array.of(3, 4), [1, 2]), "head.bias": tensor(Float32Array.of(5), [1]) };
 * const loaded = await loadParameters(net, state, { rename: (name) => name.replace("fc", "head") });
 * assertEquals([...loaded.parameters["fc.weight"]!.data], [3, 4]);
 * ```
 */
export async function loadParameters(
  network: Network,
  source: string | Readonly<Record<string, Tensor<TypedArray>>>,
  options: LoadParametersOptions = {},
): Promise<Network> {
  checkOptions(ACTION, "options", options, ["rename", "layout", "strict", "limits"]);
  const { rename, layout = "pytorch", strict = true, limits = {} } = options;
  if (!Object.hasOwn(NAMES, layout)) {
    throw new OptionError(ACTION, { where: "options.layout", got: layout, wanted: `one of ${Object.keys(NAMES).join(", ")}` });
  }
  const tensors = typeof source === "string" ? await readTensors(source, limits) : source,
    where = typeof source === "string" ? source : "tensors";
  const shapes = inferShapes(network), flattened = flattenedShapes(network, shapes);
  const parameters: Record<string, Tensor> = { ...network.parameters }, codes = { ...network.codes }, used = new Set<string>();
  for (const layer of network.layers) {
    const wanted: Record<string, readonly number[]> = parameterShapes(layer, shapes.get(layer.inputs[0]!)!);
    if (layer.op === "relu") wanted[`${layer.name}.alpha`] = [1];
    for (const [parameter, shape] of Object.entries(wanted)) {
      const name = nameOf(parameter, layer, tensors, rename, layout);
      if (name === undefined) {
        if (!strict || layer.op === "relu") continue;
        throw new GraphError(ACTION, {
          where: parameter,
          got: `no such tensor in ${where}`,
          wanted: `shape [${shape}]`,
          hint: `It has ${Object.keys(tensors).slice(0, 12).join(", ")} …; map names with the option rename.`,
        });
      }
      used.add(name);
      parameters[parameter] = turned(tensors[name]!, layer, parameter, shape, layout, flattened.get(layer.name), name);
      delete codes[parameter];
    }
  }
  const left = Object.keys(tensors).filter((name) => !used.has(name) && !name.endsWith("num_batches_tracked"));
  if (strict && left.length > 0) {
    throw new GraphError(ACTION, {
      where,
      got: `tensors of no parameter: ${left.slice(0, 8).join(", ")}`,
      wanted: "a parameter for each",
      hint: "Map names with the option rename, or set strict to false.",
    });
  }
  const { codes: _, ...rest } = network, loaded = { ...rest, parameters, ...(Object.keys(codes).length === 0 ? {} : { codes }) };
  validate(loaded);
  return loaded;
}

async function readTensors(path: string, limits: ZipLimits): Promise<Readonly<Record<string, Tensor<TypedArray>>>> {
  const kind = /\.(\w+)$/.exec(path.slice(folderOf(path).length))?.[1]?.toLowerCase();
  if (kind === "pth" || kind === "pt") return await decodePth(await readBytes(path), { where: path, limits });
  if (kind === "npz") return decodeNpz(await readBytes(path), path, limits);
  if (kind === "safetensors") return decodeSafetensors(await readBytes(path), path).tensors;
  throw new FileError(ACTION, {
    where: path,
    got: kind === undefined ? "no ending" : `.${kind}`,
    wanted: ".pth, .pt, .npz or .safetensors",
  });
}

function nameOf(
  parameter: string,
  layer: Layer,
  tensors: Readonly<Record<string, unknown>>,
  rename: LoadParametersOptions["rename"],
  layout: ParameterLayout,
): string | undefined {
  const given = typeof rename === "function"
    ? rename(parameter)
    : rename !== undefined && Object.hasOwn(rename, parameter)
    ? rename[parameter]
    : undefined;
  const names = given === undefined ? [parameter] : [given], part = parameter.slice(layer.name.length + 1);
  // A renamed parameter may still end as Bitline has it: the layout's own ending is tried too.
  const stems = names.map((name) => name.endsWith(`.${part}`) ? name.slice(0, -part.length) : undefined);
  const endings = Object.hasOwn(NAMES[layout], part) ? NAMES[layout][part]! : [];
  const candidates = [...names, ...stems.flatMap((stem) => stem === undefined ? [] : endings.map((ending) => stem + ending))];
  return candidates.find((name) => Object.hasOwn(tensors, name));
}

/** The image behind the features that each linear layer reads, where there is one of more than one pixel. */
function flattenedShapes(network: Network, shapes: ReadonlyMap<string, Shape>): ReadonlyMap<string, Shape> {
  const byName = new Map(network.layers.map((layer) => [layer.name, layer])), found = new Map<string, Shape>();
  const through = ["relu", "batchNorm"];
  for (const layer of network.layers) {
    if (layer.op !== "linear" && layer.op !== "batchNorm") continue;
    let before = byName.get(layer.inputs[0]!);
    while (before !== undefined && through.includes(before.op)) before = byName.get(before.inputs[0]!);
    if (before?.op === "flatten") found.set(layer.name, shapes.get(before.inputs[0]!)!);
  }
  return found;
}

/** A tensor of the source as the parameter has it. */
function turned(
  source: Tensor<TypedArray>,
  layer: Layer,
  parameter: string,
  shape: readonly number[],
  layout: ParameterLayout,
  image: Shape | undefined,
  name: string,
): Tensor {
  let wanted = shape, order = shape.map((_, axis) => axis);
  if (layout === "keras" && parameter === `${layer.name}.weight` && (layer.op === "conv" || layer.op === "linear")) {
    const [out, each, height, width] = shape as [number, number, number, number];
    const depthwise = layer.op === "conv" && layer.groups > 1 && each === 1 && source.shape[3] === out / layer.groups &&
      source.shape[2] === layer.groups;
    if (layer.op === "linear") [wanted, order] = [[each, out], [1, 0]];
    else if (depthwise) [wanted, order] = [[height, width, layer.groups, out / layer.groups], [2, 3, 0, 1]];
    else [wanted, order] = [[height, width, each, out], [3, 2, 0, 1]];
  }
  const fits = source.shape.length === wanted.length && wanted.every((extent, axis) => extent === source.shape[axis]);
  if (!fits && !(elements(wanted) === 1 && source.data.length === 1)) {
    throw new ShapeError(ACTION, { where: `${parameter} from ${name}`, got: source.shape, wanted: `shape [${wanted}]` });
  }
  const strides = wanted.map((_, axis) => elements(wanted.slice(axis + 1))), steps = order.map((axis) => strides[axis]!);
  const extents = order.map((axis) => wanted[axis]!), data = new Float32Array(elements(wanted)), index = extents.map(() => 0);
  for (let at = 0, from = 0; at < data.length; at++) {
    data[at] = source.data[from]!;
    for (let axis = extents.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < extents[axis]!) break;
      from -= steps[axis]! * extents[axis]!;
      index[axis] = 0;
    }
  }
  const perFeature = layer.op === "batchNorm" || (layer.op === "linear" && parameter === `${layer.name}.weight`);
  if (layout === "pytorch" && image !== undefined && perFeature) return tensor(channelsLast(data, image), shape);
  return tensor(data, shape);
}
