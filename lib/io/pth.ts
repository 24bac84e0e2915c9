// State dicts of PyTorch: a zip archive with a pickle in it, of which only names on a short list mean anything. No code runs.

import { BitlineError, FileError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { elements, type Tensor, tensor, type TypedArray } from "../tensor.ts";
import { readBytes } from "./atomic.ts";
import { lazyPackage } from "./lazy_package.ts";
import { bfloatToFloats, clampedIntegers, halvesToFloats } from "./onnx/constant.ts";
import { unzip, type ZipLimits } from "./zip.ts";

/** What is asked of the pickle parser. */
export interface PickleLibrary {
  /** Parses a pickle: `resolve` gives what a global name stands for, `storage` what a persistent id does. */
  parse(
    bytes: Uint8Array,
    resolve: (module: string, name: string) => never | ((...args: never[]) => unknown),
    storage: (id: unknown) => unknown,
  ): unknown;
}

/** Options of {@linkcode decodePth}. */
export interface PthOptions {
  /** Name of the file, for messages. */
  readonly where?: string;
  /** Bounds on the archive. */
  readonly limits?: ZipLimits;
}

/** Bytes of a pickle; state dicts take some hundred per tensor. */
const PICKLE = 2 ** 22;
const LONGEST = 1000;
const MOST_TENSORS = 100_000;

type Read = (buffer: ArrayBuffer) => TypedArray;

/** Storages by their class: bytes per element, and how they are read. */
const STORAGES: Readonly<Record<string, { readonly bytes: number; readonly read: Read }>> = {
  FloatStorage: { bytes: 4, read: (buffer) => new Float32Array(buffer) },
  DoubleStorage: { bytes: 8, read: (buffer) => new Float64Array(buffer) },
  HalfStorage: { bytes: 2, read: (buffer) => halvesToFloats(new Uint16Array(buffer)) },
  BFloat16Storage: { bytes: 2, read: (buffer) => bfloatToFloats(new Uint16Array(buffer)) },
  LongStorage: { bytes: 8, read: (buffer) => clampedIntegers(new BigInt64Array(buffer)) },
  IntStorage: { bytes: 4, read: (buffer) => new Int32Array(buffer) },
  ShortStorage: { bytes: 2, read: (buffer) => new Int16Array(buffer) },
  CharStorage: { bytes: 1, read: (buffer) => new Int8Array(buffer) },
  ByteStorage: { bytes: 1, read: (buffer) => new Uint8Array(buffer) },
  BoolStorage: { bytes: 1, read: (buffer) => new Uint8Array(buffer) },
};

/** Names a pickle may use, besides the storages. */
const ALLOWED = ["collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.Size"] as const;

/** A storage in the archive. */
class Storage {
  constructor(readonly data: TypedArray) {}
}

/** A tensor as its pickle describes it; it becomes one when the whole file has been read. */
class Described {
  constructor(readonly storage: Storage, readonly offset: number, readonly shape: readonly number[], readonly strides: readonly number[]) {}
}

/**
 * Decodes a state dict saved by `torch.save` (PyTorch 1.6 and later): tensors by name. Dicts within dicts have their names joined by dots; of a checkpoint
 * with a `state_dict` (or `model_state_dict`, `model`) only that is read. What is no tensor is left out. 64-bit integers come back as Float64Array,
 * half precision as Float32Array.
 *
 * @throws {FileError} if the archive is damaged or too large (see {@linkcode unzip}), the pickle names anything but dictionaries, tensors and storages, or a
 * tensor does not lie in its storage.
 * @throws {BitlineError} if the pickle parser cannot be had from npm.
 */
export async function decodePth(bytes: Uint8Array, options: PthOptions = {}): Promise<Record<string, Tensor<TypedArray>>> {
  checkOptions("read a PyTorch file", "options", options, ["where", "limits"]);
  const { where = "pth", limits = {} } = options;
  const refuse = (got: string, wanted: string, cause?: unknown): never => {
    throw new FileError("read a PyTorch file", { where, got, wanted, cause });
  };
  if (bytes[0] === 0x80) return refuse("a bare pickle", "a zip archive, as PyTorch saves since version 1.6");
  const files = unzip(bytes, { where, limits, want: (name) => /(^|\/)(data\.pkl|data\/\d+|byteorder)$/.test(name) });
  const names = [...files.keys()], pickles = names.filter((name) => name.endsWith("data.pkl"));
  if (pickles.length !== 1) return refuse(`${pickles.length} entries named data.pkl`, "one: a file of torch.save");
  const root = pickles[0]!.slice(0, -"data.pkl".length), pickle = files.get(pickles[0]!)!, order = files.get(`${root}byteorder`);
  if (order !== undefined && new TextDecoder().decode(order) !== "little") return refuse("big-endian data", "little-endian data");
  if (pickle.length > PICKLE) return refuse(`a pickle of ${pickle.length} bytes`, `at most ${PICKLE}`);
  const storages = new Map<string, Storage>();
  const { parse } = await loadPickle();
  let content: unknown;
  try {
    content = parse(pickle, (module, name) => allowed(`${module}.${name}`, refuse), (id) => storageOf(id, root, files, storages, refuse));
  } catch (cause) {
    if (cause instanceof BitlineError) throw cause;
    return refuse((cause as Error).message, "a whole pickle of a state dict", cause);
  }
  if (!(content instanceof Map)) return refuse("no dictionary", "a state dict: torch.save(model.state_dict(), path)");
  const inner = ["state_dict", "model_state_dict", "model"].map((key) => content.get(key)).find((each) => each instanceof Map);
  const found: [string, Described][] = [];
  collect(inner ?? content, "", new Set(), found, refuse);
  if (found.length === 0) return refuse("no tensors", "a state dict: torch.save(model.state_dict(), path)");
  const stored = [...storages.values()].reduce((sum, { data }) => sum + data.length, 0);
  const wanted = found.reduce((sum, [, { shape }]) => sum + elements(shape), 0);
  if (!(wanted <= 4 * stored)) return refuse(`tensors of ${wanted} elements over ${stored} stored ones`, "at most four views of each");
  const result: Record<string, Tensor<TypedArray>> = Object.create(null);
  for (const [name, described] of found) result[name] = gather(described, name, refuse);
  return { ...result };
}

/** Reads a .pth file. @throws {FileError} as {@linkcode decodePth}, or if it cannot be read. */
export async function readPth(path: string, options: Omit<PthOptions, "where"> = {}): Promise<Record<string, Tensor<TypedArray>>> {
  return await decodePth(await readBytes(path), { ...options, where: path });
}

async function loadPickle(): Promise<PickleLibrary> {
  return await lazyPackage<PickleLibrary>(new URL("./pickle_npm.ts", import.meta.url), "the pickle parser", "pickleparser");
}

type Refuse = (got: string, wanted: string, cause?: unknown) => never;

/** What an allowed name does; every other name is refused, used or not. */
function allowed(name: string, refuse: Refuse): (...args: never[]) => unknown {
  const storage = /^torch\.(\w+)$/.exec(name)?.[1];
  if (storage !== undefined && Object.hasOwn(STORAGES, storage)) {
    return Object.freeze(Object.assign(() => refuse("a storage that is called", "data"), { storage }));
  }
  switch (name as typeof ALLOWED[number]) {
    case "collections.OrderedDict":
      return Object.freeze((...items: unknown[]) => {
        return items.length === 0 ? new Map() : refuse("an OrderedDict with arguments", "an empty one that is then filled");
      });
    case "torch._utils._rebuild_tensor_v2":
      return Object.freeze((storage: unknown, offset: unknown, shape: unknown, strides: unknown) => {
        const sizes = (value: unknown): value is number[] =>
          Array.isArray(value) && value.length <= 16 && value.every((each) => Number.isSafeInteger(each) && each >= 0);
        if (
          storage instanceof Storage && Number.isSafeInteger(offset) && sizes(shape) && sizes(strides) && shape.length === strides.length
        ) {
          return new Described(storage, offset as number, [...shape], [...strides]);
        }
        return refuse("a tensor that is badly described", "a storage, an offset, extents and strides");
      });
    case "torch._utils._rebuild_parameter":
      return Object.freeze((data: unknown) => data instanceof Described ? data : refuse("a parameter that is no tensor", "a tensor"));
    case "torch.Size":
      return Object.freeze((items: unknown) => items);
    default:
      return refuse(`a pickle that names ${name.slice(0, 200)}`, `only ${ALLOWED.join(", ")} and storages: nothing in a file is run`);
  }
}

/** The storage of `("storage", class, key, device, length)`. */
function storageOf(
  id: unknown,
  root: string,
  files: ReadonlyMap<string, Uint8Array>,
  known: Map<string, Storage>,
  refuse: Refuse,
): Storage {
  const [tag, kind, key, , length] = Array.isArray(id) ? id as unknown[] : [];
  const name = (kind as { readonly storage?: string } | undefined)?.storage,
    bytes = typeof key === "string" ? files.get(`${root}data/${key}`) : undefined;
  if (tag !== "storage" || name === undefined || bytes === undefined) {
    return refuse("a storage that is not in the archive", "storages under data/");
  }
  const { bytes: width, read } = STORAGES[name]!, at = `${name} ${key}`, before = known.get(at);
  if (before !== undefined) return before;
  if (length !== bytes.length / width) return refuse(`${bytes.length} bytes of ${name} ${key}`, `${length} elements of ${width}`);
  const made = new Storage(read(new Uint8Array(bytes).buffer));
  known.set(at, made);
  return made;
}

/** Tensors of dicts within dicts. */
function collect(content: unknown, prefix: string, seen: Set<unknown>, found: [string, Described][], refuse: Refuse): void {
  if (!(content instanceof Map)) return;
  if (seen.has(content)) return refuse("a dict in two places", "dicts within dicts");
  seen.add(content);
  for (const [key, value] of content) {
    if (typeof key !== "string" && typeof key !== "number") continue;
    const name = `${prefix}${key}`;
    if (name.length > LONGEST) return refuse("names within names", `names of at most ${LONGEST} characters`);
    if (value instanceof Described) found.push([name, value]);
    else if (value instanceof Map) collect(value, `${name}.`, seen, found, refuse);
    if (found.length > MOST_TENSORS) return refuse(`more than ${MOST_TENSORS} tensors`, "at most that many");
  }
}

/** Elements of a view in row-major order. */
function gather({ storage: { data }, offset, shape, strides }: Described, name: string, refuse: Refuse): Tensor<TypedArray> {
  const count = elements(shape), last = count === 0 ? -1 : shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis]!, offset);
  if (!(last < data.length)) return refuse(`tensor ${name} up to element ${last} of ${data.length}`, "a tensor inside its storage");
  const out = new (data.constructor as new (length: number) => TypedArray)(count), index = shape.map(() => 0);
  for (let at = 0, from = offset; at < count; at++) {
    out[at] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return tensor(out, shape);
}
