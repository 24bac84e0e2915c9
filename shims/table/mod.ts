// The part of @cliffy/table that this project uses, drawn by npm:cli-table3, for machines that do not reach JSR.
import CliTable from "npm:cli-table3@0.6.5";

/** What a cell may hold. */
export type CellValue = string | number | boolean | bigint | null | undefined;
/** Where text stands in a column. */
export type Direction = "left" | "center" | "right";

/** A text table: `new Table().header([...]).body([[...]]).border().toString()`. */
export class Table {
  #header: readonly CellValue[] | undefined;
  #rows: (readonly CellValue[])[] = [];
  #border = false;
  #align = new Map<number, Direction>();
  #padding = 1;
  #indent = 0;

  /** A table of rows. */
  static from(rows: readonly (readonly CellValue[])[]): Table {
    return new Table(...rows);
  }

  /** A table of rows. */
  constructor(...rows: readonly (readonly CellValue[])[]) {
    this.#rows = [...rows];
  }

  /** Sets the first row. */
  header(cells: readonly CellValue[]): this {
    this.#header = cells;
    return this;
  }

  /** Sets the rows below the header. */
  body(rows: readonly (readonly CellValue[])[]): this {
    this.#rows = [...rows];
    return this;
  }

  /** Adds a row. */
  push(...rows: readonly (readonly CellValue[])[]): number {
    return this.#rows.push(...rows);
  }

  /** Draws lines around the cells; off by default. */
  border(enable = true): this {
    this.#border = enable;
    return this;
  }

  /** Aligns every column, left by default. */
  align(direction: Direction): this {
    this.#align.clear();
    for (let index = 0; index < 256; index++) this.#align.set(index, direction);
    return this;
  }

  /** Aligns one column. */
  column(index: number, options: { align?: Direction }): this {
    this.#align.set(index, options.align ?? "left");
    return this;
  }

  /** Blanks on the right of a cell, and on both sides within borders; 1 by default. */
  padding(padding: number): this {
    this.#padding = padding;
    return this;
  }

  /** Blanks before each line; 0 by default. */
  indent(width: number): this {
    this.#indent = width;
    return this;
  }

  /** Draws the table. */
  toString(): string {
    const rows = this.#header === undefined ? this.#rows : [this.#header, ...this.#rows];
    const columns = Math.max(0, ...rows.map((row) => row.length));
    if (columns === 0) return "";
    const table = new CliTable({
      colAligns: Array.from({ length: columns }, (_, index) => this.#align.get(index) ?? "left"),
      style: {
        head: [],
        border: [],
        "padding-left": this.#border ? this.#padding : 0,
        "padding-right": this.#padding,
        compact: !this.#border,
      },
      ...(this.#border ? {} : { chars: noLines }),
      ...(this.#header === undefined || !this.#border ? {} : { head: filled(this.#header, columns) }),
    });
    table.push(...(this.#border ? this.#rows : rows).map((row) => filled(row, columns)));
    const text: string = table.toString();
    return text.split("\n").map((line) => " ".repeat(this.#indent) + (this.#border ? line : line.trimEnd())).join("\n");
  }

  /** Prints the table. */
  render(): this {
    console.log(this.toString());
    return this;
  }
}

const noLines = Object.fromEntries(
  "top,top-mid,top-left,top-right,bottom,bottom-mid,bottom-left,bottom-right,left,left-mid,mid,mid-mid,right,right-mid,middle".split(",")
    .map((name) => [name, ""]),
);

function filled(row: readonly CellValue[], columns: number): string[] {
  return Array.from({ length: columns }, (_, index) => String(row[index] ?? ""));
}
