import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { explore, type ExploreOptions, FileError } from "@bitline/bitline";
import { bits, randomImages, smallNetwork } from "./nets.ts";

const lists = {
  quantize: bits,
  cell: ["RRAM"],
  backend: "reference",
  adcBits: [2, 4],
  columnsPerAdc: [4, 8],
} as const satisfies ExploreOptions;

async function withFile(work: (file: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await work(`${folder}/points.jsonl`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("explore() reads finished points from its file and computes only the others", () =>
  withFile(async (file) => {
    const fresh = await explore(smallNetwork(), await randomImages(12), lists);
    const controller = new AbortController();
    const stopped = explore(smallNetwork(), await randomImages(12), {
      ...{ ...lists, file, signal: controller.signal },
      onProgress: (phase, done) => phase === "accuracy" && done === 12 && controller.abort(new Error("stopped")),
    });
    await assertRejects(() => stopped, Error, "stopped");
    const lines = (await Deno.readTextFile(file)).trimEnd().split("\n");
    assertEquals(lines.length, 3, "the baseline and both points of the first simulation, which was done");

    const second = await explore(smallNetwork(), await randomImages(12), { ...lists, file });
    assertEquals([second.counts.resumed, second.counts.simulated], [2, 1]);
    const third = await explore(smallNetwork(), await randomImages(12), { ...lists, file });
    assertEquals([third.counts.resumed, third.counts.simulated, third.counts.mapped], [4, 0, 0]);
    for (const run of [second, third]) {
      assertEquals([run.points, run.front, run.baseline], [fresh.points, fresh.front, fresh.baseline]);
    }
    // Another circuit behind the same arrays takes the accuracy that is known.
    const other = await explore(smallNetwork(), await randomImages(12), { ...lists, file, columnsPerAdc: [16], node: [7] });
    assertEquals([other.counts.resumed, other.counts.simulated], [0, 0]);
    assertEquals(other.points.map(({ figures }) => figures.accuracy), [0, 2].map((at) => fresh.points[at]!.figures.accuracy));
  }));

Deno.test("explore() has other keys for other networks, images, options and chips", async () => {
  const four = await randomImages(4);
  const keys = async (network = smallNetwork(), data = four, options: ExploreOptions = {}) => {
    const { points } = await explore(network, data, { ...lists, adcBits: [2], columnsPerAdc: [4], ...options });
    return points[0]!.key;
  };
  const base = await keys();
  assertEquals(await keys(), base);
  assertEquals(await keys(undefined, undefined, { adcBits: [2, 3], threads: 1 }), base);
  const others = await Promise.all([
    keys(smallNetwork(2)),
    keys(undefined, await randomImages(4, 2)),
    keys(undefined, await randomImages(3)),
    keys(undefined, undefined, { seed: 2 }),
    keys(undefined, undefined, { images: 2 }),
    keys(undefined, undefined, { adc: { noise: 0.5 } }),
    keys(undefined, undefined, { estimate: { temperatureK: 350 } }),
    keys(undefined, undefined, { columnsPerAdc: [8] }),
    keys(undefined, undefined, { adcBits: [3] }),
  ]);
  assertEquals(new Set([base, ...others]).size, 10);
});

Deno.test("explore() removes a line cut off at the end of its file, and refuses one that it never wrote", () =>
  withFile(async (file) => {
    const four = await randomImages(4);
    await explore(smallNetwork(), four, { ...lists, file });
    const whole = await Deno.readTextFile(file), cut = whole.trimEnd().lastIndexOf("\n") + 40;
    await Deno.writeTextFile(file, whole.slice(0, cut));
    const { counts } = await explore(smallNetwork(), four, { ...lists, file });
    assertEquals([counts.resumed, counts.simulated], [3, 0], "accuracy is known from the other point of the simulation");
    assertEquals((await Deno.readTextFile(file)).length, whole.length);
    assertNotEquals(cut, whole.length);
    for (const line of ["{broken\n", '{"other":1}\n', "null\n"]) {
      await Deno.writeTextFile(file, whole + line);
      await assertRejects(
        () => explore(smallNetwork(), four, { ...lists, file }),
        FileError,
        `line ${whole.split("\n").length}`,
      );
    }
    assert(whole.endsWith("\n"));
    await assertRejects(
      () => explore(smallNetwork(), four, { ...lists, file: "/no/such/folder/x.jsonl" }),
      FileError,
      "/no/such",
    );
  }));
