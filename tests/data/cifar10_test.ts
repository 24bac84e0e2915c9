import { assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { encode } from "fast-png";
import { cifar10 } from "../../lib/data/cifar10.ts";
import { channelStatistics } from "../../lib/data/dataset.ts";
import { importSource } from "../../lib/data/source.ts";
import { DataError, OptionError } from "../../lib/errors.ts";
import { real } from "./real.ts";

const pixels = (index: number) => (index * 37 + (index >>> 9)) & 255;

/** A file of the binary version whose image i has label i % 10 and pixels that are a function of position in [n, 32, 32, 3]. */
function binary(): Uint8Array {
  const file = new Uint8Array(10_000 * 3073);
  for (let image = 0; image < 10_000; image++) {
    file[image * 3073] = image % 10;
    for (let i = 0; i < 3072; i++) file[image * 3073 + 1 + (i % 3) * 1024 + Math.floor(i / 3)] = pixels(image * 3072 + i);
  }
  return file;
}

Deno.test("cifar10.train() has the published mean, standard deviation and class counts", async () => {
  const train = await real(() => cifar10.train());
  if (train === undefined) return;
  const { mean, std } = channelStatistics(train.images);
  [0.49139968, 0.48215841, 0.44653091].forEach((wanted, channel) => assertAlmostEquals(mean[channel]!, wanted, 1e-7));
  [0.24703223, 0.24348513, 0.26158784].forEach((wanted, channel) => assertAlmostEquals(std[channel]!, wanted, 1e-7));
  assertEquals(train.images.shape, [50_000, 32, 32, 3]);
  const counts = new Array(10).fill(0);
  train.labels.forEach((label) => counts[label]++);
  assertEquals(counts, new Array(10).fill(5000));
});

Deno.test("cifar10.test() gives the official order, and cuts across limit and offset", async () => {
  const test = await real(() => cifar10.test());
  if (test === undefined) return;
  assertEquals(test.name, "cifar10/test");
  assertEquals([...test.labels.subarray(0, 8)].map((label) => test.classes[label]), [
    "cat",
    "ship",
    "ship",
    "airplane",
    "frog",
    "frog",
    "automobile",
    "frog",
  ]);
  const part = await cifar10.test({ offset: 100, limit: 3 });
  assertEquals(part.images.shape, [3, 32, 32, 3]);
  assertEquals(part.images.data, test.images.data.slice(100 * 3072, 103 * 3072));
  assertEquals(part.labels, test.labels.slice(100, 103));
});

Deno.test("cifar10 reads the binary version from a folder, decoding only the files asked for", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeFile(`${folder}/data_batch_2.bin`, binary());
  await Deno.writeFile(`${folder}/data_batch_1.bin`, binary());
  const part = await cifar10.train({ folder, offset: 9_999, limit: 2 });
  assertEquals([...part.labels], [9, 0]);
  assertEquals(part.images.data.subarray(0, 3072), Uint8Array.from({ length: 3072 }, (_, i) => pixels(9_999 * 3072 + i)));
  assertEquals(part.images.data.subarray(3072), Uint8Array.from({ length: 3072 }, (_, i) => pixels(i)));
  await assertRejects(() => cifar10.train({ folder, offset: 20_000 }), DataError, "data_batch_3.bin");
  await assertRejects(() => cifar10.test({ folder }), DataError, "test_batch.bin");
  await Deno.writeFile(`${folder}/test_batch.bin`, binary().subarray(0, 5000));
  await assertRejects(() => cifar10.test({ folder }), DataError, 'got "5000 bytes"');
  await Deno.writeFile(`${folder}/test_batch.bin`, binary().with(3073, 77));
  await assertRejects(() => cifar10.test({ folder }), DataError, "label 77 of image 1");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("cifar10 reads PNGs from a folder and says what is wrong with them", async () => {
  const folder = await Deno.makeTempDir();
  const data = new Uint8Array(30_720_000).fill(7);
  data.set([1, 2, 3]);
  const png = encode({ width: 1024, height: 10_000, data, channels: 3, depth: 8 }, { zlib: { level: 1 } });
  await Deno.writeFile(`${folder}/test_batch.png`, png);
  await assertRejects(() => cifar10.test({ folder }), DataError, "test_lables.json");
  await Deno.writeTextFile(`${folder}/test_labels.json`, "{}");
  await assertRejects(() => cifar10.test({ folder }), DataError, "a JSON array of numbers");
  await Deno.writeTextFile(`${folder}/test_labels.json`, JSON.stringify(Array.from({ length: 10_000 }, (_, i) => i % 10)));
  const test = await cifar10.test({ folder, limit: 2 });
  assertEquals([...test.images.data.subarray(0, 4), ...test.labels], [1, 2, 3, 7, 0, 1]);
  await Deno.writeFile(`${folder}/test_batch.png`, png.subarray(0, png.length >> 1));
  await assertRejects(() => cifar10.test({ folder }), DataError, "truncated or damaged");
  await Deno.writeFile(`${folder}/test_batch.png`, encode({ width: 2, height: 1, data: new Uint8Array(6), channels: 3, depth: 8 }));
  await assertRejects(() => cifar10.test({ folder }), DataError, "1024 × 10000 pixels");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("cifar10 refuses folders without it and bad options", async () => {
  const folder = await Deno.makeTempDir();
  await assertRejects(() => cifar10.test({ folder }), DataError, "neither .bin nor .png");
  await assertRejects(() => cifar10.test({ folder: `${folder}/none` }), DataError, "no such folder");
  await assertRejects(() => cifar10.test({ folder: "" }), OptionError, "folder");
  await assertRejects(() => cifar10.test({ limit: 10_001 }), OptionError, "limit");
  await assertRejects(() => cifar10.test({ limit: 0 }), OptionError, "limit");
  await assertRejects(() => cifar10.train({ offset: 50_000 }), OptionError, "offset");
  await assertRejects(() => cifar10.train({ count: 5 } as Record<string, number>), OptionError, "unknown option");
  await Deno.remove(folder);
});

Deno.test("cifar10 says what to do when the registry cannot be reached", async () => {
  const folder = await Deno.makeTempDir();
  const module = new URL("../../lib/data/cifar10.ts", import.meta.url).href;
  await Deno.writeTextFile(
    `${folder}/ask.ts`,
    `import { cifar10 } from ${JSON.stringify(module)}; await cifar10.test().catch((error) => console.log(String(error)));`,
  );
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--no-lock", `${folder}/ask.ts`],
    env: { DENO_DIR: folder, XDG_CACHE_HOME: folder, NPM_CONFIG_REGISTRY: "http://127.0.0.1:9" },
    stderr: "null",
  }).output();
  const message = new TextDecoder().decode(stdout);
  assertStringIncludes(message, "DataError: Cannot fetch CIFAR-10");
  assertStringIncludes(message, "pass `folder`");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("importSource() turns a failed import into a DataError", async () => {
  await assertRejects(() => importSource("X", "./none.ts", import.meta.url), DataError, "Cannot fetch X");
});
