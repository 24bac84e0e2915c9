import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { mnist } from "../../lib/data/mnist.ts";
import { runExample } from "./run.ts";

const noData = await mnist.test({ limit: 1 }).then(() => false, () => true);

const run = (...args: string[]) => runExample("mars", args);

Deno.test("mars.ts schedules both large networks, and draws their macros", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, out, error } = await run("--network", "none", "--large", "0.125", "--sparsities", "0.75", "--svg", folder, "--json");
    assertEquals(code, 0, error);
    const { large, trained } = JSON.parse(out);
    assertEquals([large.map(({ name }: { name: string }) => name), trained], [["VGG16", "ResNet-18"], null]);
    for (const { rows } of large) {
      assertEquals(rows.map(({ sparsity }: { sparsity: number }) => sparsity > 0.5), [false, true]);
      assert(rows[1].speedUp > 1.2 && rows[1].sparse.topsPerWatt > rows[0].sparse.topsPerWatt);
      assert(rows[1].topsPerWattRange.low < rows[1].sparse.topsPerWatt && rows[1].sparse.topsPerWatt < rows[1].topsPerWattRange.high);
      assertEquals([rows[1].overTime.length, rows[1].overTime[0].length], [8, 10]);
    }
    assertStringIncludes(await Deno.readTextFile(`${folder}/mars_resnet18.svg`), "layer4.1.conv2");
    assertStringIncludes(await Deno.readTextFile(`${folder}/mars_vgg16.svg`), "conv13");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

// Skipped only where MNIST is neither cached nor to be fetched.
Deno.test({ name: "mars.ts trains, prunes, tunes, quantises, and proves packed weights exact", ignore: noData }, async () => {
  const { code, out, error } = await run(
    ...["--large", "0", "--images", "192", "--test-images", "64", "--epochs", "1", "--sparsities", "0.6", "--json"],
  );
  assertEquals(code, 0, error);
  const { large, trained: { rows } } = JSON.parse(out);
  assertEquals([large, rows.length], [[], 2]);
  const [dense, pruned] = rows;
  assertEquals([dense.exact, pruned.exact, dense.afterPruning], [true, true, null]);
  assert(pruned.sparsity > 0.4 && dense.sparsity < 0.05);
  assert(pruned.sparse.fps > dense.sparse.fps && pruned.sparse.weightBits < dense.sparse.weightBits);
  assert(rows.every(({ accuracy }: { accuracy: number }) => accuracy >= 0 && accuracy <= 1));
});

Deno.test(
  { name: "mars.ts folds batch norms in the steps of the quantised passes, and proves packed weights exact", ignore: noData },
  async () => {
    const { code, out, error } = await run(
      ...["--large", "0", "--width", "0.5", "--images", "128", "--test-images", "64", "--epochs", "1", "--sparsities", "0.6", "--json"],
      ...["--fold", "batch"],
    );
    assertEquals(code, 0, error);
    const { fold, rows: [dense, pruned] } = JSON.parse(out).trained;
    assertEquals([fold, dense.exact, pruned.exact], ["batch", true, true]);
    assert(pruned.sparsity > 0.3 && dense.sparsity < 0.05);
  },
);

Deno.test("mars.ts refuses options it cannot use", async () => {
  const [share, clock] = await Promise.all([run("--sparsities", "0.5,1"), run("--clock", "0", "--network", "none")]);
  assertEquals([share.code, clock.code], [2, 2]);
  assertStringIncludes(share.error, "--sparsities");
  assertStringIncludes(clock.error, "mars.clockMhz");
});
