// The ONNX example as its users run it: files of PyTorch, on images of a folder, to the end.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encode } from "fast-png";
import { pixels } from "../io/onnx/build.ts";
import { runExample } from "./run.ts";

const models = new URL("../io/onnx/", import.meta.url).pathname;

Deno.test("examples/onnx.ts takes a ResNet-18 and a MobileNetV2 through to accuracy, area and energy with no code written", async () => {
  const folder = await Deno.makeTempDir(), images = `${folder}/images`, normalise = ["--mean", "0.491,0.482,0.447", "--std", "0.25"];
  try {
    await Deno.mkdir(images);
    for (let image = 0; image < 3; image++) {
      await Deno.writeFile(`${images}/${image}.png`, encode({ width: 32, height: 32, data: pixels(3072, image), channels: 3, depth: 8 }));
    }
    await Deno.copyFile(new URL("../data/pictures/baseline.jpg", import.meta.url), `${images}/3.jpeg`);
    const bits = ["--weight-bits", "4", "--activation-bits", "4"], chips: Record<string, { areaUm2: number; energyPj: number }> = {};
    for (const [name, arrays, digital] of [["resnet18", 19, 2], ["mobilenet_v2", 51, 2]] as const) {
      const report = `${folder}/reports/${name}.html`, where = ["--data", images, "--images", "4", "--backend", "cpu"];
      const { code, out, error } = await runExample("onnx", [
        ...["--model", `${models}${name}.onnx`, ...where, ...normalise, ...bits],
        ...["--crop", "0.9", "--html", report, "--json"],
      ]);
      assertEquals(code, 0, error);
      const result = JSON.parse(out), { chip, layers, options } = result.estimate;
      assertEquals([result.network, result.labels, result.images, result.float], [name, "the float network", 4, 1]);
      assertEquals([result.layerCounts.onArrays, result.layerCounts.digital], [arrays, digital]);
      assert(result.cycles > 0 && result.accuracy.crossbar >= 0 && Number.isFinite(result.logitError));
      assertEquals([layers.length, options.cell, options.node, options.adc.bits], [arrays, "RRAM", "22", 8]);
      for (const figure of ["areaUm2", "energyPj", "latencyNs", "topsPerWatt", "macs"]) assert(chip[figure] > 0, figure);
      const html = await Deno.readTextFile(report);
      assert(
        html.startsWith("<!DOCTYPE html>") && html.includes("TOPS/W") &&
          html.includes(`${name} on ${images}, agreement with the float network`),
      );
      chips[name] = chip;
    }
    const cheap = await runExample("onnx", [
      ...["--model", `${models}resnet18.onnx`, "--data", images, "--images", "4", "--backend", "cpu", "--node", "7", "--adc-bits", "4"],
      ...[...normalise, ...bits, "--adc-type", "SAR", "--schedule", "layer-by-layer"],
    ]);
    assertEquals(cheap.code, 0, cheap.error);
    for (const text of ["agreement with the float network", "mm²", "µJ per image", "TOPS/W", "SAR", "digital layers not counted"]) {
      assertStringIncludes(cheap.out, text);
    }
    const area = Number(/not counted: ([\d.]+) mm²/.exec(cheap.out)![1]);
    assert(area * 1e6 < chips["resnet18"]!.areaUm2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("examples/onnx.ts counts classes by name where a folder holds only some of them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["c3", "c1"]) {
      await Deno.mkdir(`${folder}/images/${name}`, { recursive: true });
      await Deno.writeFile(
        `${folder}/images/${name}/a.png`,
        encode({ width: 8, height: 8, data: pixels(192, name.length), channels: 3, depth: 8 }),
      );
    }
    const run = async (names: readonly string[]) => {
      await Deno.writeTextFile(`${folder}/names.txt`, names.join("\n") + "\n");
      return await runExample("onnx", [
        ...["--model", `${models}flatten.onnx`, "--data", `${folder}/images`, "--classes", `${folder}/names.txt`, "--images", "2"],
        ...["--backend", "reference", "--json", "--digital", "least"],
      ]);
    };
    const named = await run(["c0", "c1", "c2", "c3", "c4"]), few = await run(["c1", "c3"]);
    assertEquals([named.code, few.code, few.out], [0, 2, ""], named.error);
    assertEquals([JSON.parse(named.out).labels, JSON.parse(named.out).images], ["data", 2]);
    assertStringIncludes(few.error, "--classes");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("examples/onnx.ts says what is wrong with its options and files", async () => {
  const cases: [string[], number, string][] = [
    [[], 2, "--model"],
    [["--model", "no/such.onnx"], 1, "no such file"],
    [["--model", `${models}flatten.pth`], 1, "FileError"],
    [["--model", `${models}flatten.onnx`, "--mean", "a"], 2, "--mean"],
    [["--model", `${models}flatten.onnx`, "--data", "no/such/folder"], 1, "DataError"],
  ];
  for (const [args, wanted, text] of cases) {
    const { code, out, error } = await runExample("onnx", args);
    assertEquals([code, out], [wanted, ""], error);
    assertStringIncludes(error, text);
  }
});
