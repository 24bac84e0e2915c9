// Kernels are unrolled as text: shader compilers do not reliably unroll loops, and sizes of registers must be known when compiling.

import { OptionError } from "../errors.ts";

/** What a template can name: numbers, texts, and lists of numbers indexed by a loop variable. */
export type TemplateValues = Readonly<Record<string, number | string | readonly number[]>>;

/**
 * Expands a kernel text. Lines starting with `//#` are directives, closed by `//#end` and nested at will:
 *
 * - `//#for i in COUNT` repeats the lines for i = 0 … COUNT − 1,
 * - `//#if NAME` … `//#else` keeps the lines if NAME is not 0 and not empty,
 * - `//#include NAME` inserts the text NAME and expands it in place.
 *
 * `{{NAME}}` becomes a number or text, `{{NAME[i]}}` an element of a list, `{{i}}` a loop variable.
 *
 * @throws {OptionError} if a name is unknown or a block is not closed.
 */
export function expand(source: string, values: TemplateValues): string {
  const lines = source.split("\n");
  const result: string[] = [];
  const end = block(lines, 0, values, result);
  if (end < lines.length) throw fault("//#end without a block", lines[end]!);
  return result.join("\n");
}

/** Expands lines from `start` up to the end of the enclosing block, whose index it gives back. */
function block(lines: readonly string[], start: number, values: TemplateValues, result: string[]): number {
  let at = start;
  while (at < lines.length) {
    const line = lines[at]!;
    const [directive, name = "", , bound = ""] = line.trim().split(/\s+/);
    if (directive === "//#end" || directive === "//#else") return at;
    if (directive === "//#for") {
      const count = Number(look(bound, values));
      for (let index = 0; index < count; index++) block(lines, at + 1, { ...values, [name]: index }, result);
      at = close(lines, at);
    } else if (directive === "//#if") {
      const chosen = look(name, values);
      const middle = close(lines, at, "//#else");
      const keep = chosen !== 0 && chosen !== "";
      if (keep) block(lines, at + 1, values, result);
      else if (lines[middle]!.trim() === "//#else") block(lines, middle + 1, values, result);
      at = close(lines, at);
    } else if (directive === "//#include") {
      block(String(look(name, values)).split("\n"), 0, values, result);
    } else {
      result.push(line.replace(/\{\{([^}]+)\}\}/g, (_, expression: string) => String(look(expression, values))));
    }
    at++;
  }
  return at;
}

/** Index of the line that ends the block opened at `open`: its `//#end`, or an earlier `stop` of the same block. */
function close(lines: readonly string[], open: number, stop = "//#end"): number {
  let depth = 0;
  for (let at = open; at < lines.length; at++) {
    const directive = lines[at]!.trim().split(/\s+/)[0];
    if (directive === "//#for" || directive === "//#if") depth++;
    else if (directive === stop && depth === 1) return at;
    else if (directive === "//#end" && --depth === 0) return at;
  }
  throw fault("a block that is not closed", lines[open]!);
}

function look(expression: string, values: TemplateValues): number | string {
  const [, name = "", index] = /^(\w+)(?:\[(\w+)\])?$/.exec(expression.trim()) ?? [];
  const value = values[name];
  const item = index === undefined ? value : (value as readonly number[] | undefined)?.[Number(look(index, values))];
  if (typeof item !== "number" && typeof item !== "string") throw fault("an unknown name", expression);
  return item;
}

function fault(got: string, line: string): OptionError {
  return new OptionError("expand a kernel", { where: line.trim(), got });
}
