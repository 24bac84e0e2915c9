// Splits an analog step into launches whose cells fit one binding and whose loops every adapter runs to the end.

import { DeviceError } from "../../errors.ts";

/** From … to, the end excluded. */
export type Range = readonly [from: number, to: number];

/** What one launch adds up. Its cells are contiguous in `[group][line][row]`. */
export interface AnalogPart {
  readonly groups: Range;
  readonly lines: Range;
  readonly tiles: Range;
}

/** Sizes of an analog step, and what a launch can take. */
export interface AnalogSizes {
  readonly groups: number;
  readonly lines: number;
  /** First row of each tile, and the end. */
  readonly tiles: readonly number[];
  /** Bytes of the cells of one row of one line. */
  readonly rowBytes: number;
  /** Most bytes of cells. */
  readonly bytes: number;
  /** Rounds of the kernel's loops for one line of a tile of so many rows. */
  rounds(rows: number): number;
  /** Most rounds. */
  readonly mostRounds: number;
  /** Layer, for messages. */
  readonly name: string;
}

/** First row of a part, and the end, in `[group][line][row]`. */
export function rowsOfPart({ lines, tiles }: Pick<AnalogSizes, "lines" | "tiles">, part: AnalogPart): Range {
  const rows = tiles.at(-1)!;
  const from = (part.groups[0] * lines + part.lines[0]) * rows + tiles[part.tiles[0]]!;
  const to = ((part.groups[1] - 1) * lines + part.lines[1] - 1) * rows + tiles[part.tiles[1]]!;
  return [from, to];
}

/**
 * One part if everything fits; else groups apart, in runs of lines, or where a line alone does not fit, runs of tiles of it.
 *
 * @throws {DeviceError} if one line of one tile does not fit.
 */
export function analogParts(sizes: AnalogSizes): AnalogPart[] {
  const { groups, lines, tiles, name } = sizes, count = tiles.length - 1;
  const all: AnalogPart = { groups: [0, groups], lines: [0, lines], tiles: [0, count] };
  if (fits(sizes, all)) return [all];
  return Array.from({ length: groups }, (_, group): Range => [group, group + 1]).flatMap((group) => {
    const whole = (range: Range): AnalogPart => ({ groups: group, lines: range, tiles: [0, count] });
    return runs(lines, (range) => fits(sizes, whole(range))).flatMap((range) => {
      if (fits(sizes, whole(range))) return [whole(range)];
      const some = (tileRange: Range): AnalogPart => ({ groups: group, lines: range, tiles: tileRange });
      return runs(count, (tileRange) => fits(sizes, some(tileRange))).map((tileRange) => {
        const part = some(tileRange);
        if (fits(sizes, part)) return part;
        throw new DeviceError("put a layer on the GPU", {
          where: name,
          got: `tile ${tileRange[0]} of ${tiles[tileRange[1]]! - tiles[tileRange[0]]!} rows of ${sizes.rowBytes} bytes`,
          wanted: `at most ${sizes.bytes} bytes`,
          hint: "Use arrays of fewer rows.",
        });
      });
    });
  });
}

/** The fewest runs of `count` items that fit, taken from the front; an item that does not fit is a run of its own. */
function runs(count: number, fit: (range: Range) => boolean): Range[] {
  const found: Range[] = [];
  for (let from = 0; from < count;) {
    let to = from + 1;
    while (to < count && fit([from, to + 1])) to++;
    found.push([from, to]);
    from = to;
  }
  return found;
}

function fits(sizes: AnalogSizes, part: AnalogPart): boolean {
  const [from, to] = rowsOfPart(sizes, part);
  if ((to - from) * sizes.rowBytes > sizes.bytes) return false;
  let rounds = 0;
  for (let tile = part.tiles[0]; tile < part.tiles[1]; tile++) rounds += sizes.rounds(sizes.tiles[tile + 1]! - sizes.tiles[tile]!) + 1;
  return rounds * (part.lines[1] - part.lines[0]) <= sizes.mostRounds;
}
