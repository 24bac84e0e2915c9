// Graphs as other exporters write them, against onnxruntime.

import { assert, assertEquals } from "@std/assert";
import { decodeOnnx, runFloat, type Shape, tensor } from "../../../mod.ts";
import { build, floats, type Model, type Node, pixels } from "./build.ts";
import { channelsFirst, difference, hasOnnxruntime, type Job, onnxruntime } from "./reference.ts";

const absent = !await hasOnnxruntime();

interface Case {
  readonly name: string;
  readonly model: Model;
  readonly size: Shape;
  /** Operations expected. */
  readonly ops: readonly string[];
  /** Whether the file's images have channels last. */
  readonly last?: boolean;
}

const random = (seed: number, ...dims: number[]) => ({ dims, data: floats(dims.reduce((a, b) => a * b, 1), seed) });
const list = (...data: number[]) => ({ dims: [data.length], data });
const conv = (from: string, to: string, weights: string, attributes: Node["attributes"] = {}): Node => ({
  op: "Conv",
  inputs: [from, weights],
  output: to,
  attributes,
});

const cases: Case[] = [
  {
    // As tf2onnx does: channels last outside, transposes around each convolution, matrices without bias, SAME padding.
    name: "channels last",
    size: [9, 7, 3],
    last: true,
    ops: ["conv", "batchNorm", "relu", "conv", "flatten", "linear", "relu", "linear", "softmax"],
    model: {
      input: ["n", 9, 7, 3],
      constants: {
        w: random(1, 4, 3, 3, 3),
        k: random(2, 4, 1, 3, 3),
        s: random(3, 1, 1, 1, 4),
        rows: list(-1, 5 * 4 * 4),
        m: random(4, 80, 6),
        b: random(5, 6),
        q: random(6, 6, 3),
      },
      nodes: [
        { op: "Transpose", inputs: ["x"], output: "a", attributes: { perm: [0, 3, 1, 2] } },
        conv("a", "b1", "w", { auto_pad: "SAME_UPPER", strides: [2, 2] }),
        { op: "Transpose", inputs: ["b1"], output: "c", attributes: { perm: [0, 2, 3, 1] } },
        { op: "Mul", inputs: ["c", "s"], output: "d" },
        { op: "Relu", inputs: ["d"], output: "e" },
        { op: "Transpose", inputs: ["e"], output: "f", attributes: { perm: [0, 3, 1, 2] } },
        conv("f", "g", "k", { auto_pad: "SAME_UPPER", group: 4 }),
        { op: "Transpose", inputs: ["g"], output: "h", attributes: { perm: [0, 2, 3, 1] } },
        { op: "Reshape", inputs: ["h", "rows"], output: "i" },
        { op: "MatMul", inputs: ["i", "m"], output: "j" },
        { op: "Add", inputs: ["j", "b"], output: "k1" },
        { op: "Relu", inputs: ["k1"], output: "l" },
        { op: "MatMul", inputs: ["l", "q"], output: "o" },
        { op: "Softmax", inputs: ["o"], output: "out" },
      ],
    },
  },
  {
    // Axes and extents as inputs, as from opset 13 and 18 on; parts that nothing reads; a constant branch.
    name: "inputs in place of attributes",
    size: [6, 6, 2],
    ops: ["conv", "relu", "slice", "slice", "add", "globalAveragePool", "batchNorm", "linear", "batchNorm"],
    model: {
      input: [1, 2, 6, 6],
      opset: 18,
      constants: {
        w: random(1, 6, 2, 3, 3),
        axes: list(2, 3),
        more: list(2, 3),
        two: { dims: [], data: Float32Array.of(2) },
        three: { dims: [1, 3], data: Float32Array.of(1, 2, 3) },
        m: random(2, 4, 3),
        c: random(3, 4),
      },
      nodes: [
        { op: "Relu", inputs: ["x"], output: "unused" },
        conv("x", "a", "w"),
        { op: "Relu", inputs: ["a"], output: "b" },
        { op: "Split", inputs: ["b"], output: ["p", "q"], attributes: { axis: 1, num_outputs: 2 } },
        { op: "Sum", inputs: ["p", "q"], output: "s" },
        { op: "ReduceMean", inputs: ["s", "axes"], output: "t", attributes: { keepdims: 0 } },
        { op: "Unsqueeze", inputs: ["t", "more"], output: "u" },
        { op: "Squeeze", inputs: ["u", "more"], output: "v" },
        { op: "Dropout", inputs: ["v"], output: "d" },
        { op: "Div", inputs: ["d", "three"], output: "e" },
        { op: "Gemm", inputs: ["e", "m", "c"], output: "f", attributes: { transB: 1, alpha: { real: 0.5 }, beta: { real: 2 } } },
        { op: "Sub", inputs: ["two", "f"], output: "out" },
      ],
    },
  },
  {
    // Padding on two sides only, computed from a list turned about as PyTorch writes it, before a convolution and a depthwise one; a piece of a table.
    name: "one-sided padding",
    size: [7, 9, 3],
    ops: ["conv", "relu", "conv", "relu", "globalAveragePool"],
    model: {
      input: ["n", 3, 7, 9],
      constants: {
        w: random(1, 4, 3, 3, 3),
        table: random(2, 6, 2, 3, 5),
        given: list(0, 1, 0, 1),
        rest: list(0, 0, 0, 0),
        pairs: list(-1, 2),
        flat: list(-1),
        last: list(-1),
        beyond: list(Number.MIN_SAFE_INTEGER),
        first: list(0),
        four: list(4),
        back: list(-1),
        zero: { dims: [], data: Float32Array.of(0) },
        six: { dims: [], data: Float32Array.of(6) },
        starts: list(-2, 1, 4),
        ends: list(-100, 2, -100),
        axes: list(0, 1, -1),
        steps: list(-1, 1, -2),
      },
      nodes: [
        { op: "Concat", inputs: ["given", "rest"], output: "p1", attributes: { axis: 0 } },
        { op: "Reshape", inputs: ["p1", "pairs"], output: "p2" },
        { op: "Slice", inputs: ["p2", "last", "beyond", "first", "back"], output: "p3" },
        { op: "Transpose", inputs: ["p3"], output: "p4", attributes: { perm: [1, 0] } },
        { op: "Reshape", inputs: ["p4", "flat"], output: "pads" },
        { op: "Pad", inputs: ["x", "pads", "zero"], output: "a" },
        conv("a", "b", "w", { strides: [2, 2] }),
        { op: "Clip", inputs: ["b", "zero", "six"], output: "c" },
        // Rows 4 to 0 of 6 as outputs, every other of 5 taps from the last: five kernels of 3 × 3; four are used.
        { op: "Slice", inputs: ["table", "starts", "ends", "axes", "steps"], output: "k5" },
        { op: "Slice", inputs: ["k5", "first", "four", "first"], output: "k" },
        { op: "Pad", inputs: ["c", "pads"], output: "d" },
        conv("d", "e", "k", { group: 4 }),
        { op: "Relu", inputs: ["e"], output: "f" },
        { op: "GlobalAveragePool", inputs: ["f"], output: "g" },
        { op: "Flatten", inputs: ["g"], output: "out" },
      ],
    },
  },
  {
    // Clips around relus, one of them read twice; sums with constants that become biases or not.
    name: "clips and biases",
    size: [5, 5, 3],
    ops: ["conv", "relu", "relu", "conv", "batchNorm", "add", "relu", "globalAveragePool"],
    model: {
      input: ["n", 3, "h", "w"],
      constants: {
        w: random(1, 4, 3, 1, 1),
        v: random(2, 4, 4, 3, 3),
        b: random(3, 4, 1, 1),
        zero: { dims: [], data: Float32Array.of(0) },
        half: { dims: [], data: Float32Array.of(0.5) },
        low: { dims: [], data: Float32Array.of(-1) },
      },
      nodes: [
        conv("x", "a", "w"),
        { op: "Add", inputs: ["b", "a"], output: "a2" },
        { op: "Relu", inputs: ["a2"], output: "c" },
        // Clipped for one reader only.
        { op: "Clip", inputs: ["c", "low", "half"], output: "d" },
        conv("d", "e", "v", { pads: [1, 1, 1, 1] }),
        { op: "Identity", inputs: ["e"], output: "e2" },
        { op: "Mul", inputs: ["e2", "b"], output: "f" },
        { op: "Add", inputs: ["f", "c"], output: "g" },
        { op: "Relu", inputs: ["g"], output: "h1" },
        { op: "Clip", inputs: ["h1", "zero", "half"], output: "i" },
        { op: "GlobalAveragePool", inputs: ["i"], output: "j" },
        { op: "Flatten", inputs: ["j"], output: "out" },
      ],
    },
  },
];

Deno.test({ name: "decodeOnnx() reads what other exporters write", ignore: absent }, async () => {
  const folder = await Deno.makeTempDir(), jobs: Job[] = [], got: Float32Array[] = [];
  try {
    for (const [index, { model, size, ops, last, name }] of cases.entries()) {
      const bytes = await build(model), network = await decodeOnnx(bytes, { input: size }), [height, width, channels] = size;
      assertEquals(network.layers.map(({ op }) => op), ops, name);
      const images = tensor(pixels(height * width * channels, index), [1, ...size]), path = `${folder}/${index}.onnx`;
      await Deno.writeFile(path, bytes);
      const reals = Float32Array.from(images.data, (pixel) => pixel / 255);
      jobs.push(
        last
          ? { path, shape: [1, ...size], data: reals }
          : { path, shape: [1, channels, height, width], data: channelsFirst(images.data, 1, network) },
      );
      got.push(runFloat(network, images, { clip: true }).logits.data);
    }
    const wanted = (await onnxruntime(jobs))!;
    for (const [at, { name }] of cases.entries()) {
      const { error, magnitude } = difference(wanted[at]!, got[at]!);
      assert(error < 1e-5 * magnitude, `${name}: ${error} of ${magnitude}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("decodeOnnx() puts biases of a sum into the layer before only where nothing else reads it", async () => {
  const constants = { w: random(1, 2, 2, 1, 1), b: random(2, 2, 1, 1) };
  const mean: Node = { op: "GlobalAveragePool", inputs: ["z"], output: "out" };
  const once: Node[] = [conv("x", "y", "w"), { op: "Add", inputs: ["y", "b"], output: "z" }, mean];
  const twice: Node[] = [conv("x", "y", "w"), { op: "Add", inputs: ["y", "b"], output: "a" }, {
    op: "Add",
    inputs: ["a", "y"],
    output: "z",
  }, mean];
  const ops = async (nodes: Node[]) =>
    (await decodeOnnx(await build({ input: [1, 2, 3, 3], nodes, constants }))).layers.map(({ op }) => op);
  assertEquals(await ops(once), ["conv", "globalAveragePool"]);
  assertEquals(await ops(twice), ["conv", "batchNorm", "add", "globalAveragePool"]);
});
