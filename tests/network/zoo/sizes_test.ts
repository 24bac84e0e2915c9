// The zoo against the published numbers of parameters and multiply-accumulates, to the digits they are published with.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../lib/errors.ts";
import { runFloat } from "../../../lib/network/float_run.ts";
import { layerGeometries, networkSize } from "../../../lib/network/geometries.ts";
import type { Network } from "../../../lib/network/graph.ts";
import { inferShapes } from "../../../lib/network/shapes.ts";
import { validate } from "../../../lib/network/validate.ts";
import { cnn8 } from "../../../lib/network/zoo/cnn8.ts";
import { densenet40 } from "../../../lib/network/zoo/densenet40.ts";
import { mobilenetV2 } from "../../../lib/network/zoo/mobilenet_v2.ts";
import type { ZooOptions } from "../../../lib/network/zoo/options.ts";
import { resnet18, resnet34, resnet50 } from "../../../lib/network/zoo/resnet.ts";
import { resnet20 } from "../../../lib/network/zoo/resnet20.ts";
import { vgg13, vgg16 } from "../../../lib/network/zoo/vgg.ts";
import { hash } from "../../../lib/random.ts";
import { elements, tensor } from "../../../lib/tensor.ts";

/** Name, network, parameters (exact), GMAC and its tolerance. */
const published: [string, () => Network, number, number, number][] = [
  ["vgg13", vgg13, 133_047_848, 11.31, 0.005],
  ["vgg16", vgg16, 138_357_544, 15.47, 0.005],
  ["resnet18", resnet18, 11_689_512, 1.81, 0.01],
  ["resnet34", resnet34, 21_797_672, 3.66, 0.01],
  ["resnet50", resnet50, 25_557_032, 4.09, 0.01],
  ["mobilenetV2", mobilenetV2, 3_504_872, 0.3, 0.005],
  ["densenet40", densenet40, 1_019_722, 0.265, 0.001],
  ["resnet20", resnet20, 272_474, 0.041, 0.001],
];

for (const [name, build, parameters, gigas, tolerance] of published) {
  Deno.test(`${name}() has the published number of parameters and operations`, () => {
    const size = networkSize(build());
    assertEquals(size.parameters, parameters);
    assertAlmostEquals(size.macs / 1e9, gigas, tolerance);
  });
}

Deno.test("vgg16() draws no weight before one is read", () => {
  const net = vgg16();
  const { "fc1.weight": large, ...rest } = net.parameters;
  assertEquals(large!.shape, [4096, 25088]);
  // 0.4 GB if it were there: only the shape is.
  assert(!("value" in Object.getOwnPropertyDescriptor(large!, "data")!));
  const first = rest["conv1.weight"]!;
  assert(first.data === first.data);
});

Deno.test("cnn8() has the sizes and channels VWC-SDK counts on", () => {
  for (const image of [32, 36, 40]) {
    const layers = layerGeometries(cnn8({ image }));
    assertEquals(layers.map(({ geometry }) => geometry.inputShape[0]), [image, 18, 18, 9, 7, 7, 5, 1]);
    assertEquals(layers.map(({ geometry }) => geometry.kernel[0]), [5, 3, 3, 3, 3, 3, 5, 1]);
    assertEquals(layers.slice(1, 7).map(({ geometry }) => geometry.padding[0]), [1, 1, 0, 1, 0, 0]);
    assertEquals(layers.map(({ geometry }) => geometry.inputShape[2]), [3, 24, 32, 32, 64, 64, 64, 256]);
    assertEquals(layers[0]!.geometry.outputShape, [36, 36, 24]);
  }
  const pruned = layerGeometries(cnn8({ channels: [18, 21, 27, 60, 60, 60, 256] }));
  assertEquals(pruned.map(({ geometry }) => geometry.outputShape[2]), [18, 21, 27, 60, 60, 60, 256, 10]);
});

Deno.test("resnet20() at width 4 has the stages of the wide network", () => {
  const layers = layerGeometries(resnet20({ width: 4 }));
  assertEquals(layers.length, 22);
  const stage = (channels: number, image: number) =>
    layers.filter(({ geometry }) => geometry.kernel[0] === 3 && geometry.inputShape[2] === channels && geometry.inputShape[0] === image)
      .length;
  // The last layer of each of the first two "6" reads the stage's size but begins the next one.
  assertEquals([stage(64, 32), stage(128, 16), stage(256, 8)], [7, 6, 5]);
  assertEquals(inferShapes(resnet20({ channels: [42, 112, 224] })).get("layer2.0.downsample.0"), [16, 16, 112]);
});

/** Smallest sensible instance of each. */
const small: [string, (options: ZooOptions) => Network, ZooOptions & Record<string, unknown>][] = [
  ["cnn8", cnn8, { width: 0.1 }],
  ["resnet20", resnet20, { width: 0.25, image: 8 }],
  ["vgg13", vgg13, { width: 1 / 32, image: 32, batchNorm: true }],
  ["vgg16", vgg16, { width: 1 / 32, image: 32 }],
  ["resnet18", resnet18, { width: 1 / 16, image: 32 }],
  ["resnet34", resnet34, { width: 1 / 16, image: 32 }],
  ["resnet50", resnet50, { width: 1 / 16, image: 32 }],
  ["mobilenetV2", mobilenetV2, { width: 0.1, image: 32 }],
  ["densenet40", densenet40, { growth: 2, image: 8 }],
];

for (const [name, build, options] of small) {
  Deno.test(`${name}() runs, takes given parameters and refuses bad options`, () => {
    const net = build({ ...options, classes: 4, seed: 2 });
    validate(net);
    const images = tensor(Uint8Array.from({ length: elements(net.input) }, (_, i) => hash(1, i) & 255), [1, ...net.input]);
    const { logits } = runFloat(net, images);
    assertEquals(logits.shape, [1, 4]);
    assert(logits.data.every(Number.isFinite));
    assertEquals(runFloat(build({ ...options, classes: 4, parameters: net.parameters }), images).logits, logits);
    assertThrows(() => build({ classes: 0 }), OptionError, `${name}.classes`);
    assertThrows(() => build({ depth: 3 } as never), OptionError, `${name}.depth`);
    assertThrows(() => build({ width: 0, growth: 0 } as never), OptionError, name);
  });
}

Deno.test("mobilenetV2() clips every ReLU at 6", () => {
  const net = mobilenetV2({ width: 0.1, image: 32 });
  const relus = net.layers.filter(({ op }) => op === "relu");
  assertEquals(relus.length, 35);
  assert(relus.every((relu) => net.parameters[`${relu.name}.alpha`]!.data[0] === 6));
  const given = { "conv1.relu.alpha": tensor(Float32Array.of(3), [1]) };
  assertEquals(mobilenetV2({ width: 0.1, image: 32, parameters: given }).parameters["conv1.relu.alpha"]!.data[0], 3);
});
