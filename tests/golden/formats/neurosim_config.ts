// What a NeuroSim run was asked to do, in our terms: its network as work, its chip as options of an estimate. Only `config` is read.
//
// Three things are the tool's, not ours, and are told to the estimator as what they are:
// - windows: it counts them without padding, (H − 2) × (W − 2) for a 3 × 3 kernel, but operations with it;
// - V1.3 hands inputs over and sums up bit by bit, on the planar 22 nm card of PTM, with sense amplifiers ten times the area; V1.4 does not;
// - its TOPS/W is 2 · MACs over 1.22 times the energy, to six digits in every run.

import { estimate, type WorkList } from "../../../lib/estimate/estimate.ts";
import { bitShares } from "../../../lib/estimate/activity.ts";
import { defaultLibrary } from "../../../lib/estimate/library.ts";
import type { EstimateOptions } from "../../../lib/estimate/options.ts";
import type { Estimate } from "../../../lib/estimate/result.ts";
import { type LayerWork, layerWork } from "../../../lib/estimate/work.ts";
import { FileError } from "../../../lib/errors.ts";
import { layerGeometries, type LayerGeometry } from "../../../lib/network/geometries.ts";
import { inferShapes } from "../../../lib/network/shapes.ts";
import { vgg7 } from "../../../lib/network/zoo/vgg7.ts";
import { elements } from "../../../lib/tensor.ts";
import { isRecord, NotCovered } from "../format.ts";

/** Energy over which its TOPS/W is taken, over the energy it reports. */
export const ENERGY_MARGIN = 1.22;

/** The one rule for weights and inputs that the runs name. */
const ACTIVITY = "b bits, u uniform in [0,1): weights rint((2u-1)(2^(b-1)-1)), signed; " +
  "inputs floor(max(0,2u-1)^2 (2^(b-1)-1) + 0.5), two's complement, sign bit first; " +
  "first layer rint((2u-1)(2^(b-1)-1)); fc layers 1x1 with 8192 and 1024 inputs";

const NETWORK = "VGG8 CIFAR-10 (= VGG7 of the spec)", TOOLS = ["NeuroSim V1.3", "NeuroSim V1.4"] as const;

const KEYS = [
  ...[
    "tool",
    "network",
    "weightBits",
    "activationBits",
    "cell",
    "cellBits",
    "nodeNm",
    "roadmap",
    "rows",
    "columns",
    "rowsInParallel",
    "adc",
  ],
  ...["columnsPerAdc", "schedule", "speedUpDegree", "interconnect", "resistanceOnOhm", "resistanceOffOhm", "temperatureK", "cellSizeF"],
  ...["synchronous", "activity"],
];

/**
 * Reads a config.
 *
 * @param where Path for messages.
 * @throws {NotCovered} if it asks for something else than what is known, by name.
 * @throws {FileError} if a number is missing.
 */
export function neurosimWork(config: unknown, where: string): { work: WorkList; options: EstimateOptions } {
  if (!isRecord(config)) throw new FileError("read a NeuroSim run", { where, got: config ?? "nothing", wanted: "a config" });
  for (const key of Object.keys(config)) if (!KEYS.includes(key)) throw new NotCovered(`config.${key} ${JSON.stringify(config[key])}`);
  const choice = <const Choice extends string | boolean>(key: string, known: readonly Choice[]): Choice => {
    const found = known.find((each) => each === config[key]);
    if (found === undefined) throw new NotCovered(`config.${key} ${JSON.stringify(config[key])}`);
    return found;
  };
  const number = (key: string): number => {
    const value = config[key];
    if (typeof value === "number" && value > 0) return value;
    throw new FileError("read a NeuroSim run", { where: `${where}.config.${key}`, got: value ?? "nothing", wanted: "a positive number" });
  };
  const old = choice("tool", TOOLS) === "NeuroSim V1.3";
  choice("network", [NETWORK]);
  choice("roadmap", ["LSTP"]);
  choice("synchronous", [true]);
  choice("activity", [ACTIVITY]);
  const cell = choice("cell", Object.keys(defaultLibrary.cells)), cellBits = number("cellBits"), inputBits = number("activationBits");
  if (cellBits > defaultLibrary.cells[cell]!.maxBits) throw new NotCovered(`config.cellBits ${cellBits} in ${cell}`);
  const nodeNm = number("nodeNm"), node = old ? `${nodeNm}-ptm` : String(nodeNm);
  if (!Object.hasOwn(defaultLibrary.technology, node)) throw new NotCovered(`config.nodeNm ${nodeNm} of ${config["tool"]}`);
  const rows = number("rows"), columns = number("columns"), { type, bits } = converter(config["adc"], old);
  const cut = { rows, columns, cellsPerWeight: Math.ceil(number("weightBits") / cellBits), cellBits, inputBits };
  const size = config["cellSizeF"];
  if (!Array.isArray(size) || size.length !== 2) throw new NotCovered(`config.cellSizeF ${JSON.stringify(size)}`);
  const layers = network().map(({ name, geometry, pooled }) => unpadded(layerWork({ name, geometry, pooled, ...cut }), geometry));
  const signed = shares(inputBits, (u) => Math.round((2 * u - 1) * top(inputBits)));
  const options: EstimateOptions = {
    ...{ node, cell, adc: { type, bits } },
    columnsPerAdc: number("columnsPerAdc"),
    rowsInParallel: number("rowsInParallel"),
    schedule: choice("schedule", ["pipelined", "layer-by-layer"] as const),
    speedUp: number("speedUpDegree"),
    interconnect: choice("interconnect", ["xy-bus", "H-tree"]),
    temperatureK: number("temperatureK"),
    buffers: old ? "bit" : "vector",
    // Sizes and resistances are those of its resistive cells, and stand in the configs of SRAM unused.
    ...(cell === "SRAM" ? {} : {
      onResistanceOhm: number("resistanceOnOhm"),
      offResistanceOhm: number("resistanceOffOhm"),
      cellSizeF: [Number(size[0]), Number(size[1])],
    }),
    activity: {
      inputOnes: shares(inputBits, (u) => Math.floor(Math.max(0, 2 * u - 1) ** 2 * top(inputBits) + 0.5)),
      cellShare: meanLevel(number("weightBits"), cellBits),
      layers: { [layers[0]!.name]: { inputOnes: signed } },
    },
  };
  return { work: { rows, columns, layers }, options };
}

/** Our estimate of a run, from its config alone. */
export function neurosimEstimate(config: unknown, where: string): Estimate {
  const { work, options } = neurosimWork(config, where);
  return estimate(work, options);
}

function converter(adc: unknown, old: boolean): { type: string; bits: number } {
  if (!isRecord(adc) || typeof adc["bits"] !== "number") throw new NotCovered(`config.adc ${JSON.stringify(adc)}`);
  const { type, bits, sense, ...rest } = adc, strange = Object.keys(rest)[0];
  if (strange !== undefined) throw new NotCovered(`config.adc.${strange}`);
  if (type === "SAR" && sense === undefined) return { type, bits: bits as number };
  if (type === "flash" && sense === "current") return { type: old ? "flash-wide" : "flash", bits: bits as number };
  throw new NotCovered(`config.adc ${JSON.stringify(adc)}`);
}

/** Layers of the network, and what is pooled behind each. */
function network(): (LayerGeometry & { pooled: number })[] {
  const net = vgg7(), shapes = inferShapes(net), pooled = new Map<string, number>();
  let last = "";
  for (const { name, op, inputs } of net.layers) {
    if (op === "conv" || op === "linear") last = name;
    if (op === "maxPool") pooled.set(last, elements(shapes.get(inputs[0]!)!));
  }
  return layerGeometries(net).map((layer) => ({ ...layer, pooled: pooled.get(layer.name) ?? 0 }));
}

/** Its count of windows, without padding; and its count of operations, as if there were. */
function unpadded(work: LayerWork, { kernel, padding, outputShape }: LayerGeometry["geometry"]): LayerWork {
  const windows = (outputShape[0] - 2 * padding[0]) * (outputShape[1] - 2 * padding[1]), places = outputShape[0] * outputShape[1];
  const { rows } = work.blocks[0]!, macs = places * rows * outputShape[2];
  if (padding[0] * 2 + 1 !== kernel[0] && padding[0] !== 0) throw new NotCovered(`padding ${padding}`);
  return { ...work, windows, inside: 1, macs, blocks: work.blocks.map((block) => ({ ...block, activations: windows })) };
}

const top = (bits: number) => 2 ** (bits - 1) - 1;

/** Points at which the distribution of u is looked at. */
const POINTS = 4096;

function shares(bits: number, value: (u: number) => number): number[] {
  return bitShares(Array.from({ length: POINTS }, (_, at) => value((at + 0.5) / POINTS) & 2 ** bits - 1), bits);
}

/** Mean level over the highest of cells that hold two's complement weights. */
function meanLevel(bits: number, cellBits: number): number {
  const ones = shares(bits, (u) => Math.round((2 * u - 1) * top(bits)));
  let sum = 0;
  for (const [bit, share] of ones.entries()) sum += share * 2 ** (bit % cellBits) / (2 ** cellBits - 1);
  return sum / Math.ceil(bits / cellBits);
}
