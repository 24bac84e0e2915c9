// What a network asks of a chip: per layer its blocks of arrays and how often each is activated, with everything that moves in and out.

import { OptionError } from "../errors.ts";
import { macs } from "../map/activations.ts";
import { columnLayout } from "../map/layout.ts";
import type { MappedLayer, MappedNetwork } from "../map/mapped.ts";
import { INPUT, type Network } from "../network/graph.ts";
import { inferShapes } from "../network/shapes.ts";
import type { Geometry } from "../simulate/program.ts";
import { elements } from "../tensor.ts";

/** Rows in arrays: kernel positions apart, each in a processing element of its own; all rows unfolded; or whatever the placement did. */
export type RowLayout = "kernel" | "im2col" | "placed";

/** Matrices of equal size, each cut into arrays that are activated together. */
export interface Block {
  /** How many. */
  readonly count: number;
  /** Arrays down. */
  readonly rowTiles: number;
  /** Arrays across. */
  readonly columnTiles: number;
  /** Rows of the matrix. */
  readonly rows: number;
  /** Physical columns of the matrix: slices, pairs and reference columns counted, in every column tile. */
  readonly columns: number;
  /** Columns of weights: what is left once the slices of each weight are added up. */
  readonly outputs: number;
  /** Activations of each array per image. */
  readonly activations: number;
}

/** One layer, as an estimate sees it. */
export interface LayerWork {
  /** Name of the layer. */
  readonly name: string;
  /** How its rows lie. */
  readonly layout: RowLayout;
  /** Kernel positions that have processing elements of their own; 1 unless the layout is "kernel". */
  readonly positions: number;
  /** Its matrices: one, or those of groups or patterns. */
  readonly blocks: readonly Block[];
  /** Cells that hold a weight or reference, once. */
  readonly cells: number;
  /** Bits of an input. */
  readonly inputBits: number;
  /** Bits of a cell. */
  readonly cellBits: number;
  /** Inputs that a window has to be sent: all rows, or where windows overlap in place only the new ones. */
  readonly inputsPerWindow: number;
  /** Outputs of a window. */
  readonly outputsPerWindow: number;
  /** Windows per image. */
  readonly windows: number;
  /** Values of the input and output image, for buffers. */
  readonly inputSize: number;
  /** Values of the output image. */
  readonly outputSize: number;
  /** Values read by a pooling layer behind this one; 0 if there is none. */
  readonly pooled: number;
  /** Multiply-accumulates per image, padded positions not counted. */
  readonly macs: number;
  /** Share of the pixels of all windows that lie inside the image, 1 without padding. */
  readonly inside: number;
  /** Mean level of the cells over the highest, 0 to 1; absent if unknown. */
  readonly cellShare?: number;
}

/** What {@linkcode layerWork} is told of a layer that has no placement. */
export interface WorkOptions {
  /** Name of the layer. */
  readonly name: string;
  /** Its window. */
  readonly geometry: Geometry;
  /** Rows of an array. */
  readonly rows: number;
  /** Physical columns of an array. */
  readonly columns: number;
  /** Physical columns of a weight. */
  readonly cellsPerWeight: number;
  /** Physical columns an array has beside those of weights; default 0. */
  readonly references?: number;
  /** Bits of a cell. */
  readonly cellBits: number;
  /** Bits of an input. */
  readonly inputBits: number;
  /** How rows lie; default the one that takes fewer arrays, kernel positions apart where both do alike. A kernel of one position is "im2col". */
  readonly layout?: "kernel" | "im2col";
  /** Values read by a pooling layer behind this one; default 0. */
  readonly pooled?: number;
}

const ACTION = "count the work of a layer";

/**
 * Work of a layer from its window alone: the matrix of every group cut into arrays, by kernel position, or unfolded with small groups side by side.
 *
 * @throws {OptionError} if an array is too narrow for one weight.
 *
 * @example
 * ```ts
 * import { layerWork } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const window = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
 * const geometry = { ...window, inputShape: [32, 32, 128], outputShape: [32, 32, 128] } as const;
 * const work = layerWork({ name: "conv2", geometry, rows: 128, columns: 128, cellsPerWeight: 8, cellBits: 1, inputBits: 8 });
 * assertEquals([work.layout, work.positions, work.windows], ["kernel", 9, 1024]);
 * assertEquals(work.blocks, [{ count: 1, rowTiles: 9, columnTiles: 8, rows: 1152, columns: 1024, outputs: 128, activations: 1024 }]);
 * ```
 */
export function layerWork(options: WorkOptions): LayerWork {
  const { name, geometry, rows, columns, cellsPerWeight, references = 0, cellBits, inputBits, pooled = 0 } = options;
  const { kernel, groups, inputShape, outputShape } = geometry, positions = kernel[0] * kernel[1];
  const fitting = Math.floor((columns - references) / cellsPerWeight);
  if (fitting < 1) {
    throw new OptionError(ACTION, { where: name, got: `arrays of ${columns} columns`, wanted: `${cellsPerWeight + references}` });
  }
  const channels = inputShape[2] / groups, out = outputShape[2] / groups, taps = positions * channels;
  // Unfolded groups share an array, as far as they fit, corner to corner.
  const together = Math.max(1, Math.min(groups, Math.floor(rows / taps), Math.floor(fitting / out)));
  const unfolded = Math.ceil(taps / rows) * Math.ceil(groups / together), apart = groups * positions * Math.ceil(channels / rows);
  const layout = positions > 1 && (options.layout ?? (apart <= unfolded ? "kernel" : "im2col")) === "kernel" ? "kernel" : "im2col";
  const matrix = (count: number, packed: number): Block => {
    const columnTiles = Math.ceil(packed * out / fitting);
    return {
      count,
      rowTiles: layout === "kernel" ? positions * Math.ceil(channels / rows) : Math.ceil(packed * taps / rows),
      columnTiles,
      rows: packed * taps,
      columns: packed * out * cellsPerWeight + columnTiles * references,
      outputs: packed * out,
      activations: outputShape[0] * outputShape[1],
    };
  };
  const packed = layout === "kernel" ? 1 : together, rest = groups % packed;
  const blocks = [matrix(Math.floor(groups / packed), packed), ...(rest === 0 ? [] : [matrix(1, rest)])];
  return {
    name,
    layout,
    positions: layout === "kernel" ? positions : 1,
    blocks,
    cells: groups * taps * out * cellsPerWeight +
      blocks.reduce((sum, block) => sum + block.count * block.rows * block.columnTiles, 0) * references,
    inputBits,
    cellBits,
    ...traffic(geometry, layout, 1),
    pooled,
  };
}

/** What moves for a layer whose activations make `outputs` positions each. */
function traffic(geometry: Geometry, layout: RowLayout, outputs: number) {
  const { kernel, stride, inputShape, outputShape } = geometry;
  // Kernel positions apart: a window hands its pixels on to its neighbours, so that only its newest columns of pixels are sent.
  const fresh = layout === "im2col" ? kernel[0] * kernel[1] : kernel[0] * Math.min(kernel[1], stride[1]);
  const all = outputShape[0] * outputShape[1] * kernel[0] * kernel[1] * inputShape[2] / geometry.groups * outputShape[2],
    inner = macs({ geometry });
  return {
    inputsPerWindow: fresh * inputShape[2] * (layout === "placed" ? Math.sqrt(outputs) : 1),
    outputsPerWindow: outputShape[2] * outputs,
    windows: Math.ceil(outputShape[0] * outputShape[1] / outputs),
    inputSize: elements(inputShape),
    outputSize: elements(outputShape),
    macs: inner,
    inside: inner / all,
  };
}

/** How {@linkcode networkWork} reads a mapped network. */
export interface NetworkWorkOptions {
  /** How rows lie; default "placed", as the network was mapped. */
  readonly layout?: RowLayout;
}

/**
 * Work of every array layer of a mapped network.
 *
 * Blocks are the patterns of the placement; one by the mapper "kernel" or "im2col" counts as that layout, any other as "placed". With "kernel" or "im2col" asked
 * for, each layer is cut anew, whatever its placement.
 */
export function networkWork(mapped: MappedNetwork, { layout = "placed" }: NetworkWorkOptions = {}): LayerWork[] {
  const { network } = mapped.sliced.quantized, behind = surroundings(network, new Set(Object.keys(mapped.layers)));
  const bits = mapped.sliced.quantized.activations;
  return Object.entries(mapped.layers).map(([name, layer]) => {
    const { relu, pooled } = behind.get(name)!, inputBits = relu === undefined ? 8 : bits[relu]?.bits ?? 8;
    const { perWeight, references } = columnLayout(layer.sliced), { cellBits } = layer.sliced, { geometry } = layer.placement;
    const cellShare = meanLevel(layer);
    const read = { name, inputBits, cellBits, pooled, cellShare };
    if (layout !== "placed") {
      const { rows, columns } = mapped;
      return { ...layerWork({ ...read, geometry, rows, columns, cellsPerWeight: perWeight, references, layout }), cellShare };
    }
    const positions = layer.method === "kernel" ? geometry.kernel[0] * geometry.kernel[1] : 1;
    const label = positions > 1 ? "kernel" : layer.method === "kernel" || layer.method === "im2col" ? "im2col" : "placed";
    const { patterns, skipsIdle } = layer.placement;
    const planned = patterns.reduce((sum, { origins, rowTiles, columnTiles }) => {
      return sum + origins.length / 2 * (rowTiles.length - 1) * (columnTiles.length - 1);
    }, 0);
    // Idle activations left out are taken from all arrays alike.
    const busy = skipsIdle && planned > 0 ? layer.cycles / planned : 1;
    const blocks = alike(patterns.map(({ rows, columns, rowTiles, columnTiles, origins }): Block => ({
      count: 1,
      rowTiles: rowTiles.length - 1,
      columnTiles: columnTiles.length - 1,
      rows: rows.length / 3,
      columns: columns.length / 3 * perWeight + (columnTiles.length - 1) * references,
      outputs: columns.length / 3,
      activations: origins.length / 2 * busy,
    })));
    const busiest = blocks.reduce((most, { activations }) => Math.max(most, activations), 1);
    const outputs = label === "placed" ? Math.max(1, geometry.outputShape[0] * geometry.outputShape[1] / busiest) : 1;
    const cells = layer.arrays.reduce((sum, array) => sum + array.weights * perWeight + array.rows * references, 0);
    return { ...read, layout: label, positions, blocks, cells, ...traffic(geometry, label, outputs) };
  });
}

/** Blocks of equal size counted together. */
function alike(blocks: readonly Block[]): Block[] {
  const found = new Map<string, Block>();
  for (const block of blocks) {
    const key = JSON.stringify({ ...block, count: 0 }), known = found.get(key);
    found.set(key, known === undefined ? block : { ...known, count: known.count + block.count });
  }
  return [...found.values()];
}

/** Cells looked at for their mean level. */
const SAMPLE = 65_536;

/** Mean level of a layer's cells over the highest a cell can hold, on an evenly spaced sample. */
function meanLevel({ sliced: { slices, negative, cellBits } }: MappedLayer): number {
  const top = 2 ** cellBits - 1;
  const mean = (data: Uint8Array) => {
    // An odd stride visits all columns and slices alike.
    const stride = Math.max(1, Math.floor(data.length / SAMPLE)) | 1;
    let sum = 0, count = 0;
    for (let at = 0; at < data.length; at += stride) {
      sum += data[at]!;
      count++;
    }
    return sum / count / top;
  };
  return negative === undefined ? mean(slices.data) : (mean(slices.data) + mean(negative.data)) / 2;
}

/** For each array layer the relu whose codes it reads, if any, and how many values a pooling layer reads behind it. */
function surroundings(network: Pick<Network, "input" | "layers">, names: ReadonlySet<string>) {
  const shapes = inferShapes(network), relus = new Map<string, string>(), owners = new Map<string, string>();
  const found = new Map([...names].map((name) => [name, { relu: undefined as string | undefined, pooled: 0 }]));
  for (const { name, op, inputs: [first = INPUT] } of network.layers) {
    const relu = relus.get(first), owner = owners.get(first);
    if (op === "relu") relus.set(name, name);
    else if (relu !== undefined && op !== "conv" && op !== "linear") relus.set(name, relu);
    if (op === "conv" || op === "linear") {
      if (names.has(name)) {
        owners.set(name, name);
        if (relu !== undefined) found.get(name)!.relu = relu;
      }
      continue;
    }
    if (owner === undefined) continue;
    owners.set(name, owner);
    if (op === "maxPool" || op === "averagePool" || op === "globalAveragePool") found.get(owner)!.pooled += elements(shapes.get(first)!);
  }
  return found;
}
