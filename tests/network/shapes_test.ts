import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { GraphError, ShapeError } from "../../lib/errors.ts";
import { type Builder, network } from "../../lib/network/builder.ts";
import type { Layer, Shape } from "../../lib/network/graph.ts";
import { inferShapes, outputShape, windowCount } from "../../lib/network/shapes.ts";

function last(input: Shape, build: (b: Builder) => string): Shape | undefined {
  let name = "";
  const net = network({ name: "test", input }, (b) => void (name = build(b)));
  return inferShapes(net).get(name);
}

Deno.test("inferShapes() gives the shape of every op", () => {
  assertEquals(last([8, 8, 3], (b) => b.conv("x", { channels: 5, kernel: 3 })), [6, 6, 5]);
  assertEquals(last([8, 8, 3], (b) => b.conv("x", { channels: 5, kernel: 3, padding: 1 })), [8, 8, 5]);
  assertEquals(last([9, 8, 4], (b) => b.conv("x", { channels: 6, kernel: [3, 1], stride: [2, 3], padding: [1, 0], groups: 2 })), [5, 3, 6]);
  assertEquals(last([9, 9, 1], (b) => b.conv("x", { channels: 1, kernel: 3, dilation: [2, 3] })), [5, 3, 1]);
  assertEquals(last([1, 1, 7], (b) => b.linear("x", { features: 4 })), [1, 1, 4]);
  assertEquals(last([4, 5, 6], (b) => b.batchNorm("x")), [4, 5, 6]);
  assertEquals(last([4, 5, 6], (b) => b.relu("x")), [4, 5, 6]);
  assertEquals(last([4, 5, 6], (b) => b.softmax("x")), [4, 5, 6]);
  assertEquals(last([5, 5, 6], (b) => b.maxPool("x", { kernel: 2 })), [2, 2, 6]);
  assertEquals(last([5, 5, 6], (b) => b.averagePool("x", { kernel: 3, stride: 2, padding: 1 })), [3, 3, 6]);
  assertEquals(last([5, 7, 6], (b) => b.globalAveragePool("x")), [1, 1, 6]);
  assertEquals(last([2, 3, 4], (b) => b.flatten("x")), [1, 1, 24]);
  assertEquals(last([2, 3, 4], (b) => b.slice("x", { first: 1, channels: 3 })), [2, 3, 3]);
  assertEquals(last([2, 3, 6], (b) => b.shuffle("x", { groups: 3 })), [2, 3, 6]);
  assertEquals(last([2, 3, 4], (b) => b.add("x", { from: ["input", "input"] })), [2, 3, 4]);
  assertEquals(last([2, 3, 4], (b) => b.concat("x", { from: ["input", b.conv("c", { channels: 5, kernel: 1 }), "input"] })), [2, 3, 13]);
});

Deno.test("windowCount() counts the positions of a window", () => {
  assertEquals(windowCount(5, 3, 1, 0), 3);
  assertEquals(windowCount(5, 2, 2, 0), 2);
  assertEquals(windowCount(5, 3, 2, 1), 3);
  assertEquals(windowCount(7, 3, 1, 0, 3), 1);
});

Deno.test("inferShapes() includes the input and keeps the order of layers", () => {
  const net = network({ name: "test", input: [4, 4, 1] }, (b) => {
    b.relu("a");
    b.flatten("b");
  });
  assertEquals([...inferShapes(net)], [["input", [4, 4, 1]], ["a", [4, 4, 1]], ["b", [1, 1, 16]]]);
});

const relu = (name: string, ...inputs: string[]): Layer => ({ op: "relu", name, inputs });
const input: Shape = [4, 4, 2];

function refuses(layers: readonly Layer[], kind: typeof GraphError | typeof ShapeError, ...parts: string[]): void {
  const error = assertThrows(() => inferShapes({ input, layers }), kind);
  for (const part of parts) assertStringIncludes(error.message, part);
}

Deno.test("inferShapes() throws where channels cannot be sliced or shuffled", () => {
  const slice = (first: number, channels: number): Layer => ({ op: "slice", name: "a", inputs: ["input"], first, channels });
  refuses([slice(1, 2)], ShapeError, "(a)", "channels 1 to 2", "channels below 2");
  refuses([slice(-1, 2)], ShapeError, "(a.first)");
  refuses([slice(0, 0)], ShapeError, "(a.channels)");
  const shuffle = (groups: number): Layer => ({ op: "shuffle", name: "a", inputs: ["input"], groups });
  refuses([shuffle(3)], ShapeError, "(a)", "2 channels", "groups = 3");
  refuses([shuffle(0)], ShapeError, "(a.groups)");
});

Deno.test("inferShapes() throws where the graph is malformed", () => {
  refuses([relu("a", "nowhere")], GraphError, "(a)", '"nowhere"', "Known so far: input");
  refuses([relu("a", "b"), relu("b", "input")], GraphError, "(a)", '"b" exists but does not come before');
  refuses([relu("a", "a")], GraphError, "(a)");
  refuses([relu("a", "input"), relu("a", "input")], GraphError, "(a)", "already in use");
  refuses([relu("input", "input")], GraphError, "(input)", "already in use");
  refuses([relu("", "input")], GraphError, "a layer name");
  refuses([relu("a", "input", "input")], GraphError, "(a)", "2 inputs", "one for relu");
  refuses([relu("a")], GraphError, "(a)", "0 inputs");
  refuses([{ op: "add", name: "sum", inputs: ["input"] }], GraphError, "(sum)", "two or more for add");
  refuses([{ op: "swish", name: "a", inputs: ["input"] } as unknown as Layer], GraphError, "(a)", '"swish"', "a known op");
  assertThrows(() => inferShapes({ input: [4, 0, 2], layers: [] }), ShapeError, "(input)");
});

Deno.test("inferShapes() throws where a layer does not fit its input", () => {
  const conv = {
    op: "conv",
    name: "c",
    inputs: ["input"],
    channels: 4,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
    bias: false,
  } as const;
  refuses([{ ...conv, kernel: [5, 5] }], ShapeError, "(c)", "a window of [5,5]", "padded input, [4,4]");
  refuses([{ ...conv, dilation: [2, 2] }], ShapeError, "(c)", "a window of [5,5]");
  refuses([{ ...conv, groups: 3 }], ShapeError, "(c)", "2 input channels", "groups = 3");
  refuses([{ ...conv, groups: 2, channels: 3 }], ShapeError, "(c)", "3 output channels");
  refuses([{ ...conv, stride: [0, 1] }], ShapeError, "(c.stride)", "[0, 1]");
  refuses([{ ...conv, padding: [-1, 0] }], ShapeError, "(c.padding)");
  refuses([{ ...conv, kernel: [1.5, 1] }], ShapeError, "(c.kernel)");
  refuses([{ ...conv, channels: 0 }], ShapeError, "(c.channels)", "got 0");
  refuses([{ op: "linear", name: "fc", inputs: ["input"], features: 3, bias: true }], ShapeError, "(fc)", "[4, 4, 2]", "flatten");
  const pool = { op: "maxPool", name: "p", inputs: ["input"], kernel: [2, 2], stride: [2, 2], padding: [0, 0] } as const;
  refuses([{ ...pool, padding: [2, 2] }], ShapeError, "(p)", "smaller than the window");
  refuses([{ ...pool, kernel: [6, 6] }], ShapeError, "(p)", "a window of [6,6]");
  refuses([pool, { op: "add", name: "s", inputs: ["input", "p"] }], ShapeError, "(s)", "[4,4,2] + [2,2,2]", "equal shapes");
  refuses([pool, { op: "concat", name: "s", inputs: ["input", "p"] }], ShapeError, "(s)", "equal heights and widths");
});

Deno.test("outputShape() accepts a window as large as the padded input", () => {
  assertEquals(outputShape({ op: "averagePool", name: "p", inputs: ["input"], kernel: [6, 6], stride: [1, 1], padding: [1, 1] }, [input]), [
    1,
    1,
    2,
  ]);
});
