// Levels that belong to a network, as those of a ReLU6 do, hold while it is calibrated and bound what is found.

import { assert, assertEquals } from "@std/assert";
import { calibrateActivations, network, tensor } from "../../../mod.ts";

Deno.test("calibrateActivations() with keep holds the levels a network has", async () => {
  const made = network({ name: "two", input: [4, 4, 1], encoding: { zero: 0, scale: 1 } }, (b) => {
    b.conv("a", { channels: 1, kernel: 1, bias: false });
    b.relu("first");
    b.conv("b", { channels: 1, kernel: 1, bias: false });
    b.relu("second");
  });
  const one = tensor(Float32Array.of(1), [1, 1, 1, 1]), two = tensor(Float32Array.of(2), [1, 1, 1, 1]);
  const six = { ...made, parameters: { "a.weight": one, "b.weight": two, "first.alpha": tensor(Float32Array.of(6), [1]) } };
  const images = { name: "ramp", images: tensor(new Uint8Array(16).map((_, at) => 10 * at), [1, 4, 4, 1]) };
  const options = { bits: 8, method: "minmax", backend: "reference" } as const;
  const kept = await calibrateActivations(six, images, { ...options, keep: true }), free = await calibrateActivations(six, images, options);
  const levels = ({ parameters }: typeof made) => ["first.alpha", "second.alpha"].map((name) => parameters[name]!.data[0]);
  // The second relu sees twice what the first lets through.
  assertEquals(levels(kept), [6, 12]);
  assertEquals(levels(free), [150, 300]);
  assert(!("second.alpha" in six.parameters));
});
