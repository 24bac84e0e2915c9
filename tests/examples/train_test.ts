// The command end to end, and every shipped recipe on a handful of images.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DATA_SOURCES, loadTrained, train, trainingFile } from "@bitline/bitline";
import { writeDigits, writePhotographs } from "./images.ts";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("train", args);
const RECIPES = new URL("../../examples/recipes/", import.meta.url);

/** A recipe's content, cut down to few images from a folder. */
async function small(name: string, folder: string): Promise<Record<string, unknown> & { recipe: Record<string, unknown> }> {
  const file = JSON.parse(await Deno.readTextFile(new URL(name, RECIPES)));
  const { name: network, options = {} } = typeof file.network === "string" ? { name: file.network } : file.network;
  return {
    ...file,
    network: { name: network, options: "width" in options ? { ...options, width: options.width / 4 } : options },
    data: { name: typeof file.data === "string" ? file.data : file.data.name, folder, limit: 16 },
    validation: { limit: 8 },
    recipe: { ...file.recipe, epochs: 1, batch: 8 },
    ...(file.from === undefined ? {} : { from: { ...file.from, checkpoint: `${folder}/lenet_float.checkpoint` } }),
    checkpoint: `${folder}/${name.replace(".json", ".checkpoint")}`,
    out: `${folder}/${name.replace(".json", ".safetensors")}`,
  };
}

Deno.test("every recipe in examples/recipes trains", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeDigits(folder);
    await writePhotographs(folder);
    const names = [...Deno.readDirSync(RECIPES)].map(({ name }) => name).sort();
    assert(names.length >= 5);
    for (const name of names) {
      const file = trainingFile(await small(name, folder), name), source = DATA_SOURCES[file.data.name]!;
      const validation = await source.test(file.validation!);
      const result = await train(file.network, await source.train(file.data.load), { recipe: file.recipe, validation, threads: 1 });
      assertEquals(result.step, 2, name);
      assert(result.validation! >= 0 && result.validation! <= 1, name);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("train.ts writes the network, starts from another run's checkpoint, and goes on from its own", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeDigits(folder);
    const write = async (name: string) => {
      const path = `${folder}/${name}`;
      await Deno.writeTextFile(path, JSON.stringify(await small(name, folder)));
      return path;
    };
    const float = await run(await write("lenet_float.json"), "--json");
    assertEquals(float.code, 0, float.error);
    const said = JSON.parse(float.out);
    assertEquals([said.steps, said.testImages, said.out], [2, 8, `${folder}/lenet_float.safetensors`]);
    assertStringIncludes(float.error, "test accuracy");

    const path = await write("lenet_w3a3.json"), quantised = await run(path);
    assertEquals(quantised.code, 0, quantised.error);
    const { network, notes } = await loadTrained(`${folder}/lenet_w3a3.safetensors`);
    assertEquals(network.codes!["conv2.weight"]!.quantizer.bits, 3);
    assertEquals(network.codes!["fc3.weight"]!.quantizer.bits, 8);
    assertEquals(notes["from"], { checkpoint: `${folder}/lenet_float.checkpoint`, learned: false });

    const again = await run(path, "--json");
    assertEquals(again.code, 0, again.error);
    assertEquals([JSON.parse(again.out).accuracy, JSON.parse(again.out).log], [notes["accuracy"], []], "nothing was left to train");

    await Deno.writeTextFile(path, JSON.stringify({ ...await small("lenet_w3a3.json", folder), recipe: { epochs: 2, batch: 8 } }));
    const other = await run(path);
    assertEquals(other.code, 1);
    assertStringIncludes(other.error, "another recipe");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("train.ts keeps its state when interrupted, and ends as it would have without", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeDigits(folder);
    const file = await small("lenet_float.json", folder), data = { name: "mnist", folder, limit: 512 };
    const path = `${folder}/run.json`, recipe = { ...file.recipe, epochs: 3, batch: 8 };
    await Deno.writeTextFile(path, JSON.stringify({ ...file, data, recipe }));
    const script = new URL("../../examples/train.ts", import.meta.url).pathname;
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, path],
      stdout: "null",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    const errors = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("step ")) said += (await errors.read()).value ?? "";
    process.kill("SIGINT");
    for (let part = await errors.read(); !part.done; part = await errors.read()) said += part.value;
    assertEquals((await process.status).code, 130, said);
    assertStringIncludes(said, "The same command goes on");

    const resumed = await run(path, "--json");
    assertEquals(resumed.code, 0, resumed.error);
    const bytes = await Deno.readFile(`${folder}/lenet_float.checkpoint`), whole = await run(path, "--json", "--fresh");
    assertEquals(JSON.parse(whole.out).accuracy, JSON.parse(resumed.out).accuracy);
    assert(JSON.parse(whole.out).log.length === 3);
    assertEquals(await Deno.readFile(`${folder}/lenet_float.checkpoint`), bytes);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("train.ts refuses what is no recipe", async () => {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(path, "{ network: lenet }");
    const [nothing, missing, broken] = await Promise.all([run("--json"), run("no/such.json"), run(path)]);
    assertEquals([nothing.code, missing.code, broken.code], [2, 1, 1]);
    await Deno.writeTextFile(path, JSON.stringify({ network: "lenet", data: "mnist", recipe: { optimiser: {} } }));
    const unknown = await run(path, "--check");
    assertEquals([unknown.code, unknown.out], [2, ""]);
    assertStringIncludes(unknown.error, "recipe.optimiser");
  } finally {
    await Deno.remove(path);
  }
});
