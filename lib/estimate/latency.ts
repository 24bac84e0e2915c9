// How long a layer takes per image, in cycles of the clock, by what it waits for.

import type { Floorplan, LayerTiles } from "./floorplan.ts";
import type { Hardware } from "./hardware.ts";
import type { LayerWork } from "./work.ts";

/** Cycles of a layer per image. */
export interface Cycles {
  /** Arrays and their converters: input digits × columns per converter × row groups. */
  readonly array: number;
  /** Adder trees, activation and pooling behind them. */
  readonly accumulation: number;
  /** Inputs and outputs through the buffers of tile and processing element. */
  readonly buffer: number;
  /** Transfers between tiles. */
  readonly interconnect: number;
}

/** Registers a sum passes besides the levels of the adder trees: converter, shift-add, slices, out of array, element, tile and chip, activation, write. */
const STAGES = 9;

/**
 * Cycles of a layer per image; its copies share the windows.
 *
 * Buffers are read by sweeps through cores of few words: twice, for the tile and the processing element, by the share of the processing element's
 * rows that one window fills. Where windows do not hand pixels on, each takes a sweep and a transfer of its own, one after the other; else buses serve the
 * sets of tiles side by side. In a pipelined schedule the layers share them: the wider the chip, the longer a transfer waits.
 */
export function layerCycles(hardware: Hardware, work: LayerWork, plan: LayerTiles, { pe, grid }: Floorplan): Cycles {
  const { options, groups, rows } = hardware, { inputBits, windows, blocks, positions, inputsPerWindow, outputsPerWindow, pooled } = work;
  const { copies, sets, down, across } = plan, digits = Math.ceil(inputBits / options.digitBits);
  const busiest = blocks.reduce((most, { activations }) => Math.max(most, activations), 0);
  const steps = Math.ceil(busiest / copies);
  const tallest = blocks.reduce((most, { rowTiles }) => Math.max(most, rowTiles), 1);
  const passes = options.buffers === "bit" ? digits : 1;
  const accumulation = steps * passes * (Math.ceil(Math.log2(tallest)) + STAGES + (pooled > 0 ? 1 : 0));

  const { depth = 1, accessCycles = 0 } = hardware.circuit("sramBuffer").component, bitwise = options.buffers === "bit";
  const matrix = blocks[0]!;
  const filled = work.layout === "kernel"
    ? Math.min(1, matrix.rows / positions / (pe * rows))
    : bitwise
    ? Math.min(1, matrix.rows / (matrix.rowTiles * rows))
    : 1;
  const buffer = windows * (2 * depth * filled + accessCycles) * (bitwise ? inputBits : 1);

  const { widthBits = 1, serialisation = 1, sharing = 0 } = hardware.circuit(options.interconnect).component;
  const transfer = (inputsPerWindow / down + outputsPerWindow / across) * inputBits / widthBits * serialisation;
  const interconnect = (work.layout === "im2col" ? windows : Math.ceil(windows / sets)) * transfer *
    (options.schedule === "pipelined" ? Math.max(1, sharing * grid[0]) : 1);
  return { array: steps * digits * options.columnsPerAdc * groups, accumulation, buffer, interconnect };
}
