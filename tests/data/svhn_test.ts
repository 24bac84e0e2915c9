import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type MatArray, readMat } from "../../lib/data/mat.ts";
import { svhn } from "../../lib/data/svhn.ts";
import { DataError, OptionError } from "../../lib/errors.ts";
import { hash } from "../../lib/random.ts";

const COUNT = 5;
/** Pixel as the official files hold it: row fastest, then column, channel, image. */
const X = Uint8Array.from({ length: COUNT * 3072 }, (_, index) => hash(1, index) & 255);
const Y = [1, 10, 3, 9, 10];

/** Part of a matrix: a tag and data padded to 8 bytes; up to 4 bytes go into the tag. */
function part(type: number, data: Uint8Array, little = true): Uint8Array<ArrayBuffer> {
  const small = data.length <= 4 && data.length > 0;
  const out = new Uint8Array(small ? 8 : 8 + Math.ceil(data.length / 8) * 8), view = new DataView(out.buffer);
  if (small) view.setUint32(0, (data.length << 16) | type, little);
  else {
    view.setUint32(0, type, little);
    view.setUint32(4, data.length, little);
  }
  out.set(data, small ? 4 : 8);
  return out;
}

function words(values: readonly number[], little = true): Uint8Array {
  const out = new Uint8Array(4 * values.length), view = new DataView(out.buffer);
  values.forEach((value, index) => view.setUint32(4 * index, value, little));
  return out;
}

function join(...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/** A matrix element: class 9 is bytes, 6 doubles; `type` is how its numbers are stored. */
function matrix(
  name: string,
  kind: number,
  shape: readonly number[],
  type: number,
  data: Uint8Array,
  little = true,
): Uint8Array<ArrayBuffer> {
  const label = new TextEncoder().encode(name);
  const body = [part(6, words([kind, 0], little), little), part(5, words(shape, little), little), part(1, label, little)];
  const element = join(...body, part(type, data, little));
  return join(words([14, element.length], little), element);
}

async function compressed(element: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([element]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  return join(words([15, packed.length]), packed);
}

function file(elements: readonly Uint8Array[], version = 0x100, little = true): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(128).fill(32);
  new DataView(header.buffer).setUint16(124, version, little);
  header.set(new TextEncoder().encode(little ? "IM" : "MI"), 126);
  return join(header, ...elements);
}

const x = matrix("X", 9, [32, 32, 3, COUNT], 2, X), y = matrix("y", 6, [COUNT, 1], 2, Uint8Array.from(Y));

/** Runs something with a folder of files. */
async function folder(files: Record<string, Uint8Array>, action: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    for (const [name, bytes] of Object.entries(files)) await Deno.writeFile(`${path}/${name}`, bytes);
    await action(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** Pixels of images from `begin` on in the order of a data set. */
function wanted(begin: number, end: number): Uint8Array {
  const out: number[] = [];
  for (let image = begin; image < end; image++) {
    for (let row = 0; row < 32; row++) {
      for (let column = 0; column < 32; column++) {
        for (let channel = 0; channel < 3; channel++) out.push(X[((image * 3 + channel) * 32 + column) * 32 + row]!);
      }
    }
  }
  return Uint8Array.from(out);
}

Deno.test("svhn loads compressed and plain files, the digit 0 as class 0", async () => {
  for (const elements of [[await compressed(x), await compressed(y)], [y, x]]) {
    await folder({ "train_32x32.mat": file(elements), "test_32x32.mat": file(elements) }, async (path) => {
      const test = await svhn.test({ folder: path });
      assertEquals([test.name, test.images.shape, test.classes[0]], ["svhn/test", [5, 32, 32, 3], "0"]);
      assertEquals(test.images.data, wanted(0, 5));
      assertEquals(test.labels, Uint8Array.of(1, 0, 3, 9, 0));
      const part = await svhn.train({ folder: path, offset: 1, limit: 2 });
      assertEquals([part.name, part.images.shape], ["svhn/train", [2, 32, 32, 3]]);
      assertEquals(part.images.data, wanted(1, 3));
      assertEquals(part.labels, Uint8Array.of(0, 3));
    });
  }
});

Deno.test("svhn refuses files that are missing, truncated or something else", async () => {
  const packed = await compressed(x), answers = await compressed(y);
  const damaged = packed.slice();
  damaged[damaged.length - 2]! ^= 255;
  const bad: [Uint8Array, string][] = [
    [new TextEncoder().encode("<html>"), "6 bytes"],
    [new Uint8Array(4000), "no MATLAB header"],
    [file([packed, answers], 0x200), "Version 7.3 is HDF5"],
    [file([packed, answers]).subarray(0, 2000), "truncated"],
    [file([packed, answers]).subarray(0, -3), "truncated"],
    [file([join(words([15, 40]), packed.subarray(8, 48)), answers]), "truncated or damaged"],
    [file([damaged, answers]), "truncated or damaged"],
    [file([answers]), "an array X"],
    [file([packed]), "an array y"],
    [file([packed, matrix("y", 6, [COUNT - 1, 1], 2, Uint8Array.from(Y.slice(1)))]), "y [4,1]"],
    [file([packed, matrix("y", 6, [COUNT, 1], 2, Uint8Array.of(1, 2, 0, 4, 5))]), "label 0 of image 2"],
    [file([matrix("X", 9, [32, 32, 3, COUNT], 2, X.subarray(32)), answers]), "for shape [32,32,3,5]"],
    [file([matrix("X", 9, [28, 28, 1, COUNT], 2, X.subarray(0, 784 * COUNT)), answers]), "X [28,28,1,5]"],
    [file([matrix("X", 6, [32, 32, 3, 1], 9, new Uint8Array(3072 * 8)), matrix("y", 6, [1, 1], 2, Uint8Array.of(1))]), "unsigned bytes"],
  ];
  for (const [bytes, message] of bad) {
    await folder({ "test_32x32.mat": bytes }, async (path) => {
      const error = await assertRejects(() => svhn.test({ folder: path }), DataError);
      assertStringIncludes(error.message, message);
      assertStringIncludes(error.message, "test_32x32.mat");
    });
  }
  await folder({}, async (path) => void await assertRejects(() => svhn.train({ folder: path }), DataError, "no such file"));
  await assertRejects(() => svhn.train({ folder: "no/such/folder" }), DataError, "no such folder");
});

Deno.test("svhn refuses bad options", async () => {
  await assertRejects(() => svhn.test(), OptionError, "svhn.folder");
  await assertRejects(() => svhn.test({ folder: "x", extra: true } as never), OptionError, "svhn.extra");
  await folder({ "test_32x32.mat": file([x, y]) }, async (path) => {
    await assertRejects(() => svhn.test({ folder: path, limit: 6 }), OptionError, "limit");
    await assertRejects(() => svhn.test({ folder: path, offset: 5 }), OptionError, "offset");
  });
});

Deno.test("readMat() reads numbers of every width, in either byte order, and skips what is no array of numbers", async () => {
  for (const little of [true, false]) {
    const double = new Uint8Array(16), view = new DataView(double.buffer);
    view.setFloat64(0, -1.5, little);
    view.setFloat64(8, 1e9, little);
    const half = new Uint8Array(6), short = new DataView(half.buffer);
    [-2, 300, 7].forEach((value, index) => short.setInt16(2 * index, value, little));
    const arrays: MatArray[] = await readMat(
      file(
        [
          matrix("d", 6, [1, 2], 9, double, little),
          matrix("text", 4, [1, 2], 4, new Uint8Array(4), little),
          matrix("longer_name", 10, [3, 1], 3, half, little),
        ],
        0x100,
        little,
      ),
      "x.mat",
    );
    assertEquals(arrays.map(({ name, shape }) => [name, shape]), [["d", [1, 2]], ["longer_name", [3, 1]]]);
    assertEquals([...await arrays[0]!.read()], [-1.5, 1e9]);
    assertEquals([...await arrays[1]!.read(2)], [-2, 300]);
  }
});
