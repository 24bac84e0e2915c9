// Files exported by others, against onnxruntime. make_models.py made them: PyTorch 1.13's exporter, and onnxruntime 1.30's static quantiser.

import { assert, assertEquals } from "@std/assert";
import {
  decodeOnnx,
  decompose,
  lowerQuantized,
  map,
  type Network,
  pact,
  quantize,
  readOnnx,
  referenceBackend,
  runFloat,
  simulate,
  tensor,
  uniform,
} from "../../../mod.ts";
import { pixels } from "./build.ts";
import { channelsFirst, difference, hasOnnxruntime, onnxruntime } from "./reference.ts";

const folder = new URL("./", import.meta.url).pathname, absent = !await hasOnnxruntime();

async function compared(name: string, count: number): Promise<{ network: Network; error: number; magnitude: number; notes: string[] }> {
  const path = `${folder}${name}.onnx`, notes: string[] = [], network = await readOnnx(path, { onNote: (note) => notes.push(note) });
  const [height, width, channels] = network.input,
    images = tensor(pixels(count * height * width * channels, 7), [count, height, width, channels]);
  const { logits } = runFloat(network, images, { clip: true });
  const [wanted] =
    (await onnxruntime([{ path, shape: [count, channels, height, width], data: channelsFirst(images.data, count, network) }]))!;
  return { network, notes, ...difference(wanted!, logits.data) };
}

const ops = (network: Network) => network.layers.map(({ op }) => op);

Deno.test({ name: "readOnnx() runs a ResNet-18 of PyTorch as onnxruntime does", ignore: absent }, async () => {
  const { network, error, magnitude } = await compared("resnet18", 2);
  assert(error < 1e-5 * magnitude, `${error} of ${magnitude}`);
  assertEquals(ops(network).filter((op) => op === "conv").length, 20);
  assertEquals(ops(network).filter((op) => op === "add").length, 8);
  assert(network.layers.some(({ name }) => name === "layer4.1.conv2"), "layers are named after the modules they come from");
});

Deno.test({ name: "readOnnx() runs a MobileNetV2 of PyTorch as onnxruntime does, ReLU6 as clipped relus", ignore: absent }, async () => {
  const { network, error, magnitude } = await compared("mobilenet_v2", 1);
  assert(error < 1e-5 * magnitude, `${error} of ${magnitude}`);
  assertEquals(network.layers.filter((layer) => layer.op === "conv" && layer.groups > 1).length, 17);
  const relus = network.layers.filter(({ op }) => op === "relu");
  assert(relus.length === 35 && relus.every(({ name }) => network.parameters[`${name}.alpha`]!.data[0] === 6));
});

Deno.test({ name: "readOnnx() reorders what follows a flatten, batch norm and weights", ignore: absent }, async () => {
  const { network, error, magnitude } = await compared("flatten", 3);
  assert(error < 1e-6 * magnitude, `${error} of ${magnitude}`);
  assertEquals(ops(network), ["conv", "batchNorm", "relu", "averagePool", "flatten", "batchNorm", "linear", "relu", "linear", "softmax"]);
});

Deno.test({ name: "readOnnx() finds channel splits and shuffles among nodes that only compute shapes", ignore: absent }, async () => {
  const { network, error, magnitude } = await compared("shuffle", 2);
  assert(error < 1e-5 * magnitude, `${error} of ${magnitude}`);
  assertEquals(ops(network).filter((op) => op === "slice" || op === "shuffle" || op === "concat"), ["slice", "slice", "concat", "shuffle"]);
});

for (const kind of ["tensor", "channel"]) {
  Deno.test({ name: `readOnnx() keeps the codes of onnxruntime's quantiser, scales per ${kind}`, ignore: absent }, async () => {
    const { network, error, magnitude, notes } = await compared(`qdq_${kind}`, 1);
    // onnxruntime also quantises the image and the output, with 8 bits each: what is left out of these differs by some of their steps.
    assert(error < 0.03 * magnitude, `${error} of ${magnitude}`);
    assertEquals(notes.length, 2);
    assertEquals(Object.keys(network.codes!), ["a.weight", "b.weight", "c.weight", "fc.weight"]);
    for (const { bits, codes, signed, zero } of Object.values(network.codes!).map((each) => ({ ...each, bits: each.quantizer.bits }))) {
      assertEquals([bits, signed, zero], [8, true, 0]);
      assert(codes.data.some((code) => Math.abs(code) >= 127));
    }
    // Per channel for convolutions; a matrix too.
    assertEquals(network.codes!["b.weight"]!.scales?.length, kind === "channel" ? 6 : undefined);
    const relus = network.layers.filter(({ op }) => op === "relu");
    assertEquals(relus.length, 3);
    assert(relus.every(({ name }) => network.parameters[`${name}.alpha`]!.data[0]! > 0));
  });
}

Deno.test({ name: "quantize() takes an imported quantised network as it is, and arrays compute it exactly", ignore: absent }, async () => {
  for (const kind of ["tensor", "channel"]) {
    const path = `${folder}qdq_${kind}.onnx`, network = await readOnnx(path), images = tensor(pixels(192, 7), [1, 8, 8, 3]);
    const quantized = quantize(network, { weights: uniform({ bits: 8 }), activations: pact({ bits: 8 }), digital: [] });
    for (const [name, codes] of Object.entries(quantized.weights)) {
      assertEquals(codes.codes.data, network.codes![`${name}.weight`]!.codes.data);
    }
    const mapped = map(decompose(quantized, { scheme: "twosComplement", cellBits: 1 }), { rows: 64, columns: 64, algorithm: "im2col" });
    const result = await simulate(mapped, { name: "one", images, labels: Uint8Array.of(0), classes: [] }, {
      adc: { bits: 9, range: "full" },
      backend: "reference",
      float: false,
    });
    assertEquals(result.logitError, 0);
    await using session = await referenceBackend().prepare(lowerQuantized(quantized));
    const { output } = await session.run(images),
      [wanted] = (await onnxruntime([
        { path, shape: [1, 3, 8, 8], data: channelsFirst(images.data, 1, network) },
      ]))!;
    // What is left is onnxruntime's rounding of the image and the output, where a step of 8 bits is 1 / 128 of the largest.
    const { error, magnitude } = difference(wanted!, new Float32Array(output.data));
    assert(error < 0.004 * magnitude, `${error} of ${magnitude}`);
  }
});

Deno.test("decodeOnnx() gives every truncation of a file an error of its own kind", async () => {
  const bytes = await Deno.readFile(`${folder}flatten.onnx`);
  for (let length = 0; length < bytes.length; length += 41) {
    const error = await decodeOnnx(bytes.subarray(0, length)).then(() => undefined, (error) => error as Error);
    assert(error !== undefined && ["FileError", "GraphError", "ShapeError"].includes(error.name), `${length}: ${error?.stack}`);
  }
});

Deno.test("decodeOnnx() never fails but by errors of its own kinds, whatever byte is damaged", async () => {
  const bytes = await Deno.readFile(`${folder}flatten.onnx`),
    kinds = ["FileError", "GraphError", "ShapeError", "NumericError", "OptionError"];
  let failed = 0;
  for (let at = 0; at < bytes.length; at += 9) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at]! + 1 + at * 7) & 255;
    const error = await decodeOnnx(damaged).then(() => undefined, (error) => error as Error);
    if (error === undefined) continue;
    failed++;
    assert(kinds.includes(error.name), `${at}: ${error.stack}`);
  }
  assert(failed > 50);
});
