import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../lib/errors.ts";
import { runFloat } from "../../../lib/network/float_run.ts";
import { networkSize } from "../../../lib/network/geometries.ts";
import { inferShapes } from "../../../lib/network/shapes.ts";
import { validate } from "../../../lib/network/validate.ts";
import { shufflenetV2 } from "../../../lib/network/zoo/shufflenet_v2.ts";
import { hash } from "../../../lib/random.ts";
import { elements, tensor } from "../../../lib/tensor.ts";

Deno.test("shufflenetV2() has the published number of parameters and operations at every width", () => {
  const published = [[0.5, 1_366_792, 0.041], [1, 2_278_604, 0.146], [1.5, 3_503_624, 0.299], [2, 7_393_996, 0.591]] as const;
  for (const [width, parameters, gigas] of published) {
    const size = networkSize(shufflenetV2({ width }));
    assertEquals(size.parameters, parameters);
    assertAlmostEquals(size.macs / 1e9, gigas, 0.012 * gigas + 0.001);
  }
});

Deno.test("shufflenetV2() halves the image five times", () => {
  const shapes = inferShapes(shufflenetV2());
  const at = ["conv1", "maxpool", "stage2.3.shuffle", "stage3.7.shuffle", "stage4.3.shuffle", "conv5", "fc"];
  assertEquals(at.map((name) => shapes.get(name)!.join("×")), [
    "112×112×24",
    "56×56×24",
    "28×28×116",
    "14×14×232",
    "7×7×464",
    "7×7×1024",
    "1×1×1000",
  ]);
});

Deno.test("shufflenetV2() runs; what passes a unit's ReLU untouched is not negative", () => {
  const net = shufflenetV2({ width: 0.5, image: 32, classes: 4, seed: 2 });
  validate(net);
  const images = tensor(Uint8Array.from({ length: elements(net.input) }, (_, i) => hash(1, i) & 255), [1, ...net.input]);
  const { logits, taps } = runFloat(net, images, { taps: ["stage2.1.passed", "stage3.5.passed"] });
  assertEquals(logits.shape, [1, 4]);
  assert(logits.data.every(Number.isFinite));
  for (const { data } of taps.values()) assert(data.every((value) => value >= 0) && data.some((value) => value > 0));
});

Deno.test("shufflenetV2() throws on bad options", () => {
  assertThrows(() => shufflenetV2({ width: 0.75 }), OptionError, "shufflenetV2.width");
  assertThrows(() => shufflenetV2({ image: 16 }), OptionError, "shufflenetV2.image");
  assertThrows(() => shufflenetV2({ growth: 1 } as never), OptionError, "shufflenetV2.growth");
});
