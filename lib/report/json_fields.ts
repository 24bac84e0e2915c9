// Checks of JSON that came from elsewhere: a field that is missing, unknown or of the wrong type is refused with its path.

import { FileError } from "../errors.ts";

/** What is attempted, in messages. */
export const READ = "read stored results";

/** Parses text; takes anything else as parsed. @throws {FileError} if the text is not JSON. */
export function parseJson(json: unknown): unknown {
  if (typeof json !== "string") return json;
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new FileError(READ, { got: (cause as Error).message, wanted: "JSON", cause });
  }
}

/** Checks one value; throws with its path. */
export type Check = (value: unknown, where: string) => void;

/** A finite number. */
export const number: Check = (value, where) => refuse(Number.isFinite(value), value, where, "a finite number");
/** Any text. */
export const text: Check = (value, where) => refuse(typeof value === "string", value, where, "a text");
/** An object with any fields. */
export const record: Check = (value, where) => void fields(value, where);
/** Any number. */
export const real: Check = (value, where) => refuse(typeof value === "number", value, where, "a number");
/** True or false. */
export const flag: Check = (value, where) => refuse(typeof value === "boolean", value, where, "true or false");
/** A number from 0 to 1. */
export const share: Check = (value, where) =>
  refuse(typeof value === "number" && value >= 0 && value <= 1, value, where, "a number from 0 to 1");
/** Null, or what the check lets pass. */
export const orNull = (check: Check): Check => (value, where) => value === null || check(value, where);
/** A list of such values. */
export const list = (check: Check): Check => (value, where) => {
  refuse(Array.isArray(value), value, where, "a list");
  (value as unknown[]).forEach((entry, index) => check(entry, `${where}[${index}]`));
};
/** An object of these fields, of others too where `open`. */
export const shape = (wanted: Checks, open = false): Check => (value, where) => checkFields(fields(value, where), where, wanted, open);
/** An object of such values by any name. */
export const each = (check: Check): Check => (value, where) => {
  for (const [name, entry] of Object.entries(fields(value, where))) check(entry, `${where}.${name}`);
};

/** Checks by field; a name that ends in "?" may be absent. */
export type Checks = Readonly<Record<string, Check>>;

/** Refuses missing and wrong fields, and unknown ones unless `open`. */
export function checkFields(value: Readonly<Record<string, unknown>>, where: string, checks: Checks, open = false): void {
  for (const [key, check] of Object.entries(checks)) {
    const name = key.replace("?", ""), path = `${where}.${name}`;
    if (value[name] === undefined) refuse(key.endsWith("?"), undefined, path, "a value: the field is missing");
    else check(value[name], path);
  }
  const unknown = open ? undefined : Object.keys(value).find((name) => !Object.hasOwn(checks, name) && !Object.hasOwn(checks, `${name}?`));
  if (unknown === undefined) return;
  const wanted = `one of ${Object.keys(checks).map((key) => key.replace("?", "")).join(", ")}`;
  throw new FileError(READ, { where: `${where}.${unknown}`, got: "an unknown field", wanted });
}

/** The value as an object. @throws {FileError} if it is none. */
export function fields(value: unknown, where: string): Readonly<Record<string, unknown>> {
  refuse(typeof value === "object" && value !== null && !Array.isArray(value), value, where, "an object");
  return value as Record<string, unknown>;
}

/** Throws with the path unless the value is right. */
function refuse(right: boolean, got: unknown, where: string, wanted: string): void {
  if (!right) throw new FileError(READ, { where, got, wanted });
}
