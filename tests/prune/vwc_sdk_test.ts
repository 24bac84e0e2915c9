import { assert, assertEquals, assertThrows } from "@std/assert";
import { MappingError, OptionError } from "../../lib/errors.ts";
import { cnn8 } from "../../lib/network/zoo/cnn8.ts";
import { resnet20 } from "../../lib/network/zoo/resnet20.ts";
import { channelModel } from "../../lib/prune/model.ts";
import { vwcSdkChannels } from "../../lib/prune/vwc_sdk.ts";
import { channelWindow } from "../../lib/prune/window.ts";
import { problem } from "../map/problems.ts";
import { cnn8Model, resnet20Model } from "./models.ts";

Deno.test("vwcSdkChannels() finds CNN-8's RCP1 as published, with a correct search's cycles", () => {
  const { original, rounds } = vwcSdkChannels(cnn8Model, { rows: 256, columns: 512, rounds: 20 });
  assertEquals(original.cycles, [64, 80, 28, 30, 30, 7]);
  assertEquals(rounds.map(({ counts, cycles, total }) => [counts, cycles, total]), [
    [[18, 21, 27, 60, 60, 60], [48, 48, 21, 25, 25, 6], 173],
  ]);
});

Deno.test("vwcSdkChannels() finds RCP1 and RCP2 of CNN-8 with the published search", () => {
  const { original, rounds } = vwcSdkChannels(cnn8Model, { rows: 256, columns: 512, rounds: 20, search: "published" });
  assertEquals(original.total, 239);
  assertEquals(rounds.map(({ counts, cycles, total }) => [counts, cycles, total]), [
    [[18, 21, 27, 60, 60, 60], [48, 64, 21, 25, 25, 6], 189],
    [[18, 18, 27, 60, 60, 60], [48, 48, 21, 25, 25, 6], 173],
  ]);
});

Deno.test("vwcSdkChannels() finds the wide ResNet-20's RCP1 as published, and nothing after it", () => {
  for (const search of ["correct", "published"] as const) {
    const { original, rounds } = vwcSdkChannels(resnet20Model, { rows: 512, columns: 128, rounds: 5, search });
    assertEquals(original.cycles, [900, 900, 900, 588, 588, 588, 360, 360, 360]);
    assertEquals(rounds.map(({ counts }) => counts), [[42, 112, 224]]);
    assertEquals(rounds[0]!.cycles, [450, 450, 450, 392, 392, 392, 288, 288, 288]);
  }
});

Deno.test("vwcSdkChannels() prunes the zoo's networks through their dependency graph", () => {
  const wide = channelModel(resnet20({ width: 4 }));
  const { rounds } = vwcSdkChannels(wide, { rows: 512, columns: 128, rounds: 5 });
  const counts = Object.fromEntries(wide.groups.map(({ name }, group) => [name, rounds.at(-1)!.counts[group]]));
  // Stages, and the inner channels of a block of each.
  assertEquals([counts["conv1"], counts["layer1.1.conv1"]], [42, 42]);
  assertEquals([counts["layer2.0.conv2"], counts["layer2.1.conv1"]], [112, 112]);
  assertEquals([counts["layer3.0.conv2"], counts["layer3.1.conv1"]], [224, 224]);

  const small = channelModel(cnn8());
  assertEquals(small.groups.map(({ channels }) => channels), [24, 32, 32, 64, 64, 64, 256]);
  const padded = vwcSdkChannels(small, { rows: 256, columns: 512, rounds: 20 });
  assert(padded.rounds.at(-1)!.total < padded.original.total);
  assertEquals(padded.rounds.at(-1)!.counts.at(-1), 256, "the linear layer is digital, so its inputs stay");
});

Deno.test("channelWindow() repeats the published search's stale head only when asked", () => {
  const layer = problem({ image: 18, kernel: 3, in: 21, out: 27, rows: 256, columns: 512 });
  assertEquals(channelWindow(layer), { cycles: 48, channels: 7 });
  assertEquals(channelWindow(layer, "published"), { cycles: 64, channels: 6 });
  // im2col is best here; the tile of a window of one output counts.
  assertEquals(channelWindow(problem({ image: 5, kernel: 5, in: 64, out: 256, rows: 256, columns: 512 })), { cycles: 7, channels: 10 });
});

Deno.test("vwcSdkChannels() refuses what it cannot do", () => {
  const chip = { rows: 256, columns: 512 };
  assertThrows(() => vwcSdkChannels(cnn8Model, { ...chip, rounds: 0 }), OptionError, "vwcSdk.rounds");
  assertThrows(() => vwcSdkChannels(cnn8Model, { ...chip, round: 1 } as never), OptionError, "vwcSdk.round");
  assertThrows(() => vwcSdkChannels(cnn8Model, { ...chip, search: "best" as never }), OptionError, "vwcSdk.search");
  assertThrows(() => vwcSdkChannels(cnn8Model, { ...chip, order: "up" as never }), OptionError, "vwcSdk.order");
  assertThrows(() => vwcSdkChannels(cnn8Model, { rows: 0, columns: 1 }), MappingError, "rows");
});
