// How much a file may ask for: a hostile one must fail with a message, not with the machine.

import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";

/** Upper bounds on what an ONNX file may hold. Memory stays within a small multiple of `bytes`. */
export interface OnnxLimits {
  /** Bytes of the file, and of all its external data together; default 1 GiB. */
  readonly bytes?: number;
  /** Fields of all messages: nodes, attributes, names, numbers outside raw data; default 1 million. */
  readonly fields?: number;
  /** Elements of one constant, computed ones included; default 2^28. */
  readonly elements?: number;
  /** Numbers in one activation of one image; default 2^26. */
  readonly activation?: number;
}

/** {@linkcode OnnxLimits} with defaults filled in. */
export type FilledLimits = Readonly<Required<OnnxLimits>>;

const DEFAULTS: FilledLimits = { bytes: 2 ** 30, fields: 1_000_000, elements: 2 ** 28, activation: 2 ** 26 };

/** Fills in defaults. @throws {OptionError} on an unknown limit or one that is not a positive integer. */
export function fillLimits(limits: OnnxLimits = {}): FilledLimits {
  checkOptions("read an ONNX file", "limits", limits, Object.keys(DEFAULTS));
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new OptionError("read an ONNX file", { where: `limits.${name}`, got: value, wanted: "a positive integer" });
  }
  return { ...DEFAULTS, ...limits };
}
