import { assertEquals, assertRejects } from "@std/assert";
import { type Dataset, FileError, lenet, startFrom, tensor, train, vgg7 } from "../../mod.ts";

Deno.test("startFrom() takes latent parameters and statistics of a checkpoint, and refuses other networks", async () => {
  const folder = await Deno.makeTempDir(), checkpoint = `${folder}/state.safetensors`;
  try {
    const images = tensor(Uint8Array.from({ length: 8 * 784 }, (_, index) => (index * 31) % 256), [8, 28, 28, 1]);
    const data: Dataset = { name: "ramp", images, labels: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7), classes: [] };
    await train(lenet(), data, { recipe: { epochs: 1, batch: 4 }, checkpoint, threads: 1 });
    const started = await startFrom(lenet({ seed: 5 }), checkpoint);
    assertEquals(Object.keys(started.parameters).filter((name) => name.endsWith(".alpha")).length, 4);
    const again = await train(started, data, { recipe: { epochs: 1, batch: 4, seed: 2 }, threads: 1 });
    assertEquals(again.step, 2);
    await assertRejects(() => startFrom(vgg7({ width: 0.0625 }), checkpoint), FileError, "conv1.weight");
    await Deno.writeFile(checkpoint, new Uint8Array(3));
    await assertRejects(() => startFrom(lenet(), checkpoint), FileError, "state.safetensors");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
