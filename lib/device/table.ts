// A device measured by the user: mean and deviation of each level from a CSV file, interpolated between levels.

import { FileError, OptionError } from "../errors.ts";
import { ACTION, checkDeviceOptions, type Device, readNumber } from "./device.ts";

/** What was measured of one level. */
export interface MeasuredLevel {
  /** Conductance aimed at, in any unit, the same throughout a table. */
  readonly target: number;
  /** Mean conductance after writing, in the same unit. */
  readonly mean: number;
  /** Standard deviation after writing, in the same unit. */
  readonly sigma: number;
  /** Mean drift coefficient ν of g(t) = g·((t + t₀)/t₀)^−ν. Default 0. */
  readonly nu?: number;
  /** Standard deviation of ν from cell to cell. Default 0. */
  readonly nuSigma?: number;
  /** Standard deviation of each reading, in the same unit. Default 0. */
  readonly noise?: number;
}

/** Options of {@linkcode tableDevice}. */
export interface TableOptions {
  /** Levels by ascending target; the first and last are the lowest and the highest state. */
  readonly levels: readonly MeasuredLevel[];
  /** Time t₀ of the drift law in s. Default 1. */
  readonly start?: number;
}

const COLUMNS = ["target", "mean", "sigma", "nu", "nuSigma", "noise"] as const;
const NEEDED = 3;

/**
 * A device from measured levels, linear in between: g = max(mean + σ·ξ, 0) after writing, drift by the target's ν = max(ν + σ_ν·ξ, 0), noise by the
 * conductance read. Columns left out have no effect. Conductances are divided by the highest target.
 *
 * @throws {OptionError} if there are fewer than two levels, targets do not ascend from 0 or more, or a value is out of range.
 *
 * @example
 * ```ts
 * import { parseLevels, tableDevice } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const levels = parseLevels("target,mean,sigma\n5,5.5,1\n50,49,3\n");
 * const cell = tableDevice({ levels });
 * assertAlmostEquals(cell.gMin, 0.1);
 * assertAlmostEquals(cell.program!(1, () => 1), 52 / 50);
 * ```
 */
export function tableDevice(options: TableOptions): Device {
  const model = "table";
  checkDeviceOptions(model, options, ["levels", "start"]);
  const start = readNumber(options, "start", 1, model, { min: 0, above: true });
  const { levels } = options;
  if (!Array.isArray(levels) || levels.length < 2) {
    throw new OptionError(ACTION, { where: `${model}.levels`, got: levels ?? null, wanted: "at least two levels" });
  }
  let before = -Infinity;
  const rows = levels.map((level: MeasuredLevel, index) => {
    const where = `${model}.levels[${index}]`;
    checkDeviceOptions(where, level, COLUMNS);
    const row = Object.fromEntries(
      COLUMNS.map((name, at) => [name, readNumber(level, name, at < NEEDED ? NaN : 0, where, name === "nu" ? {} : { min: 0 })]),
    ) as unknown as Required<MeasuredLevel>;
    if (!(row.target > before)) {
      throw new OptionError(ACTION, { where: `${where}.target`, got: row.target, wanted: `more than ${before}, the level before` });
    }
    before = row.target;
    return row;
  });
  const top = before, targets = rows.map(({ target }) => target / top);
  const curve = (name: (typeof COLUMNS)[number], unit: number) => {
    const values = rows.map((row) => row[name] / unit);
    return values.some((value) => value !== 0) ? (g: number) => interpolate(targets, values, g) : undefined;
  };
  const [mean, sigma, noise] = [curve("mean", top), curve("sigma", top), curve("noise", top)];
  const [nu, nuSigma] = [curve("nu", 1), curve("nuSigma", 1)];
  return {
    name: model,
    description: { model, levels: rows.map((row) => ({ ...row })), start },
    gMin: targets[0]!,
    program: (target, draw) => Math.max((mean?.(target) ?? 0) + (sigma === undefined ? 0 : sigma(target) * draw("normal")), 0),
    ...(nu === undefined && nuSigma === undefined ? {} : {
      drift: (programmed, target, seconds, draw) => {
        const spread = nuSigma === undefined ? 0 : nuSigma(target) * draw("normal"), typical = nu?.(target) ?? 0;
        // A coefficient measured as negative stays so; one that is positive is not turned round by its spread.
        const exponent = typical < 0 ? typical + spread : Math.max(typical + spread, 0);
        return programmed * ((seconds + start) / start) ** -exponent;
      },
    }),
    ...(noise === undefined ? {} : { read: (g, _programmed, _seconds, draw) => Math.max(g + noise(g) * draw("normal"), 0) }),
  };
}

/**
 * Reads measured levels from CSV text: a line of column names (target, mean, sigma and optionally nu, nuSigma, noise, in any order), then one line per
 * level. Empty lines and lines starting with # are skipped; cells may be separated by commas or semicolons.
 *
 * @param where Path of the file in messages.
 * @throws {FileError} if a column is unknown, doubled or missing, or a cell is no number; the message names the line.
 *
 * @example
 * ```ts
 * import { parseLevels } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseLevels("# µS\nmean; target; sigma\n1.2; 1; 0.1"), [{ mean: 1.2, target: 1, sigma: 0.1 }]);
 * ```
 */
export function parseLevels(csv: string, where = "levels"): MeasuredLevel[] {
  const action = "read measured levels";
  if (typeof csv !== "string") throw new FileError(action, { where, got: csv ?? "nothing", wanted: "the text of a CSV file" });
  const lines = csv.replace(/^\uFEFF/, "").split(/\r?\n/).map((text, index) => ({ text: text.trim(), line: index + 1 }))
    .filter(({ text }) => text !== "" && !text.startsWith("#"));
  const cells = (text: string) => text.split(/[,;]/).map((cell) => cell.trim());
  const [head, ...body] = lines;
  const names = head === undefined ? [] : cells(head.text);
  const known = names.every((name, at) => (COLUMNS as readonly string[]).includes(name) && names.indexOf(name) === at);
  if (!known || COLUMNS.slice(0, NEEDED).some((name) => !names.includes(name))) {
    throw new FileError(action, {
      where: `${where}, line ${head?.line ?? 1}`,
      got: names,
      wanted: `columns among ${COLUMNS.join(", ")}, the first three at least`,
    });
  }
  return body.map(({ text, line }) => {
    const row = cells(text);
    if (row.length !== names.length) {
      throw new FileError(action, { where: `${where}, line ${line}`, got: row, wanted: `${names.length} cells` });
    }
    const entries = names.map((name, at) => {
      const value = row[at] === "" ? NaN : Number(row[at]);
      if (!Number.isFinite(value)) {
        throw new FileError(action, { where: `${where}, line ${line}, ${name}`, got: row[at], wanted: "a number" });
      }
      return [name, value] as const;
    });
    return Object.fromEntries(entries) as unknown as MeasuredLevel;
  });
}

/** Linear between points, constant beyond them. */
function interpolate(xs: readonly number[], ys: readonly number[], x: number): number {
  let right = 1;
  while (right < xs.length - 1 && x > xs[right]!) right++;
  const share = Math.min(Math.max((x - xs[right - 1]!) / (xs[right]! - xs[right - 1]!), 0), 1);
  return ys[right - 1]! * (1 - share) + ys[right]! * share;
}
