import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type AugmentBatch, augmentBatch } from "../../lib/data/augment.ts";
import { OptionError, ShapeError } from "../../lib/errors.ts";
import { hash } from "../../lib/random.ts";
import { tensor } from "../../lib/tensor.ts";

const [count, height, width, channels] = [40, 5, 6, 3];
const size = height * width * channels;
const images = tensor(Uint8Array.from({ length: count * size }, (_, i) => hash(1, i) & 127), [count, height, width, channels]);

function run(options: Partial<AugmentBatch>): Uint8Array {
  const batch = {
    images,
    indices: Array.from({ length: count }, (_, i) => i),
    seed: 3,
    epoch: 0,
    pad: 2,
    flip: true,
    fill: 200,
    ...options,
  };
  const output = new Uint8Array(batch.indices.length * size).fill(255);
  augmentBatch(batch, output);
  return output;
}

/** Image `index` shifted by (dy, dx) and mirrored, pixel by pixel. */
function moved(index: number, dy: number, dx: number, mirrored: boolean, fill: number): string {
  const out: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sy = y + dy;
      const sx = (mirrored ? width - 1 - x : x) + dx;
      const inside = sy >= 0 && sy < height && sx >= 0 && sx < width;
      for (let c = 0; c < channels; c++) out.push(inside ? images.data[((index * height + sy) * width + sx) * channels + c]! : fill);
    }
  }
  return out.join();
}

Deno.test("augmentBatch() writes a shifted, perhaps mirrored image, and uses every shift and both sides", () => {
  const seen = new Set<string>();
  for (let epoch = 0; epoch < 12; epoch++) {
    const output = run({ epoch });
    for (let index = 0; index < count; index++) {
      const got = output.subarray(index * size, (index + 1) * size).join();
      const found: string[] = [];
      for (let dy = -2; dy <= 2; dy++) {
        for (let dx = -2; dx <= 2; dx++) {
          for (const mirrored of [false, true]) if (moved(index, dy, dx, mirrored, 200) === got) found.push(`${dy} ${dx} ${mirrored}`);
        }
      }
      assertEquals(found.length, 1);
      seen.add(found[0]!);
    }
  }
  assertEquals(seen.size, 50);
});

Deno.test("augmentBatch() depends on seed, epoch and image number alone", () => {
  assertEquals(run({}), run({}));
  assertNotEquals(run({}), run({ epoch: 1 }));
  assertNotEquals(run({}), run({ seed: 4 }));
  assertEquals(
    run({ indices: [7, 31] }),
    Uint8Array.from([...run({}).subarray(7 * size, 8 * size), ...run({}).subarray(31 * size, 32 * size)]),
  );
});

Deno.test("augmentBatch() copies with no padding and no flip, and pads with the value given", () => {
  assertEquals(run({ pad: 0, flip: false }), images.data);
  assert(run({ fill: 201 }).includes(201) && !run({ fill: 201 }).includes(200));
});

Deno.test("augmentBatch() refuses what does not fit", () => {
  assertThrows(
    () => augmentBatch({ images, indices: [0], seed: 1, epoch: 0, pad: 1, flip: true, fill: 0 }, new Uint8Array(1)),
    ShapeError,
    "1 bytes",
  );
  assertThrows(() => run({ indices: [count] }), OptionError, "indices[0]");
  assertThrows(() => run({ pad: -1 }), OptionError, "pad");
  assertThrows(() => run({ fill: 256 }), OptionError, "fill");
});
