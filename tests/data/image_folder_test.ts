// Folders of PNG files as data sets.

import { assertEquals, assertRejects } from "@std/assert";
import { encode } from "fast-png";
import { DataError, imageFolder, OptionError, resizeImages, tensor } from "../../mod.ts";

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const grey = (value: number) => encode({ width: 2, height: 2, data: new Uint8Array(4).fill(value), channels: 1, depth: 8 });

Deno.test("imageFolder() takes subfolders as classes, in turn, and brings images to one size", async () => {
  await inFolder(async (folder) => {
    for (const name of ["cat", "ant"]) await Deno.mkdir(`${folder}/${name}`);
    await Deno.writeFile(`${folder}/cat/1.png`, grey(10));
    await Deno.writeFile(`${folder}/cat/2.PNG`, grey(20));
    await Deno.writeFile(`${folder}/ant/1.png`, encode({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3, 255), channels: 4, depth: 8 }));
    await Deno.writeTextFile(`${folder}/ant/notes.txt`, "no image");
    const { images, labels, classes } = await imageFolder(folder, { size: [2, 2, 3] });
    assertEquals([classes, [...labels]], [["ant", "cat"], [0, 1, 1]]);
    assertEquals(images.shape, [3, 2, 2, 3]);
    assertEquals([...images.data.subarray(0, 6)], [1, 2, 3, 1, 2, 3]);
    assertEquals([...images.data.subarray(12, 15)], [10, 10, 10]);
    assertEquals((await imageFolder(folder, { size: [2, 2, 1], limit: 2 })).images.shape, [2, 2, 2, 1]);
  });
});

Deno.test("imageFolder() names what is wrong with a folder or a file", async () => {
  await inFolder(async (folder) => {
    await assertRejects(() => imageFolder(folder, { size: [2, 2, 3] }), DataError, "no .png, .jpg or .jpeg files");
    await assertRejects(() => imageFolder(`${folder}/none`, { size: [2, 2, 3] }), DataError, "none");
    await assertRejects(() => imageFolder(folder, { size: [2, 2, 4] }), OptionError, "channels");
    await assertRejects(() => imageFolder(folder, { size: [2, 2, 3], count: 1 } as object as { size: [2, 2, 3] }), OptionError, "count");
    const bytes = grey(5);
    await Deno.writeFile(`${folder}/a.png`, bytes.subarray(0, 40));
    await assertRejects(() => imageFolder(folder, { size: [2, 2, 3] }), DataError, "a.png");
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(16, 2 ** 31);
    await Deno.writeFile(`${folder}/a.png`, bytes);
    await assertRejects(() => imageFolder(folder, { size: [2, 2, 3] }), DataError, "pixels");
  });
});

Deno.test("resizeImages() is bilinear between pixel centres, and the identity for the same size", () => {
  const image = tensor(Uint8Array.of(0, 100, 200, 40), [1, 2, 2, 1]);
  assertEquals(resizeImages(image, [2, 2, 1]), image);
  assertEquals([...resizeImages(image, [1, 1, 1]).data], [85]);
  assertEquals([...resizeImages(tensor(Uint8Array.of(0, 100), [1, 1, 2, 1]), [1, 4, 1]).data], [0, 25, 75, 100]);
  assertEquals([...resizeImages(tensor(Uint8Array.of(30, 60, 90), [1, 1, 1, 3]), [1, 1, 1]).data], [60]);
});
