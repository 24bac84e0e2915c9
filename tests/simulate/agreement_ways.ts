// A WebGPU backend that takes every way in turn: which of the kernels that are right for a layer runs is drawn from the layer's class.

import type { GpuDevice } from "../../lib/gpu/device.ts";
import { hash } from "../../lib/random.ts";
import type { Backend } from "../../lib/simulate/backend.ts";
import type { Program } from "../../lib/simulate/program.ts";
import { prepareSession } from "../../lib/simulate/webgpu/session.ts";
import type { TilePicker, TileShape } from "../../lib/simulate/webgpu/tiles.ts";
import { GROUP } from "./agreement.ts";

/** Small tiles, because software adapters compile large ones slowly. */
const SHAPES: readonly TileShape[] = [
  { lanesX: 8, lanesY: 4, rows: 1, columns: 1 },
  { lanesX: 4, lanesY: 4, rows: 2, columns: 1 },
  { lanesX: 4, lanesY: 2, rows: 1, columns: 2 },
];

/** Shares of tiles up to which clip-only converters are corrected: all, some batches, none. */
const SHARES = [1, 1, 0.2, 0] as const;

/** Takes tiles for two thirds of the draws where any are possible, of one shape each; else the kernel without. Corrects clipping in most draws. */
export function drawnTiles(draw: number): TilePicker {
  const shape = SHAPES[draw % SHAPES.length]!, tiled = hash(draw, 1) % 3 !== 0;
  return {
    correctShare: SHARES[hash(draw, 2) % SHARES.length]!,
    pick: (_, { choices, make }) => {
      const [direct, able] = [choices.includes("direct"), choices.some((choice) => choice !== "direct")];
      return make(able && (tiled || !direct) ? shape : "direct");
    },
  };
}

/** A backend on an open device, which stays the caller's; programs draw their ways by the group of their cases, so that a case alone takes the same. */
export function mixedBackend(device: GpuDevice): Pick<Backend, "prepare" | "description"> {
  const group = ({ values }: Program) => Math.floor(Number(values.find(({ name }) => name.startsWith("case "))?.name.slice(5)) / GROUP);
  return { description: device.description, prepare: (program) => prepareSession(device, program, { tiles: drawnTiles(group(program)) }) };
}
