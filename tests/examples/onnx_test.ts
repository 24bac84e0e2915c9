// The ONNX example as its users run it: files of PyTorch, on images of a folder, to the end.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encode } from "fast-png";
import { pixels } from "../io/onnx/build.ts";
import { runExample } from "./run.ts";

const models = new URL("../io/onnx/", import.meta.url).pathname;

Deno.test("examples/onnx.ts takes a ResNet-18 and a MobileNetV2 through to accuracy with no code written", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (let image = 0; image < 4; image++) {
      await Deno.writeFile(`${folder}/${image}.png`, encode({ width: 32, height: 32, data: pixels(3072, image), channels: 3, depth: 8 }));
    }
    for (const [name, arrays, digital] of [["resnet18", 19, 2], ["mobilenet_v2", 34, 19]] as const) {
      const args = ["--model", `${models}${name}.onnx`, "--data", folder, "--images", "4", "--mean", "0.491,0.482,0.447", "--std", "0.25"];
      const { code, out, error } = await runExample("onnx", [
        ...args,
        "--backend",
        "cpu",
        "--weight-bits",
        "4",
        "--activation-bits",
        "4",
        "--json",
      ]);
      assertEquals(code, 0, error);
      const result = JSON.parse(out);
      assertEquals([result.network, result.labels, result.images], [name, "the float network", 4]);
      assertEquals([result.layerCounts.onArrays, result.layerCounts.digital], [arrays, digital]);
      assert(result.cycles > 0 && result.accuracy.crossbar >= 0 && Number.isFinite(result.logitError));
    }
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
