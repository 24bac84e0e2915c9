import { assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../lib/errors.ts";
import { runFloat } from "../../../lib/network/float_run.ts";
import { inferShapes } from "../../../lib/network/shapes.ts";
import { validate } from "../../../lib/network/validate.ts";
import { vgg7 } from "../../../lib/network/zoo/vgg7.ts";
import { tensor } from "../../../lib/tensor.ts";

Deno.test("vgg7() has the published number of weights and operations", () => {
  const net = vgg7();
  const shapes = validate(net);
  let weights = 0, operations = 0;
  for (const layer of net.layers) {
    if (layer.op !== "conv" && layer.op !== "linear") continue;
    const count = net.parameters[`${layer.name}.weight`]!.data.length;
    const [height, width] = shapes.get(layer.name)!;
    weights += count;
    operations += count * height * width;
  }
  assertEquals(weights, 12_973_440);
  assertEquals(operations, 615_917_568);
});

Deno.test("vgg7() has its layers in order, at any width", () => {
  const net = vgg7({ width: 0.25, classes: 7 });
  const block = (n: number) => [`conv${n}`, `bn${n}`, `relu${n}`];
  assertEquals(net.layers.map(({ name }) => name), [
    ...[...block(1), ...block(2), "pool1", ...block(3), ...block(4), "pool2", ...block(5), ...block(6), "pool3"],
    ...["flatten", "fc1", "bn7", "relu7", "fc2"],
  ]);
  assertEquals(net.encoding, { zero: 121, scale: 1 / 63 });
  const shapes = inferShapes(net);
  const channels = ["conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "fc1", "fc2"].map((name) => shapes.get(name)![2]);
  assertEquals(channels, [32, 32, 64, 64, 128, 128, 256, 7]);
  assertEquals(shapes.get("flatten"), [1, 1, 2048]);
});

Deno.test("vgg7() runs and takes given parameters", () => {
  const net = vgg7({ width: 1 / 32, seed: 3 });
  const images = tensor(Uint8Array.from({ length: 2 * 3072 }, (_, index) => (index * 7919) & 255), [2, 32, 32, 3]);
  const { logits } = runFloat(net, images);
  assertEquals(logits.shape, [2, 10]);
  assertEquals(runFloat(vgg7({ width: 1 / 32, parameters: net.parameters }), images).logits, logits);
});

Deno.test("vgg7() throws on bad options", () => {
  assertThrows(() => vgg7({ width: 0 }), OptionError, "vgg7.width");
  assertThrows(() => vgg7({ width: NaN }), OptionError, "vgg7.width");
  assertThrows(() => vgg7({ classes: 1.5 }), OptionError, "vgg7.classes");
  assertThrows(() => vgg7({ depth: 7 } as never), OptionError, "vgg7.depth");
});
