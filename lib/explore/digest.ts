// Keys of points: one hash of everything that a result depends on, whatever order its fields stand in.

import { OptionError } from "../errors.ts";
import { sha256 } from "../io/sha256.ts";

/**
 * SHA-256 of plain data as hexadecimal digits: fields in any order, typed arrays by their bytes, fields that are undefined left out.
 *
 * @throws {OptionError} if there is a function in it: two of them cannot be told apart.
 */
export async function digest(value: unknown): Promise<string> {
  return await sha256(await canonical(value, ""));
}

async function canonical(value: unknown, where: string): Promise<string> {
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return `${value.constructor.name}(${await sha256(bytes)})`;
  }
  if (Array.isArray(value)) return `[${(await inTurn(value.map((each, at) => () => canonical(each, `${where}[${at}]`)))).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    if ("toJSON" in value && typeof value.toJSON === "function") return await canonical(value.toJSON(), where);
    const entries = Object.entries(value).filter(([, each]) => each !== undefined).sort(([a], [b]) => a < b ? -1 : 1);
    const parts = await inTurn(
      entries.map(([name, each]) => async () =>
        `${JSON.stringify(name)}:${await canonical(each, where === "" ? name : `${where}.${name}`)}`
      ),
    );
    return `{${parts.join(",")}}`;
  }
  if (typeof value === "function") {
    throw new OptionError("tell designs apart", { where, got: "a function", wanted: "plain data" });
  }
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : JSON.stringify(value) ?? "null";
}

async function inTurn(work: readonly (() => Promise<string>)[]): Promise<string[]> {
  const results: string[] = [];
  for (const each of work) results.push(await each());
  return results;
}
