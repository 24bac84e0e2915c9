// PyTorch's files: what torch.save wrote, and pickles that want to run something.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { strToU8, zipSync } from "fflate";
import { decodePth, FileError, readPth } from "../../mod.ts";

const file = new URL("./onnx/flatten.pth", import.meta.url).pathname;

/** A pickle by hand: opcodes as text, with lengths where they belong. */
function pickle(...parts: (string | number | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => typeof part === "number" ? [part] : typeof part === "string" ? [...strToU8(part)] : [...part]),
  );
}

function text(value: string): Uint8Array {
  return pickle("X", value.length, 0, 0, 0, value);
}

function archive(data: Uint8Array, more: Record<string, Uint8Array> = {}): Uint8Array {
  return zipSync({ "archive/data.pkl": data, "archive/byteorder": strToU8("little"), ...more }, { level: 0 });
}

/** A dict with one tensor, its extents and strides as given, over 12 bytes of storage. */
function tensorFile(shape: readonly number[], strides: readonly number[], offset = 0): Uint8Array {
  const tuple = (values: readonly number[]) =>
    pickle("(", ...values.flatMap((value) => ["J", new Uint8Array(Int32Array.of(value).buffer)]), "t");
  const storage = pickle("(", text("storage"), "ctorch\nFloatStorage\n", text("0"), text("cpu"), "K", 3, "t", "Q");
  const rebuild = pickle(
    "ctorch._utils\n_rebuild_tensor_v2\n",
    "(",
    storage,
    "J",
    new Uint8Array(Int32Array.of(offset).buffer),
    tuple(shape),
    tuple(strides),
  );
  const end = pickle(0x89, "ccollections\nOrderedDict\n", ")R", "t", "R");
  return archive(pickle(0x80, 2, "}", text("w"), rebuild, end, "s."), {
    "archive/data/0": new Uint8Array(Float32Array.of(1, 2, 3).buffer),
  });
}

Deno.test("readPth() reads the state dict of a checkpoint", async () => {
  const state = await readPth(file);
  assertEquals(Object.keys(state).slice(0, 4), ["conv.weight", "conv.bias", "bn.weight", "bn.bias"]);
  assertEquals(state["fc1.weight"]!.shape, [12, 64]);
  assertEquals(state["bn.num_batches_tracked"]!.data.length, 1);
  assert(state["conv.weight"]!.data instanceof Float32Array && state["conv.weight"]!.data.some((value) => value !== 0));
});

Deno.test("decodePth() follows strides, and refuses those that leave the storage", async () => {
  assertEquals((await decodePth(tensorFile([3], [1])))["w"]!, { shape: [3], data: Float32Array.of(1, 2, 3) });
  assertEquals([...(await decodePth(tensorFile([2, 2], [0, 2])))["w"]!.data], [1, 3, 1, 3]);
  for (const [shape, strides, offset] of [[[4], [1], 0], [[3], [1], 1], [[2], [2_000_000_000], 0], [[2, 2], [1, 2], 0]] as const) {
    await assertRejects(() => decodePth(tensorFile(shape, strides, offset)), FileError, "inside its storage");
  }
  // Extents of billions with stride 0 would be a bomb.
  await assertRejects(() => decodePth(tensorFile([2_000_000_000, 100], [0, 0])), FileError, "views");
  await assertRejects(() => decodePth(tensorFile([-1], [1])), FileError, "badly described");
});

Deno.test("decodePth() runs nothing: pickles that name functions are refused by name", async () => {
  const attacks: [string, Uint8Array][] = [
    ["os.system", pickle(0x80, 2, "cos\nsystem\n", text("touch evil"), 0x85, "R.")],
    ["builtins.eval", pickle(0x80, 4, text("builtins"), text("eval"), 0x93, text("1"), 0x85, "R.")],
    ["posix.system", pickle("(S'touch evil'\niposix\nsystem\n.")],
    ["subprocess.Popen", pickle(0x80, 2, "csubprocess\nPopen\n", ")", 0x81, ".")],
    // Named only, never called.
    ["builtins.exec", pickle(0x80, 2, "}", text("w"), "cbuiltins\nexec\n", "s.")],
    ["torch.load", pickle(0x80, 2, "ctorch\nload\n.")],
    ["constructor.constructor", pickle(0x80, 2, "cconstructor\nconstructor\n.")],
  ];
  for (const [name, data] of attacks) await assertRejects(() => decodePth(archive(data)), FileError, name);
  // Allowed names with arguments they never have.
  await assertRejects(() => decodePth(archive(pickle(0x80, 2, "ctorch\nFloatStorage\n", ")R."))), FileError, "a storage that is called");
  await assertRejects(() => decodePth(archive(pickle(0x80, 2, "ccollections\nOrderedDict\n", "]", 0x85, "R."))), FileError, "OrderedDict");
  // Prototypes are not to be had by keys.
  const dict = pickle(0x80, 2, "}", text("__proto__"), "}", text("polluted"), 0x88, "ss.");
  await assertRejects(() => decodePth(archive(dict)), FileError, "no tensors");
  assertEquals((Object.prototype as unknown as Record<string, unknown>)["polluted"], undefined);
});

Deno.test("decodePth() refuses what is no such file", async () => {
  await assertRejects(() => decodePth(pickle(0x80, 2, "}.")), FileError, "bare pickle");
  await assertRejects(() => decodePth(zipSync({ "a/b": new Uint8Array(3) })), FileError, "data.pkl");
  await assertRejects(() => decodePth(archive(pickle(0x80, 2, "]."))), FileError, "dictionary");
  await assertRejects(() => decodePth(archive(new Uint8Array(2 ** 22 + 1))), FileError, "pickle of");
  // A dict that holds itself.
  await assertRejects(() => decodePth(archive(pickle(0x80, 2, "}q", 0, text("a"), "h", 0, "s."))), FileError, "two places");
  const bytes = await Deno.readFile(file);
  for (let length = 0; length < bytes.length; length += 97) await assertRejects(() => decodePth(bytes.subarray(0, length)), FileError);
  // Damage inside: whatever happens is an error of this kind, or no error.
  for (let at = 60; at < 1400; at += 3) {
    const damaged = bytes.slice();
    damaged[at] = damaged[at]! ^ 0x15;
    const error = await decodePth(damaged).then(() => undefined, (error) => error as Error);
    assert(error === undefined || error instanceof FileError, error?.stack);
  }
});
