// ONNX files into networks: bytes checked before they are parsed, data in other files kept inside the folder of the first.

import { FileError, OptionError } from "../../errors.ts";
import type { Network, Shape } from "../../network/graph.ts";
import { validate } from "../../network/validate.ts";
import { checkOptions } from "../../options.ts";
import { folderOf } from "../atomic.ts";
import type { ExternalData } from "./constant.ts";
import { convertGraph } from "./convert.ts";
import { loadOnnx } from "./library.ts";
import { type FilledLimits, fillLimits, type OnnxLimits } from "./limits.ts";
import { type Normalisation, normalised } from "./normalise.ts";
import { scanModel } from "./scan.ts";
import type { OnnxEntry, OnnxModel, OnnxTensor } from "./schema.ts";

/** How an ONNX file is read. */
export interface OnnxOptions extends Normalisation {
  /** Name of the network; default that of the graph, or with `readOnnx` of the file. */
  readonly name?: string;
  /** Height, width and channels of an image, where the file leaves them open. */
  readonly input?: Shape;
  /** Bounds on what the file may hold. */
  readonly limits?: OnnxLimits;
  /** Called with a sentence for everything that was changed or left out. */
  readonly onNote?: (note: string) => void;
}

/** Other files open at once. */
const MOST_FILES = 256;

const KNOWN = ["name", "input", "limits", "onNote", "encoding", "mean", "std", "normalise"];

/**
 * Reads an ONNX classifier, operator sets 11 to 20, as a network: Conv, Gemm, MatMul, BatchNormalization, Relu, Clip from 0 (a relu with its `<relu>.alpha`),
 * pools, Add, Concat, Flatten, Reshape, Transpose, Split and Slice of channels, channel shuffles, Softmax, factors and shifts per channel,
 * QuantizeLinear and DequantizeLinear (trained codes of weights, clipping levels of activations); whatever is known without an image is computed.
 * Activations become height, width, channels; weights after a flatten are reordered to fit. Layers are named after their weights where these have names.
 *
 * Run the network in floating point with `runFloat(network, images, { clip: true })`: clipping levels are part of the file.
 *
 * The file's input is ((pixel − zero) · scale − mean) / std; without options pixel / 255.
 *
 * @throws {FileError} if the bytes are no whole ONNX model, ask for more than the limits, or name data in other files.
 * @throws {GraphError} naming the node that cannot be carried over, and why.
 * @throws {OptionError} if an option is unknown or wrong.
 *
 * @example
 * ```ts
 * import { decodeOnnx, encodeOnnx, lenet, runFloat, tensor } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const network = await decodeOnnx(await encodeOnnx(lenet()));
 * const images = tensor(new Uint8Array(784).map((_, i) => i % 251), [1, 28, 28, 1]);
 * assertAlmostEquals(runFloat(network, images).logits.data[3]!, runFloat(lenet(), images).logits.data[3]!, 1e-5);
 * ```
 */
export async function decodeOnnx(bytes: Uint8Array, options: OnnxOptions = {}): Promise<Network> {
  const limits = check(options);
  return convert(await parse(bytes, "onnx", limits), options, limits, (tensor) => {
    throw new FileError("read an ONNX file", {
      where: `tensor ${JSON.stringify(tensor.name)}`,
      got: "data in another file",
      wanted: "data in the file itself",
      hint: "Read it by its path with readOnnx.",
    });
  });
}

/**
 * Reads an ONNX file as {@linkcode decodeOnnx} does, with data in other files of the same folder or below.
 *
 * @throws {FileError} also if it cannot be read, or names data outside its folder.
 */
export async function readOnnx(path: string, options: OnnxOptions = {}): Promise<Network> {
  const limits = check(options), folder = folderOf(path), file = path.split(/[/\\]/).at(-1)!.replace(/\.onnx$/i, "");
  const { size } = await about(path, path);
  if (size > limits.bytes) throw tooLarge(path, size, limits);
  const model = await parse(await Deno.readFile(path), path, limits);
  // Files are opened before the graph is read, as reading them is the only thing here that waits.
  const files = new Map<string, Deno.FsFile & { readonly bytes: number }>(), left = { bytes: limits.bytes };
  try {
    for (const tensor of model.graph?.initializer ?? []) {
      if (tensor.dataLocation !== 1) continue;
      const location = locationOf(tensor);
      if (files.has(location)) continue;
      if (files.size === MOST_FILES) {
        throw new FileError("read an ONNX file", {
          where: path,
          got: `data in more than ${MOST_FILES} files`,
          wanted: "at most that many",
        });
      }
      const resolved = await inside(folder, location, tensor);
      files.set(location, Object.assign(await Deno.open(resolved, { read: true }), { bytes: (await about(resolved, path)).size }));
    }
    return convert(model, file === "" ? options : { name: file, ...options }, limits, (tensor, bytes) => {
      const file = files.get(locationOf(tensor))!,
        offset = Number(entry(tensor, "offset") ?? 0),
        length = Number(entry(tensor, "length") ?? bytes);
      left.bytes -= bytes;
      if (!Number.isSafeInteger(offset) || offset < 0 || length !== bytes || offset + bytes > file.bytes) {
        throw new FileError("read an ONNX file", {
          where: `tensor ${JSON.stringify(tensor.name)}`,
          got: `${length} bytes at ${offset} of a file of ${file.bytes}`,
          wanted: `${bytes} bytes inside it`,
        });
      }
      if (left.bytes < 0) throw tooLarge(path, limits.bytes - left.bytes, limits);
      const data = new Uint8Array(bytes);
      file.seekSync(offset, Deno.SeekMode.Start);
      for (let done = 0; done < bytes;) {
        const count = file.readSync(data.subarray(done));
        if (count === null) {
          throw new FileError("read an ONNX file", {
            where: locationOf(tensor),
            got: "the end of the file",
            wanted: `${bytes} bytes at ${offset}`,
          });
        }
        done += count;
      }
      return data;
    });
  } finally {
    for (const file of files.values()) file.close();
  }
}

function check(options: OnnxOptions): FilledLimits {
  checkOptions("read an ONNX file", "options", options, KNOWN);
  const { input, name } = options;
  if (
    input !== undefined && !(Array.isArray(input) && input.length === 3 && input.every((each) => Number.isSafeInteger(each) && each > 0))
  ) {
    throw new OptionError("read an ONNX file", { where: "input", got: input, wanted: "[height, width, channels]" });
  }
  if (name !== undefined && (typeof name !== "string" || name === "")) {
    throw new OptionError("read an ONNX file", { where: "name", got: name, wanted: "a name" });
  }
  return fillLimits(options.limits);
}

function tooLarge(where: string, size: number, { bytes }: FilledLimits): FileError {
  return new FileError("read an ONNX file", {
    where,
    got: `${size} bytes`,
    wanted: `at most ${bytes}`,
    hint: "Raise limits.bytes if this is meant.",
  });
}

async function parse(bytes: Uint8Array, where: string, limits: FilledLimits): Promise<OnnxModel> {
  if (bytes.length > limits.bytes) throw tooLarge(where, bytes.length, limits);
  const fault = scanModel(bytes, limits.fields);
  const hint = "The file is truncated, damaged or of another format";
  if (fault !== undefined) throw new FileError("read an ONNX file", { where, ...fault, hint });
  const library = await loadOnnx();
  let model: OnnxModel;
  try {
    model = library.decode(bytes);
  } catch (cause) {
    throw new FileError("read an ONNX file", { where, got: (cause as Error).message, wanted: "an ONNX model", hint, cause });
  }
  if (model.graph === undefined || model.opsetImport.length === 0) {
    throw new FileError("read an ONNX file", { where, got: "no graph or no operator set", wanted: "an ONNX model", hint });
  }
  return model;
}

function convert(model: OnnxModel, options: OnnxOptions, limits: FilledLimits, external: ExternalData): Network {
  const { input, onNote = () => {} } = options, name = options.name ?? (model.graph!.name.slice(0, 200) || "network");
  const { encoding, ...normalisation } = options, own = encoding ?? savedEncoding(model);
  const network = normalised(convertGraph(model, name, { input, limits, external, note: onNote }), {
    ...normalisation,
    ...(own === undefined ? {} : { encoding: own }),
  });
  validate(network);
  return network;
}

/** The encoding that encodeOnnx noted. */
function savedEncoding({ metadataProps }: OnnxModel): Network["encoding"] | undefined {
  const text = metadataProps.find(({ key }) => key === "bitline.encoding")?.value;
  if (text === undefined) return undefined;
  const [zero, scale, ...more] = text.split(" ").map(Number);
  if (Number.isInteger(zero) && scale! > 0 && Number.isFinite(scale) && more.length === 0) return { zero: zero!, scale: scale! };
  throw new FileError("read an ONNX file", {
    where: "metadata bitline.encoding",
    got: text.slice(0, 80),
    wanted: "an integer and a positive number",
  });
}

function entry({ externalData }: OnnxTensor, key: string): string | undefined {
  return externalData.find((each: OnnxEntry) => each.key === key)?.value;
}

function locationOf(tensor: OnnxTensor): string {
  return entry(tensor, "location") ?? "";
}

/** Path of external data, which must lie in the folder of the model, links followed. */
async function inside(folder: string, location: string, tensor: OnnxTensor): Promise<string> {
  const refuse = (got: string, cause?: unknown) =>
    new FileError("read an ONNX file", {
      where: `tensor ${JSON.stringify(tensor.name)}`,
      got,
      wanted: "a file in the folder of the model, or below",
      cause,
    });
  const parts = location.split(/[/\\]/);
  if (location === "" || parts.includes("..") || /^([/\\]|[A-Za-z]:)|\0/.test(location)) {
    throw refuse(`data at ${JSON.stringify(location)}`);
  }
  try {
    const root = await Deno.realPath(folder), path = await Deno.realPath(`${folder}/${location}`);
    if (!path.startsWith(root.endsWith("/") ? root : `${root}/`)) {
      throw refuse(`data at ${JSON.stringify(location)}, which leads to ${path}`);
    }
    return path;
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    throw refuse(`data at ${JSON.stringify(location)}, which cannot be read`, cause);
  }
}

async function about(path: string, where: string): Promise<{ readonly size: number }> {
  try {
    const info = await Deno.stat(path);
    if (info.isFile) return info;
    throw new FileError("read an ONNX file", { where, got: "no file", wanted: "a file" });
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    throw new FileError("read an ONNX file", {
      where,
      got: cause instanceof Deno.errors.NotFound ? "no such file" : (cause as Error).message,
      wanted: "a readable file",
      cause,
    });
  }
}
