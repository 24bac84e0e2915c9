import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { channelStatistics } from "../../lib/data/dataset.ts";
import { fashionMnist } from "../../lib/data/fashion_mnist.ts";
import { parseIdx } from "../../lib/data/idx.ts";
import { mnist } from "../../lib/data/mnist.ts";
import { DataError, OptionError } from "../../lib/errors.ts";
import { real } from "./real.ts";

/** An idx file of unsigned bytes. */
function idx(shape: number[], data: Uint8Array, magic = 0x800 + shape.length): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(bytes.buffer);
  [magic, ...shape].forEach((value, index) => view.setUint32(4 * index, value));
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer());
}

Deno.test("mnist.train() has the published mean and standard deviation", async () => {
  const train = await real(() => mnist.train());
  if (train === undefined) return;
  const { mean, std } = channelStatistics(train.images);
  assertAlmostEquals(mean[0]!, 0.1306604762738429, 1e-12);
  assertAlmostEquals(std[0]!, 0.3081078, 1e-6);
  assertEquals(train.images.shape, [60_000, 28, 28, 1]);
  assertEquals([...train.labels.subarray(0, 5)], [5, 0, 4, 1, 9]);
  const part = await mnist.train({ offset: 2, limit: 2 });
  assertEquals(part.images.data, train.images.data.slice(2 * 784, 4 * 784));
  assertEquals([...part.labels], [4, 1]);
});

Deno.test("mnist.test() has the official order", async () => {
  const test = await real(() => mnist.test({ limit: 5 }));
  if (test !== undefined) assertEquals([...test.labels], [7, 2, 1, 0, 4]);
});

Deno.test("fashionMnist.test() has its counts where Debian's package is installed", async () => {
  const test = await real(() => fashionMnist.test());
  if (test === undefined) return;
  const counts = new Array(10).fill(0);
  test.labels.forEach((label) => counts[label]++);
  assertEquals(counts, new Array(10).fill(1000));
  assertEquals(test.classes[test.labels[0]!], "ankle boot");
});

Deno.test("fashionMnist reads plain and gzipped idx files from a folder", async () => {
  const folder = await Deno.makeTempDir();
  const images = new Uint8Array(7_840_000).fill(3).with(784, 200);
  const labels = Uint8Array.from({ length: 10_000 }, (_, i) => i % 10);
  await Deno.writeFile(`${folder}/t10k-images-idx3-ubyte.gz`, await gzip(idx([10_000, 28, 28], images)));
  await assertRejects(() => fashionMnist.test({ folder }), DataError, "t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz");
  await Deno.writeFile(`${folder}/t10k-labels-idx1-ubyte`, idx([10_000], labels));
  const part = await fashionMnist.test({ folder, offset: 1, limit: 2 });
  assertEquals([part.images.data[0], part.images.data[1], ...part.labels], [200, 3, 1, 2]);

  await Deno.writeFile(`${folder}/t10k-labels-idx1-ubyte`, idx([10_000], labels.with(5, 10)));
  await assertRejects(() => fashionMnist.test({ folder }), DataError, "label 10");
  await Deno.writeFile(`${folder}/t10k-labels-idx1-ubyte`, idx([9], labels.subarray(0, 9)));
  await assertRejects(() => fashionMnist.test({ folder }), DataError, "labels [9]");
  await Deno.writeFile(`${folder}/t10k-images-idx3-ubyte.gz`, (await gzip(idx([10_000, 28, 28], images))).subarray(0, 900));
  await assertRejects(() => fashionMnist.test({ folder }), DataError, "gzip");
  await assertRejects(() => fashionMnist.test({ folder: `${folder}/none` }), DataError, "no such folder");
  await assertRejects(() => fashionMnist.test({ folder, limit: -1 }), OptionError, "limit");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("parseIdx() refuses another magic, a truncated file and absurd extents", () => {
  const data = Uint8Array.of(1, 2, 3, 4);
  assertEquals(parseIdx(idx([2, 2], data), 2, "x"), { shape: [2, 2], data });
  assertThrows(() => parseIdx(idx([2, 2], data, 0xd02), 2, "x"), DataError, "0xd02");
  assertThrows(() => parseIdx(idx([4], data), 3, "x"), DataError, "magic");
  assertThrows(() => parseIdx(idx([2, 2], data).subarray(0, 15), 2, "x"), DataError, "truncated");
  assertThrows(() => parseIdx(idx([2, 2], data).subarray(0, 7), 2, "x"), DataError, "a header of 12 bytes");
  assertThrows(() => parseIdx(new Uint8Array(2), 1, "x"), DataError, "2 bytes");
  assertThrows(() => parseIdx(idx([4294967295, 4294967295], data), 2, "x"), DataError, "truncated");
});
