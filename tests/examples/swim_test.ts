import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { mnist } from "../../lib/data/mnist.ts";
import { runExample } from "./run.ts";

const there = await mnist.test({ limit: 1 }).then(() => true, () => false);
const SMALL = [
  "--images",
  "128",
  "--limit",
  "100",
  "--draws",
  "2",
  "--sigma",
  "0.3",
  "--shares",
  "0,0.1,1",
  "--threads",
  "1",
  "--passes",
  "0.5",
];

Deno.test("swim.ts refuses methods and numbers it does not know", async () => {
  const [method, sigma, help] = await Promise.all([
    runExample("swim", ["--methods", "swim,best"]),
    runExample("swim", ["--sigma", "much"]),
    runExample("swim", ["--help"]),
  ]);
  assertEquals([method.code, sigma.code, help.code], [2, 2, 0]);
  assertStringIncludes(method.error, '"best"');
  assertStringIncludes(sigma.error, "--sigma");
  for (const name of ["network", "sigma", "shares", "draws", "epochs", "svg", "state", "json"]) assertStringIncludes(help.out, `--${name}`);
});

Deno.test({
  name: "swim.ts --json prints one object with every curve, draws them, and resumes",
  ignore: !there,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const args = [...SMALL, "--methods", "swim,swim-cells,magnitude,in-situ", "--state", `${folder}/state.json`];
      const { code, out, error } = await runExample("swim", [...args, "--json", "--svg", `${folder}/swim.svg`]);
      assertEquals(code, 0, error);
      const { clean, curves } = JSON.parse(out);
      assert(clean > 0.9);
      assertEquals(Object.keys(curves[0]), ["method", "sigma", "share", "writeCycles", "mean", "std"]);
      assertEquals(
        new Set(curves.map(({ method }: { method: string }) => method)),
        new Set(["swim", "swim-cells", "magnitude", "in-situ"]),
      );
      const at = (method: string, share: number) =>
        curves.find((point: { method: string; share: number }) => point.method === method && point.share === share);
      assertEquals([at("swim", 0).writeCycles, at("swim", 1).writeCycles], [0, 1]);
      assert(at("swim", 1).mean > at("swim", 0).mean);
      assert(Math.abs(at("swim-cells", 0.1).writeCycles - 0.1) < 0.01);
      assertStringIncludes(await Deno.readTextFile(`${folder}/swim.svg`), "swim-cells");
      assertEquals((await runExample("swim", [...args, "--json"])).out, out);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
