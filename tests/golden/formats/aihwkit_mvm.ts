// Analog products of the inference toolkit without noise: W [out, in], X [batch, in] and results [batch, out] under the names of their settings.
//
// `exact`; `default_nonoise`; and `<scale>_<bound management>` or `<scale>` alone, the scale being none, absmax or const followed by a number.

import { analogMvm, type AnalogMvmOptions } from "../../../lib/device/analog_mvm.ts";
import { FileError } from "../../../lib/errors.ts";
import type { Tensor } from "../../../lib/tensor.ts";
import { type Format, type GoldenCase, type GoldenFile, isRecord, NotCovered, relativeError } from "../format.ts";

const LIMIT = 1e-5;

/** Analog products. */
export const aihwkitMvm: Format = {
  name: "aihwkit products",
  matches: ({ json }) => isRecord(json) && ["W", "X", "exact"].every((name) => Object.hasOwn(json, name)),
  open,
};

function open({ path, stem, json }: GoldenFile): GoldenCase {
  const file = json as Record<string, unknown>, weights = matrix(file["W"], `${path}: W`), x = matrix(file["X"], `${path}: X`);
  const checks = Object.entries(file).filter(([name]) => name !== "W" && name !== "X").map(([name, value]) => {
    const wanted = matrix(value, `${path}: ${name}`), options = settings(name);
    return () => relativeError(analogMvm(weights, x, options).data, wanted.data);
  });
  return { name: stem, limit: LIMIT, needsBackend: false, run: () => Promise.resolve(Math.max(...checks.map((check) => check()))) };
}

/** Options behind a name. @throws {NotCovered} if it says something else. */
function settings(name: string): AnalogMvmOptions {
  if (name === "exact") {
    const open = { inputBound: Infinity, outputBound: Infinity, inputResolution: 0, outputResolution: 0 };
    return { ...open, inputScale: "none", outputNoise: 0 };
  }
  if (name === "default_nonoise") return { outputNoise: 0 };
  const [, scale, constant, , bound] = /^(none|absmax|const(\d+(?:\.\d+)?))(_(none|iterative))?$/.exec(name) ?? [];
  if (scale === undefined) throw new NotCovered(`result ${name}`);
  return {
    inputScale: constant !== undefined ? Number(constant) : scale === "none" ? "none" : "absMax",
    boundManagement: bound === "iterative" ? "iterative" : "none",
    outputNoise: 0,
  };
}

function matrix(value: unknown, where: string): Tensor<Float64Array> {
  const rows: unknown[] = Array.isArray(value) ? value : [], width = Array.isArray(rows[0]) ? rows[0].length : 0;
  const sound = width > 0 && rows.every((row) => Array.isArray(row) && row.length === width && row.every(Number.isFinite));
  if (!sound) throw new FileError("open a golden case", { where, got: typeof value, wanted: "rows of numbers" });
  return { shape: [rows.length, width], data: Float64Array.from(rows.flat() as number[]) };
}
