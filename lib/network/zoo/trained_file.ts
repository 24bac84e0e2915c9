// Trained networks as files: safetensors with weights as packed codes, the graph and how it was trained in the header.

import { FileError } from "../../errors.ts";
import { packCodes, unpackCodes } from "../../io/packed_codes.ts";
import { decodeSafetensors, encodeSafetensors } from "../../io/safetensors.ts";
import { writeAtomic } from "../../io/atomic.ts";
import { decodeWeights } from "../../quantize/decode.ts";
import { elements, type Tensor, tensor, type TypedArray } from "../../tensor.ts";
import type { Network, TrainedCodes } from "../graph.ts";
import { validate } from "../validate.ts";

/** A network read back, with what was noted when it was saved. */
export interface TrainedFile {
  /** The network, codes included. */
  readonly network: Network;
  /** Command, recipe, accuracy: whatever was given to {@linkcode encodeTrained}. */
  readonly notes: Readonly<Record<string, unknown>>;
}

const FORMAT = "bitline network 1";
const CODES = ".codes";
const SCALES = ".codes.scales";

/** Encodes a network; `notes` are kept as JSON. */
export function encodeTrained(network: Network, notes: Readonly<Record<string, unknown>> = {}): Uint8Array {
  const { parameters, codes = {}, kind: _, ...graph } = network;
  const tensors: Record<string, Tensor<TypedArray>> = {}, packed: Record<string, unknown> = {};
  for (const [name, values] of Object.entries(parameters)) {
    const trained = codes[name];
    if (trained === undefined) {
      tensors[name] = values;
      continue;
    }
    const { codes: integers, scales, quantizer, bits: width, zero, scale, signed } = trained, bits = width ?? quantizer.bits;
    const bytes = packCodes(signed ? integers.data.map((code) => code + 2 ** (bits - 1)) : integers.data, bits);
    tensors[name + CODES] = tensor(bytes, [bytes.length]);
    if (scales !== undefined) tensors[name + SCALES] = tensor(scales, [scales.length]);
    packed[name] = { quantizer, ...(width === undefined ? {} : { bits: width }), zero, scale, signed, shape: integers.shape };
  }
  return encodeSafetensors(tensors, {
    format: FORMAT,
    graph: JSON.stringify(graph),
    codes: JSON.stringify(packed),
    notes: JSON.stringify(notes),
  });
}

/**
 * Decodes a network; quantised weights get their codes' values as parameters.
 *
 * @param where Name of the file, for messages.
 * @throws {FileError} if the file is not a network of this format, or is damaged.
 *
 * @example
 * ```ts
 * import { decodeTrained, encodeTrained, lenet } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const { network, notes } = decodeTrained(encodeTrained(lenet(), { seed: 1 }));
 * assertEquals([network.name, notes.seed], ["lenet", 1]);
 * ```
 */
export function decodeTrained(bytes: Uint8Array, where = "network file"): TrainedFile {
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  if (metadata["format"] !== FORMAT) {
    throw new FileError("read a trained network", { where, got: metadata["format"] ?? "no format field", wanted: FORMAT });
  }
  try {
    const parameters: Record<string, Tensor> = {}, codes: Record<string, TrainedCodes> = {};
    const packed = JSON.parse(metadata["codes"]!) as Record<string, Omit<TrainedCodes, "codes"> & { shape: number[] }>;
    for (const [name, { data, shape }] of Object.entries(tensors)) {
      if (name.endsWith(SCALES)) continue;
      if (!name.endsWith(CODES)) {
        parameters[name] = tensor(new Float32Array(data), shape);
        continue;
      }
      const parameterName = name.slice(0, -CODES.length), { shape: extents, ...entry } = packed[parameterName]!;
      const bits = entry.bits ?? entry.quantizer.bits, scales = tensors[parameterName + SCALES]?.data;
      const integers = new Int16Array(unpackCodes(data as Uint8Array, bits, elements(extents))), shift = entry.signed ? 2 ** (bits - 1) : 0;
      if (shift !== 0) { for (let at = 0; at < integers.length; at++) integers[at]! -= shift; }
      const coded: TrainedCodes = {
        ...entry,
        codes: tensor(integers, extents),
        ...(scales === undefined ? {} : { scales: new Float32Array(scales) }),
      };
      codes[parameterName] = coded;
      parameters[parameterName] = decodeWeights(coded);
    }
    const network = { kind: "network", ...JSON.parse(metadata["graph"]!), parameters, codes } as Network;
    validate(network);
    return { network, notes: JSON.parse(metadata["notes"] ?? "{}") };
  } catch (cause) {
    throw new FileError("read a trained network", {
      where,
      got: (cause as Error).message,
      wanted: `a complete file of format ${FORMAT}`,
      cause,
    });
  }
}

/** Writes a network by temporary file and rename. @throws {FileError} if it cannot be written. */
export async function saveTrained(network: Network, path: string, notes: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await writeAtomic(path, encodeTrained(network, notes), { makeFolders: true });
}

/** Reads a network from a path or URL. @throws {FileError} if it cannot be read or is damaged. */
export async function loadTrained(source: string | URL): Promise<TrainedFile> {
  const where = String(source);
  let bytes: Uint8Array;
  try {
    // Modules loaded from a registry have https addresses; files of a checkout have paths.
    bytes = source instanceof URL && source.protocol !== "file:" ? await (await fetch(source)).bytes() : await Deno.readFile(source);
  } catch (cause) {
    throw new FileError("read a trained network", { where, got: (cause as Error).message, wanted: "a readable file", cause });
  }
  return decodeTrained(bytes, where);
}
