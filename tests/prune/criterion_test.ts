import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { GraphError, OptionError } from "../../lib/errors.ts";
import { channelNorms, largestChannels } from "../../lib/prune/criterion.ts";
import { channelGroups } from "../../lib/prune/groups.ts";
import { tensor } from "../../lib/tensor.ts";
import { plain, residual } from "./networks.ts";

Deno.test("channelNorms() sums |w| over all layers that make a channel", () => {
  const net = residual(), stem = channelGroups(net)[0]!;
  const norm = (layer: string, channel: number) => {
    const { data, shape } = net.parameters[`${layer}.weight`]!, size = data.length / shape[0]!;
    return data.subarray(channel * size, (channel + 1) * size).reduce((sum, w) => sum + Math.abs(w), 0);
  };
  channelNorms(net, stem).forEach((value, channel) => assertAlmostEquals(value, norm("stem", channel) + norm("a2", channel), 1e-6));
});

Deno.test("largestChannels() keeps the largest, in order, the first of equals", () => {
  const net = plain(), weight = tensor(Float32Array.from({ length: 90 }, (_, i) => [1, -3, 2, 3, 0][Math.floor(i / 18)]!), [5, 2, 3, 3]);
  const changed = { ...net, parameters: { ...net.parameters, "conv1.weight": weight } }, conv1 = channelGroups(net)[0]!;
  assertEquals(largestChannels(changed, conv1, 3), [1, 2, 3]);
  assertEquals(largestChannels(changed, conv1, 1), [1]);
  for (const count of [0, 6, 1.5]) assertThrows(() => largestChannels(net, conv1, count), OptionError, "conv1");
  assertThrows(() => channelNorms({ ...net, parameters: {} }, conv1), GraphError, "conv1.weight");
});
