// The gate as a CI job runs it: by its files and exit codes.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { toJson } from "../../lib/report/json.ts";
import { byHand } from "../report/result.ts";
import { writePhotographs } from "./images.ts";
import { runExample } from "./run.ts";

const finite = { ...byHand, imagesPerSecond: 10 };

Deno.test("examples/ci_gate.ts accepts, passes, fails and accepts again", async () => {
  const folder = await Deno.makeTempDir(),
    baseline = `${folder}/ci/baseline.json`,
    stored = `${folder}/result.json`,
    junit = `${folder}/gate.xml`;
  const store = (result: typeof finite) => Deno.writeTextFile(stored, JSON.stringify(toJson(result)));
  const run = (...more: string[]) => runExample("ci_gate", ["--baseline", baseline, "--result", stored, ...more]);
  try {
    await store(finite);
    const absent = await run();
    assertEquals([absent.code, absent.out], [1, ""]);
    assertStringIncludes(absent.error, "--update");
    const made = await run("--update");
    assertEquals(made.code, 0, made.error);
    assertStringIncludes(made.out, "New baseline");
    const file = JSON.parse(await Deno.readTextFile(baseline));
    file.tolerances = { "layers.*.cycles": { direction: "lower", relative: 0.5 } };
    await Deno.writeTextFile(baseline, JSON.stringify(file));
    assertEquals((await run("--html", `${folder}/report.html`)).code, 0);
    assert((await Deno.readTextFile(`${folder}/report.html`)).startsWith("<!DOCTYPE html>"));

    await store({ ...finite, cycles: 1400, layers: finite.layers.map((layer) => ({ ...layer, cycles: layer.cycles + 10 })) });
    const failed = await run("--junit", junit, "--annotations");
    assertEquals(failed.code, 1, failed.error);
    assertStringIncludes(failed.out, `::error file=${baseline},title=cycles worse::`);
    assertEquals(failed.out.match(/::error/g)!.length, 1);
    assertStringIncludes(await Deno.readTextFile(junit), 'failures="1"');

    await store({ ...finite, layers: finite.layers.slice(1) });
    const gone = await run("--json");
    assertEquals([gone.code, JSON.parse(gone.out).passed], [1, false]);
    const missing = JSON.parse(gone.out).rows.filter(({ status }: { status: string }) => status === "missing");
    assertEquals(missing.length, 5);

    assertEquals((await run("--update")).code, 0);
    assertEquals(JSON.parse(await Deno.readTextFile(baseline)).tolerances, file.tolerances);
    assertEquals((await run()).code, 0);
    const { metrics: { cycles: _cycles, ...metrics }, ...rest } = JSON.parse(await Deno.readTextFile(baseline));
    await Deno.writeTextFile(baseline, JSON.stringify({ ...rest, tolerances: {}, metrics }));
    assertEquals([(await run()).code, (await run("--allow-new")).code], [1, 0]);
    assertEquals([...Deno.readDirSync(`${folder}/ci`)].map(({ name }) => name), ["baseline.json"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("examples/ci_gate.ts simulates the network that ships, twice to the same figures", async () => {
  const folder = await Deno.makeTempDir(), baseline = `${folder}/baseline.json`;
  const args = ["--baseline", baseline, "--data", folder, "--images", "2", "--json"];
  try {
    await writePhotographs(folder);
    const made = await runExample("ci_gate", [...args, "--update"]);
    assertEquals(made.code, 0, made.error);
    assertEquals(JSON.parse(made.out).updated, true);
    const again = await runExample("ci_gate", args), { passed, rows } = JSON.parse(again.out);
    assertEquals([again.code, passed], [0, true], again.error);
    assert(rows.length > 40 && rows.every(({ status }: { status: string }) => status === "same"));
    const coarse = await runExample("ci_gate", [...args, "--adc-bits", "2"]);
    assertEquals(coarse.code, 1, coarse.error);
    const worse = JSON.parse(coarse.out).rows.filter(({ passed }: { passed: boolean }) => !passed).map(({ metric }: { metric: string }) =>
      metric
    );
    assert(worse.includes("settings.adc.bits") && worse.includes("layers.conv2.noise"), String(worse));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("examples/ci_gate.ts says what is wrong with its options and files", async () => {
  const folder = await Deno.makeTempDir(), broken = `${folder}/broken.json`;
  try {
    await Deno.writeTextFile(broken, '{ "schema": "bitline baseline 1", ');
    const cases: [string[], number, string][] = [
      [[], 2, "--baseline"],
      [["--baseline", broken, "--image", "3"], 2, "--image"],
      [["--baseline", broken], 1, "FileError"],
      [["--baseline", broken, "--update"], 1, "FileError"],
      [["--baseline", `${folder}/none.json`, "--update", "--result", broken], 1, "JSON"],
      [["--baseline", `${folder}/none.json`, "--update", "--result", "no/such/file"], 1, "no/such/file"],
    ];
    for (const [args, wanted, text] of cases) {
      const { code, out, error } = await runExample("ci_gate", args);
      assertEquals([code, out], [wanted, ""], error);
      assertStringIncludes(error, text);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
