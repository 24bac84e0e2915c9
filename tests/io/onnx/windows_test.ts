// Windows with padding of all sorts against onnxruntime, and what of it is refused.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeOnnx, GraphError, runFloat, type Shape, tensor } from "../../../mod.ts";
import { build, type Constant, floats, type Model, pixels } from "./build.ts";
import { channelsFirst, difference, hasOnnxruntime, type Job, onnxruntime } from "./reference.ts";

const absent = !await hasOnnxruntime();

/** A random integer from 0 to most − 1. */
function* integers(seed: number): Generator<number, number, number> {
  for (let at = 0, most = yield 0;; at++) most = yield Math.floor((floats(at + 1, seed)[at]! + 1) / 2 * most);
}

function drawn(seed: number): { model: Model; size: Shape; what: string } {
  const stream = integers(seed);
  stream.next();
  const draw = (most: number) => stream.next(most).value;
  const [height, width, channels] = [5 + draw(5), 5 + draw(5), 2 * (1 + draw(2))];
  const kernel = [1 + draw(3), 1 + draw(3)], strides = [1 + draw(2), 1 + draw(2)], kind = draw(4);
  const attributes: Record<string, number | string | number[]> = { kernel_shape: kernel, strides };
  const pads = Array.from({ length: 4 }, (_, side) => draw(kernel[side % 2]!));
  const auto = draw(4);
  if (auto === 0) attributes["auto_pad"] = "SAME_UPPER";
  else if (auto === 1) attributes["auto_pad"] = "SAME_LOWER";
  else attributes["pads"] = pads;
  const constants: Record<string, Constant> = { target: { dims: [2], data: [0, -1] } }, nodes: Model["nodes"][number][] = [];
  if (kind < 2) {
    const groups = draw(2) === 0 ? 1 : channels, out = 2 * channels;
    if (auto > 1) attributes["dilations"] = [1 + draw(2), 1 + draw(2)];
    attributes["group"] = groups;
    constants["w"] = { dims: [out, channels / groups, ...kernel], data: floats(out * channels / groups * kernel[0]! * kernel[1]!, seed) };
    constants["b"] = { dims: [out], data: floats(out, seed + 1) };
    nodes.push({ op: "Conv", inputs: ["x", "w", "b"], output: "y", attributes });
  } else {
    // Where pools leave pixels out, onnxruntime's kernels refuse to run.
    attributes["strides"] = strides.map((step, axis) => Math.min(step, kernel[axis]!));
    if (auto > 1 && draw(2) === 1) attributes["ceil_mode"] = 1;
    nodes.push({ op: kind === 2 ? "MaxPool" : "AveragePool", inputs: ["x"], output: "y", attributes });
  }
  nodes.push({ op: "Reshape", inputs: ["y", "target"], output: "z" });
  // A matrix after it, so that the order of features counts.
  nodes.push({ op: "MatMul", inputs: ["z", "m"], output: "out" });
  return {
    model: { input: ["n", channels, "h", "w"], nodes, constants },
    size: [height, width, channels],
    what: `${seed}: ${nodes[0]!.op} ${JSON.stringify(attributes)} on ${[height, width]}`,
  };
}

Deno.test({
  name: "decodeOnnx() places windows as onnxruntime does: padding by side, auto_pad, dilation, groups, ceil_mode",
  ignore: absent,
}, async () => {
  const folder = await Deno.makeTempDir(), jobs: Job[] = [], got: { what: string; logits: Float32Array }[] = [];
  let refused = 0;
  try {
    for (let seed = 1; seed <= 160; seed++) {
      const { model, size, what } = drawn(seed), [height, width, channels] = size;
      // Features are counted with any matrix at all: a wrong one names their number.
      let features = 0;
      for (const trial of [1, 0]) {
        const matrix = { m: { dims: [trial === 1 ? 1 : features, 3], data: floats(3 * (trial === 1 ? 1 : features), seed + 2) } };
        const bytes = await build({ ...model, constants: { ...model.constants, ...matrix } });
        const network = await decodeOnnx(bytes, { input: size, encoding: { zero: 128, scale: 1 / 64 } }).catch((error: Error) => error);
        if (network instanceof Error) {
          assert(network instanceof GraphError, network.stack);
          const count = /weights for 1 features, wanted "?(\d+)/.exec(network.message.replaceAll('"', ""))?.[1];
          if (count === undefined) {
            assert(/padding|window/.test(network.message), network.message);
            refused++;
            break;
          }
          features = Number(count);
          continue;
        }
        const images = tensor(pixels(height * width * channels, seed), [1, ...size]), path = `${folder}/${seed}.onnx`;
        await Deno.writeFile(path, bytes);
        jobs.push({ path, shape: [1, channels, height, width], data: channelsFirst(images.data, 1, network) });
        got.push({ what, logits: runFloat(network, images).logits.data });
        break;
      }
    }
    const wanted = (await onnxruntime(jobs))!;
    for (const [at, { what, logits }] of got.entries()) {
      const { error, magnitude } = difference(wanted[at]!, logits);
      assert(error < 1e-4 * Math.max(magnitude, 1), `${what}: ${error} of ${magnitude}`);
    }
    assert(got.length > 110 && refused > 0, `${got.length} done, ${refused} refused`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("decodeOnnx() names the node whose padding it cannot carry", async () => {
  const pool = (attributes: Record<string, number | string | number[]>, op = "MaxPool") => {
    return build({
      input: ["n", 2, 6, 6],
      nodes: [{ op, inputs: ["x"], output: "y", attributes }, { op: "GlobalAveragePool", inputs: ["y"], output: "z" }],
    });
  };
  const uneven = await assertRejects(
    async () => await decodeOnnx(await pool({ kernel_shape: [3, 3], strides: [2, 2], pads: [0, 0, 1, 1] })),
    GraphError,
  );
  assert(uneven.message.includes("node 1") && uneven.message.includes("MaxPool"), uneven.message);
  const counted = await pool({ kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }, "AveragePool");
  await assertRejects(async () => await decodeOnnx(counted), GraphError, "count_include_pad");
  await assertRejects(async () => await decodeOnnx(await pool({ kernel_shape: [3, 3], dilations: [2, 2] })), GraphError, "dilations");
  await assertRejects(async () => await decodeOnnx(await pool({ kernel_shape: [9, 9] })), GraphError, "window");
});

Deno.test("decodeOnnx() takes the zeros of a Pad node into the convolution after it", async () => {
  const constants = {
    p: { dims: [8], data: [0, 0, 1, 2, 0, 0, 1, 2] },
    w: { dims: [3, 2, 3, 5], data: floats(90, 1) },
    v: { dims: [3, 3, 1, 1], data: floats(9, 2) },
  };
  const mean = { op: "ReduceMean", inputs: ["z"], output: "out", attributes: { axes: [2, 3], keepdims: 0 } } as const;
  const padded = [{ op: "Pad", inputs: ["x", "p"], output: "y" }, { op: "Conv", inputs: ["y", "w"], output: "z" }, mean] as const;
  const plain = [{ op: "Conv", inputs: ["x", "w"], output: "z", attributes: { pads: [1, 2, 1, 2] } }, mean] as const;
  const [a, b] = await Promise.all(
    [padded, plain].map(async (nodes) => await decodeOnnx(await build({ input: [1, 2, 7, 6], nodes, constants }))),
  );
  const images = tensor(pixels(84, 3), [1, 7, 6, 2]);
  assertEquals(runFloat(a!, images).logits, runFloat(b!, images).logits);
  const other = [padded[0], { op: "Relu", inputs: ["y"], output: "z" }, mean] as const;
  await assertRejects(
    async () => await decodeOnnx(await build({ input: [1, 2, 7, 6], nodes: other, constants })),
    GraphError,
    "padded pixels",
  );
});
