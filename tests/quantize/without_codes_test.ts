// The list of layers that must stay digital: with it every network of the zoo lowers onto arrays, and no shorter list does.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  decompose,
  foldBatchNorm,
  layersWithoutCodes,
  lowerMapped,
  map,
  mobilenetV2,
  type Network,
  network,
  pact,
  quantize,
  resnet20,
  shufflenetV2,
  uniform,
} from "../../mod.ts";

/** Lowers a network with these layers digital and any converter at all. */
function lower(net: Network, digital: readonly string[]): void {
  const quantized = quantize(net, {
    weights: uniform({ bits: 2 }),
    activations: pact({ bits: 2 }),
    first: uniform({ bits: 2 }),
    last: uniform({ bits: 2 }),
    digital,
  });
  const mapped = map(decompose(quantized, { scheme: "offset", cellBits: 1 }), { rows: 256, columns: 256, algorithm: "im2col" });
  const adc = { levels: 256, lo: -128, step: 0.5, unit: 0.5 };
  lowerMapped(mapped, Object.fromEntries(Object.keys(mapped.layers).map((name) => [name, adc])));
}

Deno.test("layersWithoutCodes() is just what lowering asks for", () => {
  const shifted = network({ name: "shifted", input: [6, 6, 3], encoding: { zero: 128, scale: 1 / 64 } }, (b) => {
    b.conv("first", { channels: 4, kernel: 3, padding: 1 });
    b.relu("relu");
    b.maxPool("pool", { kernel: 2 });
    b.conv("second", { channels: 4, kernel: 3 });
    b.flatten("flat");
    b.linear("third", { features: 2 });
  });
  const nets = [shifted, mobilenetV2({ width: 0.25, image: 32 }), resnet20(), shufflenetV2({ width: 0.5, image: 32 })].map(foldBatchNorm);
  for (const net of nets) {
    const names = layersWithoutCodes(net);
    assert(names.length > 0);
    lower(net, names);
    for (const name of names.slice(0, 3)) assertThrows(() => lower(net, names.filter((each) => each !== name)), Error, name);
  }
  assertEquals(layersWithoutCodes(shifted), ["first", "third"]);
  assertEquals(layersWithoutCodes(shifted, ["relu"]), ["first", "second", "third"]);
});
