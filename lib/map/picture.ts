// A picture of one array of a placement: which cells hold which tap of the kernel, as SVG text.

import { MappingError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { escapeXml } from "../report/plot_style.ts";
import { tapOf } from "./activations.ts";
import type { Pattern, Placement } from "./placement.ts";

/** Which array to draw, and how. */
export interface PictureOptions {
  /** Number of the pattern, default 0. */
  readonly pattern?: number;
  /** Row tile of the pattern, default 0. */
  readonly rowTile?: number;
  /** Column tile of the pattern, default 0. */
  readonly columnTile?: number;
  /** Line above the picture; default says which array it is. */
  readonly title?: string;
  /** Side of the longer edge of the array in the picture, in pixels; default 480. */
  readonly size?: number;
}

/** Consecutive rows (or columns) at one position. */
interface Run {
  readonly start: number;
  readonly length: number;
  readonly dy: number;
  readonly dx: number;
  readonly group: number;
  readonly block: number;
}

const ACTION = "draw a placement";

/**
 * Draws one array: every rectangle is a run of word lines that read one pixel crossed with a run of bit lines that make one output, coloured by the
 * tap of the kernel it holds; white cells are unused.
 *
 * @throws {OptionError} if an option is unknown.
 * @throws {MappingError} if the placement has no such array.
 *
 * @example
 * ```ts
 * import { placementSvg, publishedLayers, vwSdkMapping } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const { geometry } = publishedLayers("CNN-8")[0]!;
 * const svg = placementSvg(vwSdkMapping({ geometry, rows: 256, columns: 512 }).place());
 * assert(svg.startsWith("<svg") && svg.endsWith("</svg>\n"));
 * ```
 */
export function placementSvg(placement: Placement, options: PictureOptions = {}): string {
  checkOptions(ACTION, "picture", options, ["pattern", "rowTile", "columnTile", "title", "size"]);
  const { pattern: number = 0, rowTile = 0, columnTile = 0, size = 480 } = options;
  const pattern = placement.patterns[number];
  if (pattern === undefined) throw missing("pattern", number, placement.patterns.length);
  const { geometry, rows, columns } = placement;
  const { kernel, stride, dilation, groups, inputShape, outputShape } = geometry;
  const down = runs(pattern.rows, pattern.rowTiles, "rowTile", rowTile, inputShape[2] / groups, pattern.blocks?.rows);
  const across = runs(pattern.columns, pattern.columnTiles, "columnTile", columnTile, outputShape[2] / groups, pattern.blocks?.columns);
  const scale = size / Math.max(rows, columns);
  const [left, top] = [110, 92];
  const parts: string[] = [];
  const used = new Set<number>();
  for (const row of down) {
    for (const column of across) {
      if (row.group !== column.group || row.block !== column.block) continue;
      const ky = tapOf(row.dy, column.dy, stride[0], dilation[0], kernel[0]),
        kx = tapOf(row.dx, column.dx, stride[1], dilation[1], kernel[1]);
      if (ky < 0 || kx < 0) continue;
      used.add(ky * kernel[1] + kx);
      const box = [left + column.start * scale, top + row.start * scale, column.length * scale, row.length * scale].map(short);
      parts.push(
        `<rect x="${box[0]}" y="${box[1]}" width="${box[2]}" height="${box[3]}" fill="${
          colour(ky, kx, kernel)
        }" stroke="#fff" stroke-width="0.3"><title>` +
          `pixel (${row.dy}, ${row.dx}) to output (${column.dy}, ${column.dx}): tap (${ky}, ${kx}), ${row.length} × ${column.length} cells</title></rect>`,
      );
    }
  }
  for (const row of down) {
    if (row.length * scale >= 9) {
      parts.push(text(left - 6, top + (row.start + row.length / 2) * scale + 3, "end", `pixel ${row.dy}, ${row.dx}`));
    }
  }
  for (const column of across) {
    if (column.length * scale < 9) continue;
    const x = short(left + (column.start + column.length / 2) * scale + 3), y = top - 6;
    parts.push(`<text x="${x}" y="${y}" transform="rotate(-60 ${x} ${y})">output ${column.dy}, ${column.dx}</text>`);
  }
  const legend = [...used].sort((a, b) => a - b).map((tap, index) => {
    const ky = Math.floor(tap / kernel[1]), kx = tap % kernel[1], y = top + 16 * index, x = left + columns * scale + 16;
    return `<rect x="${short(x)}" y="${y}" width="11" height="11" fill="${colour(ky, kx, kernel)}"/>` +
      text(x + 16, y + 9, "start", `tap ${ky}, ${kx}`);
  });
  const title = options.title ?? `pattern ${number + 1} of ${placement.patterns.length}, array ${rowTile + 1}, ${columnTile + 1}`;
  const width = short(left + columns * scale + 90), height = short(Math.max(top + rows * scale, top + 16 * legend.length) + 14);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="9">
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="18" font-size="13">${escapeXml(title)}</text>
<rect x="${left}" y="${top}" width="${short(columns * scale)}" height="${short(rows * scale)}" fill="none" stroke="#333"/>
${[...parts, ...legend].join("\n")}
</svg>
`;
}

function runs(
  entries: Pattern["rows"],
  tiles: readonly number[],
  name: string,
  tile: number,
  perGroup: number,
  blocks: Uint16Array | undefined,
): Run[] {
  const start = tiles[tile], end = tiles[tile + 1];
  if (start === undefined || end === undefined) throw missing(name, tile, tiles.length - 1);
  const found: Run[] = [];
  for (let at = start; at < end; at++) {
    const dy = entries[3 * at]!, dx = entries[3 * at + 1]!, group = Math.floor(entries[3 * at + 2]! / perGroup), block = blocks?.[at] ?? 0;
    const last = found.at(-1);
    if (last !== undefined && last.dy === dy && last.dx === dx && last.group === group && last.block === block) {
      found[found.length - 1] = { ...last, length: last.length + 1 };
    } else found.push({ start: at - start, length: 1, dy, dx, group, block });
  }
  return found;
}

function missing(name: string, got: number, count: number): MappingError {
  return new MappingError(ACTION, { where: `picture.${name}`, got, wanted: `an integer from 0 to ${count - 1}` });
}

/** Hue by tap, lighter towards the last kernel row. */
function colour(ky: number, kx: number, [height, width]: readonly [number, number]): string {
  return `hsl(${Math.round(360 * (ky * width + kx) / (height * width))} 65% ${Math.round(45 + 20 * ky / height)}%)`;
}

const short = (value: number) => Number(value.toFixed(2));
const text = (x: number, y: number, anchor: string, content: string) =>
  `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}">${content}</text>`;
