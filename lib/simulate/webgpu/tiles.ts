// Tile shapes: how many positions and columns a workgroup takes, from the limits of the device. Every shape gives the same result.

import type { DeviceLimits } from "../../gpu/device.ts";
import type { TemplateValues } from "../../gpu/template.ts";
import type { Launch, PlanContext, Scratch } from "./launch.ts";

/** A workgroup of lanesX × lanesY invocations, each with `rows` positions and `columns` columns in registers. */
export interface TileShape {
  readonly lanesX: number;
  readonly lanesY: number;
  readonly rows: number;
  readonly columns: number;
}

/** A tile in workgroup memory, or the kernel without: columns on lanes. */
export type Tile = TileShape | "direct";

/** Shapes tried; lanesX · lanesY is a multiple of the height, lanesY · rows. */
const SHAPES: readonly TileShape[] = [
  { lanesX: 16, lanesY: 16, rows: 4, columns: 4 }, // 64 × 64
  { lanesX: 16, lanesY: 16, rows: 8, columns: 4 }, // 128 × 64
  { lanesX: 16, lanesY: 8, rows: 8, columns: 4 }, // 64 × 64 on half the lanes
  { lanesX: 16, lanesY: 8, rows: 4, columns: 2 }, // 32 × 32
  { lanesX: 8, lanesY: 8, rows: 4, columns: 4 }, // 32 × 32 on half the lanes
  { lanesX: 8, lanesY: 8, rows: 4, columns: 2 }, // 32 × 16
];

/** What a tile needs per position and per column, in bytes of workgroup memory. */
export interface TileNeeds {
  readonly perPosition: number;
  readonly perColumn: number;
  /** Columns a tile can fill. */
  readonly columns: number;
}

/** Shapes that the device can run, the best guess first: 64 × 64, or the narrowest tile where columns are few. */
export function tileShapes(limits: DeviceLimits, { perPosition, perColumn, columns }: TileNeeds): TileShape[] {
  const fitting = SHAPES.filter((shape) =>
    shape.lanesX * shape.lanesY <= limits.invocations &&
    heightOf(shape) * perPosition + widthOf(shape) * perColumn <= limits.workgroupMemory
  );
  const spare = (shape: TileShape) => Math.ceil(columns / widthOf(shape)) * widthOf(shape);
  return fitting.map((shape, order) => ({ shape, order })).sort((a, b) => spare(a.shape) - spare(b.shape) || a.order - b.order)
    .map(({ shape }) => shape);
}

/** Positions a workgroup takes. */
export function heightOf({ lanesY, rows }: TileShape): number {
  return lanesY * rows;
}

/** Columns a workgroup takes. */
export function widthOf({ lanesX, columns }: TileShape): number {
  return lanesX * columns;
}

/** Names of a shape in kernel texts, with the sizes of both arrays in workgroup memory. */
export function tileValues(shape: TileShape, leftPerPosition: number, rightPerColumn: number): TemplateValues {
  const { lanesX, lanesY, rows, columns } = shape;
  return {
    LANES_X: lanesX,
    LANES_Y: lanesY,
    ROWS: rows,
    COLUMNS: columns,
    LEFT: heightOf(shape) * leftPerPosition,
    RIGHT: widthOf(shape) * rightPerColumn,
  };
}

/** Launches that can be made in several ways. */
export interface TileRequest {
  /** Class of shapes that the same choice serves. */
  readonly key: string;
  /** Ways open, the best guess first; at least one. */
  readonly choices: readonly Tile[];
  /** Scratch space they touch, in bytes per image. */
  readonly scratch: Readonly<Partial<Record<Scratch, number>>>;
  /** Makes the launches one way. */
  make(tile: Tile): Promise<readonly Launch[]>;
}

/** Decides between tiles. */
export interface TilePicker {
  /** The launches in the way chosen. */
  pick(context: PlanContext, request: TileRequest): Promise<readonly Launch[]>;
  /** Largest share of tiles redone where converters only clip, 0 for none; by default what pays on the device. */
  readonly correctShare?: number;
  /** Called when a program is prepared: remembers what was found out beyond this process. */
  keep?(): Promise<void>;
}

/** Always takes the choice at `index`, or the last one: no measurement. */
export function fixedTiles(index = 0): TilePicker {
  return { pick: (_, { choices, make }) => make(choices[Math.min(index, choices.length - 1)]!) };
}
