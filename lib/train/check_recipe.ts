// What a recipe from a file can get wrong outside its quantizers: schedule, augmentation, smoothing, switches. Every message has the field's path.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { Schedule } from "./schedule.ts";

const ACTION = "train";

/** Refuses what is no number, or outside the range. */
function checkNumber(where: string, got: unknown, least: number, most: number): void {
  if (typeof got === "number" && Number.isFinite(got) && got >= least && got <= most) return;
  throw new OptionError(ACTION, {
    where,
    got,
    wanted: most === Infinity ? `a finite number of at least ${least}` : `a number from ${least} to ${most}`,
  });
}

/** Refuses what is neither true nor false. */
function checkBoolean(where: string, got: unknown): void {
  if (typeof got !== "boolean") throw new OptionError(ACTION, { where, got, wanted: "true or false" });
}

/** Checks a learning-rate schedule. @throws {OptionError} naming the field. */
export function checkSchedule(schedule: Schedule, where: string): void {
  const kind: unknown = (schedule as Partial<Schedule> | null)?.kind;
  if (kind !== "cosine" && kind !== "step") {
    throw new OptionError(ACTION, { where: `${where}.kind`, got: kind, wanted: '"cosine" or "step"' });
  }
  if (schedule.kind === "cosine") {
    checkOptions(ACTION, where, schedule, ["kind", "peak", "warmup"]);
    checkNumber(`${where}.peak`, schedule.peak, 0, Infinity);
    checkNumber(`${where}.warmup`, schedule.warmup ?? 0, 0, 1);
    return;
  }
  checkOptions(ACTION, where, schedule, ["kind", "rate", "at", "factor"]);
  checkNumber(`${where}.rate`, schedule.rate, 0, Infinity);
  checkNumber(`${where}.factor`, schedule.factor ?? 0.1, 0, Infinity);
  if (!Array.isArray(schedule.at)) {
    throw new OptionError(ACTION, { where: `${where}.at`, got: schedule.at, wanted: "a list of shares of the run, 0 to 1" });
  }
  schedule.at.forEach((share, index) => checkNumber(`${where}.at.${index}`, share, 0, 1));
}

/** Checks the plain fields of a recipe beside its counts. @throws {OptionError} naming the field. */
export function checkPlainFields(
  { smoothing, augment, optimizer, layers = {} }: {
    readonly smoothing: number;
    readonly augment: { readonly pad: number; readonly flip: boolean };
    readonly optimizer: { readonly nesterov?: boolean };
    readonly layers?: Readonly<Record<string, unknown>>;
  },
): void {
  if (typeof layers !== "object" || layers === null || Array.isArray(layers)) {
    throw new OptionError(ACTION, { where: "recipe.layers", got: layers, wanted: "an object by layer name or pattern" });
  }
  checkNumber("recipe.smoothing", smoothing, 0, 1);
  if (!(Number.isInteger(augment.pad) && augment.pad >= 0)) {
    throw new OptionError(ACTION, { where: "recipe.augment.pad", got: augment.pad, wanted: "an integer of at least 0" });
  }
  checkBoolean("recipe.augment.flip", augment.flip);
  checkBoolean("recipe.optimizer.nesterov", optimizer.nesterov ?? true);
}
