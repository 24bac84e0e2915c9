import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { MappingError, OptionError } from "../../lib/errors.ts";
import { vwSdkMapping } from "../../lib/map/published/vw_sdk.ts";
import { validate } from "../../lib/network/validate.ts";
import { cnn8 } from "../../lib/network/zoo/cnn8.ts";
import { lenet } from "../../lib/network/zoo/lenet.ts";
import { resnet20 } from "../../lib/network/zoo/resnet20.ts";
import { pipeline } from "../../lib/pipeline.ts";
import { prune, type PruneReport, pruning } from "../../lib/prune/prune.ts";

Deno.test("prune() makes the wide ResNet-20 what VWC-SDK makes of it", () => {
  const { network, report } = prune(resnet20({ width: 4 }), { method: "vwc-sdk", rows: 512, columns: 256, weightBits: 2 });
  validate(network);
  assertEquals(network.parameters["conv1.weight"]!.shape, [42, 3, 3, 3]);
  assertEquals(network.parameters["layer1.1.conv1.weight"]!.shape, [42, 42, 3, 3]);
  assertEquals(network.parameters["layer2.0.downsample.0.weight"]!.shape, [112, 42, 1, 1]);
  assertEquals(network.parameters["layer3.2.conv2.weight"]!.shape, [224, 224, 3, 3]);
  assertEquals(network.parameters["fc.weight"]!.shape, [10, 224]);
  assert(report.cycles.after < 0.7 * report.cycles.before);
  assertEquals([report.rows, report.columns], [512, 128]);
  assertEquals(report.groups[0]!.channels, { before: 64, after: 42 });
});

Deno.test("prune() by granularity stays within the loss and beats VWC-SDK on the zoo's CNN-8", () => {
  const chip = { rows: 256, columns: 512, weightBits: 1, mapper: vwSdkMapping };
  const published = prune(cnn8(), { method: "vwc-sdk", rows: 256, columns: 512, weightBits: 1, rounds: 20 }).report;
  const { network, report } = prune(cnn8(), { ...chip, loss: 1 - published.weights.after / published.weights.before });
  validate(network);
  assertEquals(report.method, "granular");
  assert(report.weights.after >= published.weights.after);
  assert(report.cycles.after < published.cycles.after);
  const held = Object.entries(network.parameters).filter(([name]) => /^(conv\d|fc)\.weight$/.test(name));
  assertEquals(held.reduce((sum, [, { data }]) => sum + data.length, 0), report.weights.after);
});

Deno.test("prune() reports plain data and a table", () => {
  const { report } = prune(lenet(), { method: "vwc-sdk" });
  assertEquals(JSON.parse(JSON.stringify(report)).groups[0], {
    name: "conv1",
    channels: { before: 6, after: 4 },
    kept: report.groups[0]!.kept,
  });
  assertEquals(report.removed, 2);
  assertEquals(report.layers[1]!.inputs, { before: 6, after: 4 });
  assertStringIncludes(report.table(), "6 → 4");
  assertStringIncludes(report.table(), "digital");
});

Deno.test("prune() returns the same network where there is nothing to prune", () => {
  const net = lenet(), { network, report } = prune(net, { method: "vwc-sdk", rows: 512, columns: 512 });
  assert(network === net);
  assertEquals(report.removed, 0);
});

Deno.test("pruning() is a stage of a pipeline", async () => {
  const reports: PruneReport[] = [];
  const network = await pipeline().pipe(pruning({ method: "vwc-sdk" }, (report) => reports.push(report))).run(lenet());
  assertEquals(network.parameters["conv2.weight"]!.shape, [16, 4, 5, 5]);
  assertEquals(reports.length, 1);
});

Deno.test("prune() counts the layers it is told to, and keeps weak channels by their norms", () => {
  const options = { mapper: vwSdkMapping, digital: [], rows: 64, columns: 64, measure: "norms", loss: 0.2 } as const;
  const { report } = prune(lenet(), options);
  assert(report.layers.every(({ cycles }) => cycles.before > 0));
  assert(report.cycles.after < report.cycles.before);
});

Deno.test("prune() refuses what it cannot do", () => {
  const net = lenet();
  assertThrows(() => prune(net, { method: "random" as never }), OptionError, "prune.method");
  assertThrows(() => prune(net, { method: "vwc-sdk", loss: 0.1 } as never), OptionError, "prune.loss");
  assertThrows(() => prune(net, { rounds: 2 } as never), OptionError, "prune.rounds");
  assertThrows(() => prune(net, { cellBits: 0 }), OptionError, "prune.cellBits");
  assertThrows(() => prune(net, { columns: 3 }), MappingError, "prune.columns");
  assertThrows(() => prune(net, { rows: 0 }), MappingError, "prune.rows");
  assertThrows(() => prune(net, { digital: ["conv9"] }), OptionError, "conv9");
});
