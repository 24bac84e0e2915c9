import { assertEquals } from "@std/assert";
import { network } from "../../lib/network/builder.ts";
import { channelGroups } from "../../lib/prune/groups.ts";
import { branched, plain, residual } from "./networks.ts";

const short = (net: Parameters<typeof channelGroups>[0]) =>
  channelGroups(net).map(({ name, channels, producers, carriers, consumers }) => [
    name,
    channels,
    ...[producers, carriers, consumers].map((uses) => uses.map(({ layer }) => layer).join(" ")),
  ]);

Deno.test("channelGroups() follows a plain chain, and leaves images and output out", () => {
  assertEquals(short(plain()), [["conv1", 5, "conv1", "bn1", "conv2"], ["conv2", 4, "conv2", "bn2", "fc1"], ["fc1", 7, "fc1", "", "fc2"]]);
  // After the pool 3 × 3 pixels of 4 channels are flattened, channels fastest.
  assertEquals(channelGroups(plain())[1]!.consumers[0]!.positions[1], [1, 5, 9, 13, 17, 21, 25, 29, 33]);
});

Deno.test("channelGroups() ties what a sum ties", () => {
  assertEquals(short(residual()), [
    ["stem", 4, "stem a2", "bnA", "a1 b1 skip"],
    ["a1", 3, "a1", "", "a2"],
    ["b1", 5, "b1", "", "b2"],
    ["b2", 6, "b2 skip", "", "fc"],
  ]);
});

Deno.test("channelGroups() keeps offsets behind a concat, and whole groups together", () => {
  const groups = channelGroups(branched());
  assertEquals(short(branched()), [
    ["left", 4, "left", "depthwise", "mix"],
    ["right", 4, "right", "depthwise", "mix"],
    ["mix", 3, "mix", "", "grouped"],
    ["grouped", 2, "grouped", "", "fc"],
  ]);
  assertEquals(groups[1]!.consumers[0]!.positions, [[8, 9], [10, 11], [12, 13], [14, 15]]);
  assertEquals(groups[2]!.producers[0]!.positions, [[0, 3], [1, 4], [2, 5]]);
});

Deno.test("channelGroups() splits a layer whose channels are tied to different others", () => {
  const net = network({ name: "split", input: [2, 2, 1] }, (b) => {
    b.conv("wide", { channels: 5, kernel: 1 });
    b.conv("low", { channels: 2, kernel: 1, from: "input" });
    b.conv("high", { channels: 3, kernel: 1, from: "input" });
    b.concat("pair", { from: ["low", "high"] });
    b.add("sum", { from: ["wide", "pair"] });
    b.conv("out", { channels: 2, kernel: 1 });
  });
  assertEquals(short(net), [["wide", 2, "wide low", "", "out"], ["wide#2", 3, "wide high", "", "out"]]);
});

Deno.test("channelGroups() keeps channels that reach the output, a softmax or the images by a sum", () => {
  const net = network({ name: "fixed", input: [2, 2, 3] }, (b) => {
    b.conv("a", { channels: 3, kernel: 1 });
    b.add("sum", { from: ["a", "input"] });
    b.conv("b", { channels: 4, kernel: 1 });
    b.softmax("share");
    b.conv("c", { channels: 2, kernel: 1 });
    b.relu("end");
  });
  assertEquals(short(net), []);
});
