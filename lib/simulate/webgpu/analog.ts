// Plans an analog step: one kernel that gathers, adds up, disturbs and converts, in as many launches as cells and loops need.

import analogCode from "../../../kernels/analog.wgsl" with { type: "text" };
import planesText from "../../../kernels/analog_planes.wgsl" with { type: "text" };
import productsText from "../../../kernels/analog_products.wgsl" with { type: "text" };
import { DeviceError, NumericError } from "../../errors.ts";
import { hasPackedDot } from "../../gpu/features.ts";
import { compile } from "../../gpu/program.ts";
import type { TemplateValues } from "../../gpu/template.ts";
import { hash } from "../../random.ts";
import { NOISE_LEVELS } from "../noise.ts";
import type { AnalogStep } from "../program.ts";
import { rowsOf } from "../reference/crossbar.ts";
import { checkCodes } from "./analog_codes.ts";
import { analogParts, type AnalogSizes, rowsOfPart } from "./analog_parts.ts";
import { analogTable, floatBits, PAIRS } from "./analog_table.ts";
import { bindings, type Constant, type Launch, type PlanContext, type StepPlan } from "./launch.ts";
import { adjacentQuads, rowSource } from "./planes.ts";
import { bucket } from "./product.ts";
import { heightOf, type Tile, type TileShape, tileShapes, tileValues, widthOf } from "./tiles.ts";

/** Runs of four rows in workgroup memory at once. */
const DEPTH = 8;
/** Sums an invocation keeps: more would spill from registers. */
const SUMS = 64;
/** Tiles of either kind worth compiling and measuring on a GPU. */
const TRIED = 3;
/** Multiply-adds per image below which a software adapter takes longer to compile large tiles than they save. */
const SMALL = 2 ** 24;
/** Rounds of nested loops that every adapter runs. */
const ROUNDS = 60000;

/** A tile of an analog step. */
export interface AnalogTile extends TileShape {
  /** Whether its sums are made of i8 planes of the cells, else of 32-bit products. */
  readonly planes: boolean;
}

/**
 * Plans an analog step.
 *
 * @throws {OptionError} if factors are not integers where sums are.
 * @throws {NumericError} if sums of codes, or the variance of a conversion, could overflow.
 * @throws {DeviceError} if something exceeds the device.
 */
export async function planAnalog(context: PlanContext, step: AnalogStep): Promise<StepPlan> {
  const { device, none } = context;
  const { geometry, lines, converter, noise, correction, offset, drives = 1 } = step;
  // To the kernel, each drive level of a row with cells of its own is a row.
  const tiles = step.tiles.map((row) => row * drives);
  const { groups, inputShape: [height, width, channels], outputShape: [outHeight, outWidth, columns] } = geometry;
  const { name } = context.program.values[step.output]!;
  const perGroup = columns / groups, positions = outHeight * outWidth, rows = rowsOf(geometry) * drives;
  const values = templateValues(step, name);
  checkCodes(step, name);
  const planes = planeCount(step.cells);
  const choices = tilesFor(context, step, Number(values.DIGITS));
  if (choices.length === 0) {
    throw new DeviceError("plan an analog step", {
      where: name,
      got: `${device.limits.workgroupMemory} bytes of workgroup memory on ${device.description}`,
      wanted: "room for one tile",
    });
  }
  const sources: Constant = { data: sourceList(step, values.RUN4 === 1), label: `${name} rows` };
  const table: Constant = { data: analogTable({ ...step, tiles }), label: `${name} converters` };
  const offsets = offset === undefined ? none : { data: offset, label: `${name} offsets` };
  const top = converter.kind === "none" ? 0 : converter.levels - 1;
  const search = converter.kind === "thresholds" && top > 0 ? 2 ** Math.floor(Math.log2(top)) : 0;
  const key = [
    "analog",
    step.inputBits,
    step.digitBits,
    step.drives === undefined ? "digits" : `${drives} drives`,
    converter.kind,
    noise === undefined ? "quiet" : noise.variance === undefined ? "noisy" : "varied",
    bucket(perGroup),
    bucket(positions),
    bucket(rows * lines),
    bucket(groups),
    planes,
  ].join(" ");
  return { launches: await context.tiles.pick(context, { key, choices, scratch: { bits: 0, counts: 0, flags: 0 }, make }) };

  async function make(tile: Tile): Promise<readonly Launch[]> {
    const shape = tile as AnalogTile;
    const kernel = await compile(device, {
      label: "analog crossbar",
      code: analogCode,
      bindings: bindings("rrrrrrw"),
      values: {
        ...values,
        ...tileValues(shape, DEPTH * (shape.planes ? Number(values.DIGITS) : 1), DEPTH),
        PLANES: Number(shape.planes),
        SUMS_TEXT: shape.planes ? planesText : productsText,
      },
    });
    const columnTiles = Math.ceil(perGroup / widthOf(shape));
    const sizes: AnalogSizes = {
      groups,
      lines,
      tiles,
      rowBytes: perGroup * 4,
      bytes: device.limits.bindingSize,
      rounds: (tileRows) =>
        roundsOf(shape, {
          rows: tileRows,
          digits: Number(values.DIGITS),
          search,
          parts: shape.planes ? planes + Number(values.VARIED) : 1,
        }),
      mostRounds: ROUNDS,
      name,
    };
    const begun = new Set<number>();
    return analogParts(sizes).map((part): Launch => {
      const [from, to] = rowsOfPart(sizes, part);
      const groupCount = part.groups[1] - part.groups[0];
      const resumed = Number(begun.has(part.groups[0]));
      begun.add(part.groups[0]);
      const cells: Constant = { data: step.cells.subarray(from * perGroup, to * perGroup), label: `${name} cells` };
      const variance = noise?.variance === undefined
        ? none
        : { data: noise.variance.subarray(from * perGroup, to * perGroup), label: `${name} variance` };
      const fixed = [positions, columns, perGroup, columnTiles, lines, rows, tiles.length - 1]
        .concat([part.groups[0], groupCount, ...part.lines, ...part.tiles, from, resumed])
        .concat([channels, channels / groups, height, width, outHeight, outWidth, ...geometry.stride, ...geometry.padding])
        .concat([top, search, Number(converter.kind === "thresholds" && converter.perColumn)])
        .concat([converter.kind === "none" ? floatBits(correction) : correction, noise === undefined ? 0 : hash(noise.key), planes]);
      return {
        kernel,
        operands: [step.input, sources, cells, table, offsets, variance, step.output],
        params: (batch, first = 0) => [batch * positions, ...fixed, first],
        groups: (batch) => Math.ceil(batch * positions / heightOf(shape)) * groupCount * columnTiles,
      };
    });
  }
}

/** Tiles that fit and whose sums stay in registers, the best guess first; where there are very many sums, those with the fewest. */
function tilesFor({ device }: PlanContext, { geometry, cells, digitBits, noise, drives }: AnalogStep, digits: number): AnalogTile[] {
  const varied = noise?.variance !== undefined, columns = geometry.outputShape[2] / geometry.groups;
  const limits = { ...device.limits, workgroupMemory: device.limits.workgroupMemory - PAIRS * 4 };
  const sums = ({ rows, columns }: TileShape) => rows * columns * digits * (varied ? 2 : 1);
  const kind = (planes: boolean, perPosition: number, perColumn: number, registers: number): AnalogTile[] => {
    const shapes = tileShapes(limits, { perPosition, perColumn, columns });
    const most = Math.max(registers, shapes.reduce((least, shape) => Math.min(least, sums(shape)), Infinity));
    return shapes.filter((shape) => sums(shape) <= most).map((shape) => ({ ...shape, planes }));
  };
  const products = kind(false, DEPTH * 4, DEPTH * (varied ? 20 : 16), device.software ? Infinity : SUMS);
  if (device.software) {
    const work = cells.length * geometry.outputShape[0] * geometry.outputShape[1] * digits;
    return work >= SMALL ? products : products.sort((a, b) => sums(a) - sums(b) || widthOf(a) * heightOf(a) - widthOf(b) * heightOf(b));
  }
  // A digit is an i8, its square an u8.
  const packs = hasPackedDot() && (drives !== undefined || digitBits <= (varied ? 4 : 7));
  return [...packs ? kind(true, DEPTH * 4 * digits, DEPTH * 4, SUMS).slice(0, TRIED) : [], ...products.slice(0, TRIED)];
}

/** i8 planes that hold every cell. */
function planeCount(cells: Int32Array): number {
  let [least, most] = [0, 0];
  for (let at = 0; at < cells.length; at++) {
    const cell = cells[at]!;
    if (cell < least) least = cell;
    else if (cell > most) most = cell;
  }
  let planes = 1;
  for (let ones = 1; planes < 4 && (least < -128 * ones || most > 127 * ones); planes++) ones = 256 * ones + 1;
  return planes;
}

/** Rounds of all loops for one line of a tile; `parts` is how often its rows are passed. */
function roundsOf(
  shape: TileShape,
  { rows, digits, search, parts }: { readonly rows: number; readonly digits: number; readonly search: number; readonly parts: number },
): number {
  const loads = (heightOf(shape) + widthOf(shape)) * DEPTH / (shape.lanesX * shape.lanesY);
  const searches = search === 0 ? 0 : shape.rows * shape.columns * (Math.log2(search) + 1);
  return parts * (Math.ceil(rows / (DEPTH * 4)) * (3 + loads + DEPTH) + 1) + digits * (1 + searches) + 1;
}

/** Names of the step in the kernel's text. */
function templateValues(step: AnalogStep, name: string): TemplateValues {
  const { inputBits, digitBits, converter, noise, tiles, drives } = step;
  const digits = Math.ceil(inputBits / digitBits), perDigit = Array.from({ length: digits }, (_, digit) => digit);
  const varied = noise?.variance !== undefined;
  // A digit may reach beyond the code's bits, but never into the next byte.
  const masks = perDigit.map((digit) => 2 ** Math.min(digitBits, 8 - digit * digitBits) - 1);
  const longest = tiles.slice(1).reduce((most, end, tile) => Math.max(most, end - tiles[tile]!), 0);
  const variance = varied ? longest * (drives === undefined ? Math.max(...masks) ** 2 : 1) * 255 : 0;
  const furthest = Math.max(0, ...noise?.levelShift ?? []);
  if (variance >= 2 ** 48 || furthest > 47) {
    throw new NumericError("sum variances", {
      where: name,
      got: `up to ${variance}, shifted by up to ${furthest}`,
      wanted: "less than 2^48, shifted by less than 48",
    });
  }
  return {
    SUM: converter.kind === "none" ? "f32" : "i32",
    REAL: Number(converter.kind === "none"),
    UNIFORM: Number(converter.kind === "uniform"),
    THRESHOLDS: Number(converter.kind === "thresholds"),
    NOISY: Number(noise !== undefined),
    VARIED: Number(varied),
    WIDE: Number(variance >= 2 ** 32),
    CORRECTED: Number(step.correction !== 0),
    OFFSET: Number(step.offset !== undefined),
    DRIVEN: Number(drives !== undefined),
    DRIVES: drives ?? 1,
    RUN4: Number(drives === undefined && adjacentQuads(step) && tiles.every((start) => start % 4 === 0)),
    LEVELS: NOISE_LEVELS,
    TILES_AT: PAIRS,
    DEPTH,
    QUAD: 4,
    DIGITS: digits,
    DIGIT: digitBits,
    MASK: masks,
    MOVES: digits - 1,
    NEXT: perDigit.map((digit) => digit + 1),
    BYTE0: perDigit.map((digit) => digit * digitBits),
    BYTE1: perDigit.map((digit) => digit * digitBits + 8),
    BYTE2: perDigit.map((digit) => digit * digitBits + 16),
    BYTE3: perDigit.map((digit) => digit * digitBits + 24),
  };
}

/** (dy · 65536 + dx, channel) of every row, or of every fourth where four adjacent channels follow. */
function sourceList(step: AnalogStep, quads: boolean): Uint32Array {
  const every = quads ? 4 : 1, list = new Uint32Array(Math.ceil(step.rowIndex.length / every) * 2);
  for (let row = 0; row < step.rowIndex.length; row += every) list.set(rowSource(step, row), row / every * 2);
  return list;
}
