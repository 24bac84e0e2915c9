// JPEG and PNG files against what Pillow decodes and resizes them to; pictures/make.py made them.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { encode } from "fast-png";
import { zlibSync } from "fflate";
import { DataError, imageFolder, OptionError, resizeImages, type Shape, ShapeError, type Tensor, tensor } from "../../mod.ts";
import { scanJpeg } from "../../lib/data/jpeg.ts";

const pictures = new URL("./pictures/", import.meta.url).pathname;

/** One file, read as a folder of one. */
async function read(name: string, size: Shape, bytes?: Uint8Array, crop?: number): Promise<Tensor<Uint8Array>> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/${name}`, bytes ?? await Deno.readFile(`${pictures}${name}`));
    return (await imageFolder(folder, { size, ...(crop === undefined ? {} : { crop }) })).images;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("imageFolder() decodes JPEG and PNG files to Pillow's pixels", async () => {
  const size: Shape = [29, 41, 3];
  for (const name of ["baseline", "progressive", "grey", "full"]) {
    const wanted = await read(`${name}.decoded.png`, size);
    assertEquals((await read(`${name}.jpg`, size)).data, wanted.data, name);
    assert(new Set(wanted.data).size > 100);
  }
  for (const name of ["palette", "bits"]) {
    assertEquals((await read(`${name}.png`, size)).data, (await read(`${name}.decoded.png`, size)).data, name);
  }
});

Deno.test("imageFolder() tells files apart by their first bytes, follows links and keeps to names given", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["n02", "n01"]) await Deno.mkdir(`${folder}/${name}`);
    await Deno.copyFile(`${pictures}baseline.jpg`, `${folder}/n02/a.PNG`);
    await Deno.copyFile(`${pictures}picture.png`, `${folder}/n02/b.JPEG`);
    await Deno.symlink(`${pictures}grey.jpg`, `${folder}/n01/link.jpg`);
    await Deno.mkdir(`${folder}/.checkpoints`);
    await Deno.symlink(`${pictures}none.jpg`, `${folder}/n01/dead.jpg`);
    const size: Shape = [8, 8, 1], names = Array.from({ length: 300 }, (_, at) => `n${String(at).padStart(2, "0")}`);
    const plain = await imageFolder(folder, { size }), named = await imageFolder(folder, { size, classes: [...names].reverse() });
    assertEquals([plain.classes, [...plain.labels]], [["n01", "n02"], [0, 1, 1]]);
    assertEquals([named.classes.length, [...named.labels]], [300, [298, 297, 297]]);
    assert(named.labels instanceof Uint16Array && plain.labels instanceof Uint8Array);
    await assertRejects(() => imageFolder(folder, { size, classes: ["n01"] }), DataError, "n02");
    await assertRejects(() => imageFolder(folder, { size, classes: ["n01", "n01"] }), OptionError, "classes");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("resizeImages() gives Pillow's bilinear pictures, stretched and cut, but for rounding", async () => {
  const picture = await read("picture.png", [29, 41, 3]);
  const close = (made: Tensor<Uint8Array>, wanted: Tensor<Uint8Array>) => {
    assertEquals(made.shape, wanted.shape);
    assert(made.data.every((value, at) => Math.abs(value - wanted.data[at]!) <= 1));
  };
  close(resizeImages(picture, [12, 16, 3]), await read("stretched.png", [12, 16, 3]));
  close(resizeImages(picture, [50, 60, 3]), await read("enlarged.png", [50, 60, 3]));
  close(resizeImages(picture, [14, 14, 3], { crop: 0.875 }), await read("cut.png", [14, 14, 3]));
  close(await read("picture.png", [14, 14, 3], undefined, 0.875), await read("cut.png", [14, 14, 3]));
});

Deno.test("resizeImages() treats every image alike, turned ones too, and refuses what it cannot do", () => {
  const data = Uint8Array.from({ length: 2 * 9 * 5 * 3 }, (_, at) => (at * 97) % 251), two = tensor(data, [2, 9, 5, 3]);
  const one = (image: number) => tensor(data.subarray(image * 135, image * 135 + 135), [1, 9, 5, 3]);
  const turned = ({ data, shape: [, rows, columns] }: Tensor<Uint8Array>) => {
    const out = new Uint8Array(data.length), [height, width] = [rows!, columns!];
    for (let at = 0; at < data.length; at++) {
      const channel = at % 3, column = Math.floor(at / 3) % width, row = Math.floor(at / 3 / width);
      out[(column * height + row) * 3 + channel] = data[at]!;
    }
    return tensor(out, [1, width, height, 3]);
  };
  for (const crop of [undefined, 0.5, 0.9, 1]) {
    const options = crop === undefined ? {} : { crop }, both = resizeImages(two, [4, 6, 3], options);
    for (const image of [0, 1]) {
      const alone = resizeImages(one(image), [4, 6, 3], options);
      assertEquals(both.data.subarray(image * 72, image * 72 + 72), alone.data);
      const other = turned(resizeImages(turned(one(image)), [6, 4, 3], options));
      assert(other.data.every((value, at) => Math.abs(value - alone.data[at]!) <= 1));
    }
  }
  for (const crop of [0, 1.1, NaN]) {
    try {
      resizeImages(two, [4, 4, 3], { crop });
      assert(false);
    } catch (error) {
      assert(error instanceof OptionError);
    }
  }
  try {
    resizeImages(tensor(new Uint8Array(4), [1, 1, 1, 4]), [1, 1, 3]);
    assert(false);
  } catch (error) {
    assert(error instanceof ShapeError);
  }
});

Deno.test("imageFolder() names damaged and hostile files, and unpacks none of them beyond its size", async () => {
  const whole = await Deno.readFile(`${pictures}baseline.jpg`), size: Shape = [2, 2, 3];
  const fails = async (name: string, bytes: Uint8Array, text: string) => {
    const error = await assertRejects(() => read(name, size, bytes), DataError);
    assertStringIncludes(error.message, name);
    assertStringIncludes(error.message, text);
  };
  const frame = whole.findIndex((byte, at) => byte === 0xff && whole[at + 1] === 0xc0);
  const changed = (at: number, ...bytes: number[]) => {
    const copy = whole.slice();
    copy.set(bytes, at);
    return copy;
  };
  await fails("a.jpg", new Uint8Array(0), "empty");
  await fails("a.jpg", new TextEncoder().encode("<html>no picture</html>"), "PNG or JPEG");
  await fails("a.jpg", await Deno.readFile(`${pictures}cmyk.jpg`), "4 colour channels");
  await fails("a.jpg", changed(frame + 5, 0xff, 0xff, 0xff, 0xff), "65535 × 65535 pixels");
  await fails("a.jpg", changed(frame + 5, 0, 0), "41 × 0 pixels");
  await fails("a.jpg", changed(frame + 1, 0xc9), "frame");
  const cut = whole.slice(0, whole.length - 300);
  cut.set([0xff, 0xd9], cut.length - 2);
  await fails("a.jpg", cut, "premature end");
  // After a failure the decoder is as good as new.
  assertEquals((await read("baseline.jpg", [29, 41, 3])).data, (await read("baseline.decoded.png", [29, 41, 3])).data);

  const png = encode({ width: 8, height: 8, data: new Uint8Array(64), channels: 1, depth: 8 }), packed = zlibSync(new Uint8Array(2 ** 22));
  const begin = 33, bomb = new Uint8Array(begin + 12 + packed.length + 12);
  bomb.set(png.subarray(0, begin));
  new DataView(bomb.buffer).setUint32(begin, packed.length);
  bomb.set(new TextEncoder().encode("IDAT"), begin + 4);
  bomb.set(packed, begin + 8);
  bomb.set(new TextEncoder().encode("IEND"), bomb.length - 8);
  await fails("a.png", bomb, "more than the");
  await fails("a.png", png.subarray(0, png.length - 5), "inside a chunk");
});

Deno.test("scanJpeg() refuses every truncation and ends whatever byte is damaged", async () => {
  const whole = await Deno.readFile(`${pictures}progressive.jpg`);
  for (let length = 2; length < whole.length; length += 3) assert("got" in scanJpeg(whole.subarray(0, length)), String(length));
  for (let at = 2; at < whole.length; at += 5) {
    const copy = whole.slice();
    copy[at] = (copy[at]! + 1 + at * 7) & 255;
    scanJpeg(copy);
  }
  assertEquals(scanJpeg(whole), { width: 41, height: 29, channels: 3 });
});
