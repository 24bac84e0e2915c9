// Export: the file computes what the quantised network computes, by onnxruntime and by our own import.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  decodeOnnx,
  densenet40,
  dorefa,
  encodeOnnx,
  GraphError,
  lenet,
  lowerQuantized,
  lsq,
  mobilenetV2,
  type Network,
  network,
  OptionError,
  pact,
  quantize,
  type QuantizedNetwork,
  referenceBackend,
  resnet20,
  runFloat,
  shufflenetV2,
  tensor,
  uniform,
  validate,
  vgg7,
  writeOnnx,
} from "../../../mod.ts";
import { floats, pixels } from "./build.ts";
import { channelsFirst, difference, hasOnnxruntime, onnxruntime } from "./reference.ts";

const absent = !await hasOnnxruntime();

/** Every operation there is, in one small network with a zero that is not pixel 0 and levels that clip. */
function everything(): Network {
  const made = network({ name: "everything", input: [8, 8, 3], encoding: { zero: 3, scale: 1 / 64 }, seed: 4 }, (b) => {
    b.conv("stem", { channels: 8, kernel: [3, 1], stride: [1, 2], padding: [1, 0] });
    b.batchNorm("norm", { epsilon: 1e-3 });
    const stem = b.relu("relu1");
    b.slice("half", { channels: 4, first: 4 });
    b.conv("depthwise", { channels: 4, kernel: 3, padding: 2, dilation: 2, groups: 4, bias: false });
    const branch = b.relu("relu2");
    b.concat("both", { from: [branch, stem] });
    b.shuffle("dealt", { groups: 3 });
    const left = b.maxPool("largest", { kernel: 3, stride: 2, padding: 1 });
    const right = b.averagePool("mean", { from: "dealt", kernel: 3, stride: 2, padding: 1 });
    b.add("sum", { from: [left, right, left] });
    b.conv("mix", { channels: 6, kernel: 1 });
    b.relu("relu3");
    b.flatten("flat");
    b.batchNorm("flatNorm");
    b.linear("hidden", { features: 9 });
    b.relu("relu4");
    b.linear("out", { features: 5 });
    b.softmax("shares");
  });
  const normal = (name: string, seed: number) => tensor(floats(made.parameters[name]!.data.length, seed), made.parameters[name]!.shape);
  const parameters = {
    ...made.parameters,
    "norm.mean": normal("norm.mean", 1),
    "flatNorm.mean": normal("flatNorm.mean", 2),
    "flatNorm.bias": normal("flatNorm.bias", 3),
  };
  return { ...made, parameters: { ...parameters, "relu1.alpha": tensor(Float32Array.of(0.7), [1]) } };
}

async function reals(quantized: QuantizedNetwork, images: ReturnType<typeof tensor<Uint8Array>>): Promise<Float32Array> {
  await using session = await referenceBackend().prepare(lowerQuantized(quantized));
  const { output } = await session.run(images);
  return new Float32Array(output.data);
}

Deno.test({ name: "encodeOnnx() writes float networks that onnxruntime runs as we do", ignore: absent }, async () => {
  const folder = await Deno.makeTempDir(), networks = [everything(), shufflenetV2({ width: 0.5 }), densenet40({ growth: 2 })];
  try {
    for (const [index, net] of networks.entries()) {
      const [height, width, channels] = net.input,
        images = tensor(pixels(height * width * channels, index), [1, height, width, channels]),
        path = `${folder}/${index}.onnx`;
      await writeOnnx(path, net);
      const [wanted] = (await onnxruntime([{ path, shape: [1, channels, height, width], data: channelsFirst(images.data, 1, net) }]))!;
      const { error, magnitude } = difference(wanted!, runFloat(net, images, { clip: true }).logits.data);
      assert(error < 1e-4 * magnitude, `${net.name}: ${error} of ${magnitude}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({ name: "encodeOnnx() writes quantised networks that onnxruntime runs as the integer path does", ignore: absent }, async () => {
  const folder = await Deno.makeTempDir(),
    net = everything(),
    small = network({ name: "plain", input: [6, 6, 2] }, (b) => {
      b.conv("a", { channels: 6, kernel: 3, padding: 1 });
      b.relu("ra");
      b.conv("b", { channels: 4, kernel: 3, groups: 2 });
      b.relu("rb");
      b.flatten("f");
      b.linear("c", { features: 7 });
    });
  const cases = [
    quantize(small, { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4, alpha: 0.6 }) }),
    quantize(small, { weights: uniform({ bits: 3 }), activations: pact({ bits: 8, alpha: 0.9 }) }),
    quantize(small, { weights: lsq({ bits: 4, perChannel: true }), activations: pact({ bits: 2, alpha: 0.5 }) }),
    quantize(net, {
      weights: dorefa({ bits: 2 }),
      activations: pact({ bits: 4, alpha: 1 }),
      layers: { relu1: { activations: null }, hidden: { weights: null } },
    }),
  ];
  try {
    for (const [index, quantized] of cases.entries()) {
      const { network } = quantized, [height, width, channels] = network.input, count = 3;
      const images = tensor(pixels(count * height * width * channels, index), [count, height, width, channels]),
        path = `${folder}/${index}.onnx`;
      await writeOnnx(path, quantized, { opset: 13 + 2 * index });
      const [wanted] =
        (await onnxruntime([{ path, shape: [count, channels, height, width], data: channelsFirst(images.data, count, network) }]))!;
      const ours = await reals(quantized, images), { error, magnitude } = difference(wanted!, ours);
      assert(error < 2e-5 * magnitude, `${index}: ${error} of ${magnitude}`);
      // Through our own import: the same codes, so the same numbers to the bit where all scales are 32-bit floats.
      const again = await decodeOnnx(await Deno.readFile(path)), runs = runFloat(again, images, { clip: true });
      assert(Number.isFinite(runs.logits.data[0]));
      for (const [name, { codes, zero, scale, scales }] of Object.entries(quantized.weights)) {
        const kept = again.codes![`${name}.weight`]!, each = codes.data.length / codes.shape[0]!;
        for (let at = 0; at < codes.data.length; at++) {
          const channel = Math.floor(at / each), value = (codes.data[at]! - zero) * scale * (scales?.[channel] ?? 1);
          const got = (kept.codes.data[at]! - kept.zero) * kept.scale * (kept.scales?.[channel] ?? 1);
          assert(Math.abs(got - value) <= 1e-6 * Math.abs(value), `${name}[${at}]: ${got}, ${value}`);
        }
        assert(kept.quantizer.bits <= quantized.weights[name]!.bits);
      }
      for (const [name, { bits, step }] of Object.entries(quantized.activations)) {
        const alpha = again.parameters[`${name}.alpha`]!.data[0]!;
        assert(Math.abs(alpha - step * (2 ** bits - 1)) < 1e-6, `${name}: ${alpha}`);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("decodeOnnx() of encodeOnnx() gives the same network", async () => {
  for (const net of [everything(), lenet(), resnet20(), mobilenetV2({ width: 0.25, image: 32 }), vgg7({ width: 0.125 })]) {
    const again = await decodeOnnx(await encodeOnnx(net));
    validate(again);
    assertEquals(again.name, net.name);
    assertEquals(again.encoding, net.encoding);
    assertEquals(again.layers, net.layers);
    assertEquals(again.parameters, net.parameters);
  }
});

Deno.test("encodeOnnx() checks its options", async () => {
  await assertRejects(() => encodeOnnx(lenet(), { opset: 12 }), OptionError, "opset");
  await assertRejects(() => encodeOnnx(lenet(), { version: 17 } as object), OptionError, "version");
  await assertRejects(() => encodeOnnx({ ...lenet(), parameters: {} }), GraphError, "conv1.weight");
});
