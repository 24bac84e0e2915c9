import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { GraphError, OptionError, ShapeError } from "../../lib/errors.ts";
import { type Builder, network } from "../../lib/network/builder.ts";
import { convolve, runFloat } from "../../lib/network/float_run.ts";
import type { Shape } from "../../lib/network/graph.ts";
import { hash } from "../../lib/random.ts";
import { elements, type Tensor, tensor } from "../../lib/tensor.ts";

const encoding = { zero: 0, scale: 1 };
const given = (shape: number[], ...values: number[]) => tensor(Float32Array.from(values), shape);

/** Output of a small network on one image of pixels. */
function run(input: Shape, pixels: number[], build: (b: Builder) => void, parameters: Record<string, Tensor> = {}, zero = 0): number[] {
  const net = network({ name: "test", input, encoding: { zero, scale: 1 }, parameters }, build);
  return [...runFloat(net, tensor(Uint8Array.from(pixels), [1, ...input])).logits.data];
}

Deno.test("runFloat() encodes pixels as (pixel − zero) · scale", () => {
  const net = network({ name: "test", input: [1, 1, 2], encoding: { zero: 3, scale: 0.5 } }, (b) => void b.flatten("f"));
  const { logits, taps } = runFloat(net, tensor(Uint8Array.of(0, 3, 4, 255), [2, 1, 1, 2]), { taps: ["input"] });
  assertEquals(logits, given([2, 2], -1.5, 0, 0.5, 126));
  assertEquals(taps.get("input"), given([2, 1, 1, 2], -1.5, 0, 0.5, 126));
});

Deno.test("runFloat() computes conv, padding standing for zero and not for pixel zero", () => {
  const parameters = { "c.weight": given([1, 1, 1, 3], 1, 10, 100), "c.bias": given([1], 0.5) };
  const build = (b: Builder): void => void b.conv("c", { channels: 1, kernel: [1, 3], padding: [0, 1] });
  assertEquals(run([1, 3, 1], [1, 2, 3], build, parameters), [210.5, 321.5, 32.5]);
  assertEquals(run([1, 3, 1], [1, 2, 3], build, parameters, 1), [100.5, 210.5, 21.5]);
});

Deno.test("runFloat() computes grouped, strided and dilated conv", () => {
  const parameters = { "c.weight": given([2, 1, 1, 2], 1, 10, 2, 20) };
  const build = (b: Builder): void =>
    void b.conv("c", { channels: 2, kernel: [1, 2], stride: [1, 2], dilation: [1, 2], groups: 2, bias: false });
  // Channel 0: 1 2 3 4 5; channel 1: 6 7 8 9 10.
  assertEquals(run([1, 5, 2], [1, 6, 2, 7, 3, 8, 4, 9, 5, 10], build, parameters), [31, 172, 53, 216]);
});

Deno.test("runFloat() computes linear, batch norm and ReLU", () => {
  const fc = { "fc.weight": given([2, 3], 1, 2, 3, -1, 0, 1), "fc.bias": given([2], 10, -3) };
  assertEquals(run([1, 1, 3], [1, 2, 3], (b) => void b.linear("fc", { features: 2 }), fc), [24, -1]);
  const bn = { "bn.weight": given([2], 2, 1), "bn.bias": given([2], 1, 0), "bn.mean": given([2], 3, 1), "bn.variance": given([2], 4, 1) };
  assertEquals(run([1, 2, 2], [3, 1, 5, 4], (b) => void b.batchNorm("bn", { epsilon: 0 }), bn), [1, 0, 3, 3]);
  assertEquals(run([1, 1, 3], [0, 5, 9], (b) => void b.relu("r"), {}, 5), [0, 0, 4]);
});

Deno.test("runFloat() slices and shuffles channels", () => {
  const pixels = [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16];
  assertEquals(run([1, 2, 6], pixels, (b) => void b.slice("s", { first: 2, channels: 3 })), [3, 4, 5, 13, 14, 15]);
  assertEquals(run([1, 2, 6], pixels, (b) => void b.shuffle("s", { groups: 2 })), [1, 4, 2, 5, 3, 6, 11, 14, 12, 15, 13, 16]);
  assertEquals(run([1, 1, 6], pixels.slice(0, 6), (b) => void b.shuffle("s", { groups: 3 })), [1, 3, 5, 2, 4, 6]);
  const back = (b: Builder): void => {
    b.shuffle("s", { groups: 3 });
    b.shuffle("t", { groups: 2 });
  };
  assertEquals(run([1, 2, 6], pixels, back), pixels);
});

Deno.test("runFloat() clips at a ReLU's level only when asked", () => {
  const net = network({ name: "test", input: [1, 1, 3], encoding, parameters: { "r.alpha": given([1], 2.5) } }, (b) => void b.relu("r"));
  const images = tensor(Uint8Array.of(1, 2, 3), [1, 1, 1, 3]);
  assertEquals([...runFloat(net, images).logits.data], [1, 2, 3]);
  assertEquals([...runFloat(net, images, { clip: true }).logits.data], [1, 2, 2.5]);
});

Deno.test("runFloat() pools: padding never wins a maximum and is left out of a mean", () => {
  const pixels = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  assertEquals(run([3, 3, 1], pixels, (b) => void b.maxPool("p", { kernel: 2 })), [5]);
  assertEquals(run([3, 3, 1], pixels, (b) => void b.maxPool("p", { kernel: 2, stride: 2, padding: 1 }), {}, 10), [-9, -7, -3, -1]);
  assertEquals(run([3, 3, 1], pixels, (b) => void b.averagePool("p", { kernel: 2, stride: 1 })), [3, 4, 6, 7]);
  assertEquals(run([3, 3, 1], pixels, (b) => void b.averagePool("p", { kernel: 2, stride: 2, padding: 1 })), [1, 2.5, 5.5, 7]);
  assertEquals(run([3, 3, 1], pixels, (b) => void b.globalAveragePool("p")), [5]);
  assertEquals(run([1, 2, 2], [1, 10, 3, 30], (b) => void b.globalAveragePool("p")), [2, 20]);
});

Deno.test("runFloat() adds, concatenates, flattens", () => {
  const sum = (b: Builder): void => void b.add("s", { from: ["input", "input", b.relu("r")] });
  assertEquals(run([1, 1, 2], [3, 4], sum), [9, 12]);
  const join = (b: Builder): void => {
    const pooled = b.globalAveragePool("g");
    b.concat("c", { from: [b.maxPool("m", { kernel: [1, 2], from: "input" }), pooled] });
  };
  assertEquals(run([1, 2, 2], [1, 2, 3, 8], join), [3, 8, 2, 5]);
  assertEquals(run([1, 2, 2], [1, 2, 3, 8], (b) => void b.concat("c", { from: ["input", b.relu("r")] })), [1, 2, 1, 2, 3, 8, 3, 8]);
  assertEquals(run([2, 1, 2], [1, 2, 3, 8], (b) => void b.flatten("f")), [1, 2, 3, 8]);
});

Deno.test("runFloat() computes softmax without overflow", () => {
  const [a, b, c] = run([1, 1, 3], [255, 254, 0], (b) => void b.softmax("s")) as [number, number, number];
  assertAlmostEquals(a, 1 / (1 + Math.exp(-1)), 1e-6);
  assertAlmostEquals(b, 1 - a, 1e-6);
  assertAlmostEquals(c, 0, 1e-30);
});

Deno.test("runFloat() gives each image the same result in any batch", () => {
  const net = network({ name: "test", input: [6, 6, 2], encoding: { zero: 100, scale: 0.01 } }, (b) => {
    const stem = b.conv("stem", { channels: 4, kernel: 3, padding: 1 });
    const branch = b.conv("branch", { channels: 4, kernel: 3, padding: 2, dilation: 2, groups: 2, from: b.relu("relu") });
    b.add("sum", { from: [stem, branch] });
    b.averagePool("pool", { kernel: 3, stride: 2, padding: 1 });
    b.flatten("flatten");
    b.linear("fc", { features: 3 });
  });
  const images = tensor(Uint8Array.from({ length: 19 * 72 }, (_, index) => hash(1, index) & 255), [19, 6, 6, 2]);
  const { logits, taps } = runFloat(net, images, { taps: ["branch", "fc"] });
  assertEquals(taps.get("fc")!.data, logits.data);
  for (const image of [0, 8, 18]) {
    const single = runFloat(net, tensor(images.data.slice(image * 72, (image + 1) * 72), [1, 6, 6, 2]), { taps: ["branch"] });
    assertEquals(single.logits.data, logits.data.slice(image * 3, (image + 1) * 3));
    assertEquals(single.taps.get("branch")!.data, taps.get("branch")!.data.slice(image * 144, (image + 1) * 144));
  }
  const relu = runFloat(net, images, { taps: ["relu"] }).taps.get("relu")!;
  const branch = convolve(relu, net.parameters["branch.weight"]!, net.parameters["branch.bias"], {
    stride: [1, 1],
    padding: [2, 2],
    dilation: [2, 2],
    groups: 2,
  });
  assertEquals(taps.get("branch")!.data, Float32Array.from(branch.data));
});

Deno.test("runFloat() throws on wrong images, taps and options", () => {
  const net = network({ name: "test", input: [2, 2, 1], encoding }, (b) => void b.relu("r"));
  const images = (...shape: number[]) => tensor(new Uint8Array(elements(shape)), shape);
  assertThrows(() => runFloat(net, images(2, 2, 1)), ShapeError, "[n, 2, 2, 1]");
  assertThrows(() => runFloat(net, images(1, 2, 2, 3)), ShapeError, "[1, 2, 2, 3]");
  assertThrows(() => runFloat(net, { shape: [2, 2, 2, 1], data: new Uint8Array(4) }), ShapeError, "4 elements");
  assertThrows(() => runFloat(net, images(1, 2, 2, 1), { taps: ["q"] }), GraphError, '"q"');
  assertThrows(() => runFloat(net, images(1, 2, 2, 1), { tap: ["r"] } as never), OptionError, "tap");
  assertThrows(() => runFloat({ ...net, layers: [] }, images(1, 2, 2, 1)), GraphError);
  assertEquals(runFloat(net, images(0, 2, 2, 1)).logits.shape, [0, 4]);
});
