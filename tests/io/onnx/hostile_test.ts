// Files that ask for too much, or for what is not theirs: typed errors, nothing allocated for them, nothing written.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeOnnx, FileError, GraphError, OptionError, readOnnx } from "../../../mod.ts";
import { scanModel } from "../../../lib/io/onnx/scan.ts";
import { build, floats, type Node } from "./build.ts";

const conv: Node = { op: "Conv", inputs: ["x", "w"], output: "y" };
const mean: Node = { op: "GlobalAveragePool", inputs: ["y"], output: "out" };

Deno.test("decodeOnnx() names the operation it does not know, the node and where it is", async () => {
  const bytes = await build({ input: [1, 2, 4, 4], nodes: [{ op: "Erf", inputs: ["x"], output: "y" }, mean] });
  const error = await assertRejects(() => decodeOnnx(bytes), GraphError);
  assert(/node 1.*Erf.*Conv/.test(error.message), error.message);
  const own = await build({ input: [1, 2, 4, 4], nodes: [{ op: "Relu", inputs: ["x"], output: "y", domain: "com.example" }, mean] });
  await assertRejects(() => decodeOnnx(own), GraphError, "com.example");
  for (const opset of [10, 21]) {
    await assertRejects(
      async () => await decodeOnnx(await build({ input: [1, 2, 4, 4], opset, nodes: [{ ...mean, inputs: ["x"] }] })),
      GraphError,
      "opset",
    );
  }
  for (const op of ["constructor", "__proto__", "toString"]) {
    await assertRejects(
      async () => await decodeOnnx(await build({ input: [1, 2, 4, 4], nodes: [{ op, inputs: ["x"], output: "y" }] })),
      GraphError,
      "operation",
    );
  }
});

Deno.test("decodeOnnx() refuses extents that nothing could hold", async () => {
  const w = { dims: [3, 2, 1, 1], data: floats(6, 1) }, nodes = [conv, mean];
  const weights = (dims: number[], data = w.data) => build({ input: [1, 2, 4, 4], nodes, constants: { w: { dims, data } } });
  await assertRejects(async () => await decodeOnnx(await weights([2 ** 31, 2 ** 31, 1, 1])), FileError, "limits.elements");
  await assertRejects(async () => await decodeOnnx(await weights([-3, 2, 1, 1])), FileError, "shape");
  await assertRejects(async () => await decodeOnnx(await weights([3, 2, 1, 2])), FileError, "24 bytes");
  await assertRejects(
    async () => await decodeOnnx(await build({ input: [1, 2, 2 ** 20, 2 ** 20], nodes, constants: { w } })),
    GraphError,
    "at most",
  );
  // Padding that would make an image of it.
  const padded = { ...conv, attributes: { pads: [500000, 500000, 500000, 500000] } };
  await assertRejects(
    async () => await decodeOnnx(await build({ input: [1, 2, 4, 4], nodes: [padded, mean], constants: { w } })),
    GraphError,
    "limits.activation",
  );
  const shape = { dims: [3], data: [2 ** 20, 2 ** 20, 2 ** 20] };
  const filled: Node[] = [{ op: "ConstantOfShape", inputs: ["s"], output: "c" }, { op: "Add", inputs: ["x", "c"], output: "y" }, mean];
  await assertRejects(
    async () => await decodeOnnx(await build({ input: [1, 2, 4, 4], nodes: filled, constants: { s: shape } })),
    GraphError,
    "at most",
  );
  const tight = { limits: { bytes: 100 } };
  await assertRejects(async () => await decodeOnnx(await weights([3, 2, 1, 1]), tight), FileError, "limits.bytes");
  await assertRejects(async () => await decodeOnnx(await weights([3, 2, 1, 1]), { limits: { fields: 10 } }), FileError, "10 fields");
  await assertRejects(async () => await decodeOnnx(await weights([3, 2, 1, 1]), { limits: { nodes: 10 } as object }), OptionError, "nodes");
});

Deno.test("scanModel() counts what small files would become", () => {
  // 2-byte nodes: each would be an object of its own.
  const nodes = new Uint8Array(2 * 50_000).map((_, at) => at % 2 === 0 ? 0x0a : 0), length = nodes.length;
  const bytes = Uint8Array.from([0x3a, length & 127 | 128, length >> 7 & 127 | 128, length >> 14, ...nodes]);
  assertEquals(scanModel(bytes, 50_001), undefined);
  assertEquals(scanModel(bytes, 50_000)?.got, "more than 50000 fields");
  // Graphs within attributes within nodes, without end.
  let deep: number[] = [];
  for (let level = 0; level < 200; level++) {
    const inner = [0x32, deep.length & 127 | 128, deep.length >> 7, ...deep],
      attribute = [0x2a, inner.length & 127 | 128, inner.length >> 7, ...inner];
    deep = [0x0a, attribute.length & 127 | 128, attribute.length >> 7, ...attribute];
  }
  assert(
    /messages within messages|does not end/.test(
      scanModel(Uint8Array.from([0x3a, deep.length & 127 | 128, deep.length >> 7, ...deep]), 1e6)?.got ?? "",
    ),
  );
  assertEquals(scanModel(Uint8Array.of(0x3b), 100)?.wanted, "a protobuf file");
});

Deno.test("decodeOnnx() refuses graphs that are no classifiers, by name", async () => {
  const w = { dims: [3, 2, 1, 1], data: floats(6, 1) }, input = [1, 2, 4, 4], constants = { w };
  const rejects = async (nodes: Node[], text: string, more: object = {}) => {
    const error = await assertRejects(async () => await decodeOnnx(await build({ input, nodes, constants, ...more })), GraphError);
    assert(error.message.includes(text), error.message);
  };
  await rejects([conv], "one number per class");
  await rejects([conv, mean], "outputs", { outputs: ["y", "out"] });
  await rejects([{ ...conv, inputs: ["z", "w"] }, mean], '\\"z\\"');
  await rejects([{ ...conv, inputs: ["x", "x"] }, mean], "constant weights");
  await rejects([conv, { op: "Mul", inputs: ["y", "y"], output: "z" }, { ...mean, inputs: ["z"] }], "Mul of two activations");
  await rejects([conv, { op: "Clip", inputs: ["y"], output: "z" }, { ...mean, inputs: ["z"] }], "clipped relu");
  await rejects(
    [conv, { op: "Transpose", inputs: ["y"], output: "z", attributes: { perm: [0, 3, 2, 1] } }, { ...mean, inputs: ["z"] }],
    "perm",
  );
  await rejects([conv, mean], "option input", { input: ["n", 2, "h", "w"] });
  await rejects([conv, mean], "inputs", { graph: { input: [] } });
});

Deno.test("readOnnx() reads data in other files of its folder, and no others", async () => {
  const root = await Deno.makeTempDir(), folder = `${root}/model`;
  try {
    await Deno.mkdir(`${folder}/data`, { recursive: true });
    const values = floats(6, 4), more = new Uint8Array([9, 9, 9, 9, ...new Uint8Array(values.buffer)]);
    await Deno.writeFile(`${folder}/data/w.bin`, more);
    await Deno.writeFile(`${root}/secret.bin`, more);
    await Deno.symlink(`${root}/secret.bin`, `${folder}/link.bin`);
    const model = async (location: string, offset = 4, length = 24) => {
      const initializer = [{
        name: "w",
        dims: [3n, 2n, 1n, 1n],
        dataType: 1,
        dataLocation: 1,
        externalData: Object.entries({ location, offset: String(offset), length: String(length) }).map(([key, value]) => ({ key, value })),
      }];
      await Deno.writeFile(`${folder}/m.onnx`, await build({ input: [1, 2, 4, 4], nodes: [conv, mean], graph: { initializer } }));
      return await readOnnx(`${folder}/m.onnx`);
    };
    assertEquals((await model("data/w.bin")).layers.length, 2);
    assertEquals(Object.values((await model("data/w.bin")).parameters)[0]!.data, values);
    for (const location of ["../secret.bin", "data/../../secret.bin", `${root}/secret.bin`, "link.bin", "", "none.bin", "..\\secret.bin"]) {
      await assertRejects(() => model(location), FileError, "in the folder of the model");
    }
    await assertRejects(() => model("data/w.bin", 8), FileError, "inside it");
    await assertRejects(() => model("data/w.bin", -4), FileError, "inside it");
    await assertRejects(() => model("data/w.bin", 4, 1e15), FileError, "inside it");
    await assertRejects(async () => await decodeOnnx(await Deno.readFile(`${folder}/m.onnx`)), FileError, "readOnnx");
    await assertRejects(() => readOnnx(`${folder}/none.onnx`), FileError, "no such file");
    await assertRejects(() => readOnnx(folder), FileError, "no file");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["data", "link.bin", "m.onnx"]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
