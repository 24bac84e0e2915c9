import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  decompose,
  dorefa,
  layerGeometries,
  layerWork,
  map,
  mobilenetV2,
  networkWork,
  OptionError,
  pact,
  quantize,
  resnet20,
  vgg7,
} from "@bitline/bitline";
import { macs } from "../../lib/map/activations.ts";
import { randomGeometry } from "./nets.ts";

/** Multiply-accumulates of a layer, output by output and tap by tap. */
function countMacs({ kernel, stride, padding, groups, inputShape, outputShape }: ReturnType<typeof randomGeometry>): number {
  let count = 0;
  for (let y = 0; y < outputShape[0]; y++) {
    for (let x = 0; x < outputShape[1]; x++) {
      for (let ky = 0; ky < kernel[0]; ky++) {
        for (let kx = 0; kx < kernel[1]; kx++) {
          const v = y * stride[0] - padding[0] + ky, h = x * stride[1] - padding[1] + kx;
          if (v >= 0 && v < inputShape[0] && h >= 0 && h < inputShape[1]) count += inputShape[2] / groups * outputShape[2];
        }
      }
    }
  }
  return count;
}

Deno.test("layerWork() counts padding, depthwise and linear layers by what they multiply", () => {
  for (let seed = 0; seed < 40; seed++) {
    const geometry = randomGeometry(seed), { kernel, groups, inputShape, outputShape } = geometry;
    const work = layerWork({ name: "layer", geometry, rows: 128, columns: 128, cellsPerWeight: 4, cellBits: 2, inputBits: 4 });
    assertEquals(work.macs, countMacs(geometry), `seed ${seed}`);
    assertEquals(work.macs, macs({ geometry }));
    const taps = kernel[0] * kernel[1] * inputShape[2] / groups;
    assertEquals(work.inside, work.macs / (outputShape[0] * outputShape[1] * outputShape[2] * taps));
    assertEquals(work.windows, outputShape[0] * outputShape[1]);
    assertEquals(work.cells, taps * outputShape[2] * 4); // a layer's weights, each in 4 cells, however it is grouped
    const all = (value: (block: typeof work.blocks[number]) => number) =>
      work.blocks.reduce((sum, block) => sum + block.count * value(block), 0);
    assertEquals([all(({ rows }) => rows), all(({ columns }) => columns)], [groups * taps, outputShape[2] * 4]);
    for (const { rows, columns, rowTiles, columnTiles } of work.blocks) assert(rowTiles * 128 >= rows && columnTiles * 128 >= columns);
  }
});

Deno.test("layerWork() puts kernel positions apart where that takes no more arrays", () => {
  const shared = { rows: 128, columns: 128, cellsPerWeight: 8, cellBits: 1, inputBits: 8 };
  const [first, second, , , , , full] = layerGeometries(vgg7()).map(({ name, geometry }) => layerWork({ name, geometry, ...shared }));
  assertEquals([first!.layout, first!.positions, first!.blocks[0]!.rowTiles], ["im2col", 1, 1]); // 27 rows in one array, not 9
  assertEquals([second!.layout, second!.positions, second!.blocks[0]!.rowTiles], ["kernel", 9, 9]);
  assertEquals([full!.layout, full!.blocks[0]!.rowTiles, full!.blocks[0]!.columnTiles], ["im2col", 64, 64]);
  const { geometry } = layerGeometries(vgg7())[0]!;
  assertThrows(() => layerWork({ name: "conv1", geometry, ...shared, columns: 4 }), OptionError, "conv1");
});

Deno.test("networkWork() reads arrays, input bits and pooling off the mapped network", () => {
  const weights = dorefa({ bits: 4 }), activations = pact({ bits: 3, alpha: 2 });
  for (const network of [vgg7({ width: 0.125 }), resnet20(), mobilenetV2({ classes: 10 })]) {
    const mapped = map(decompose(quantize(network, { weights, activations, first: weights, last: weights, digital: [] })), {
      algorithm: "im2col",
    });
    const works = networkWork(mapped), geometries = new Map(layerGeometries(network).map(({ name, geometry }) => [name, geometry]));
    for (const work of works) {
      const { arrays, cycles, placement } = mapped.layer(work.name);
      const sum = (value: (block: typeof work.blocks[number]) => number) =>
        work.blocks.reduce((all, block) => all + block.count * value(block), 0);
      assertEquals(sum(({ rowTiles, columnTiles }) => rowTiles * columnTiles), arrays.length, `${network.name} ${work.name}`);
      assertEquals(sum(({ rowTiles, columnTiles, activations }) => rowTiles * columnTiles * activations), cycles);
      assertEquals(work.macs, macs(placement));
      assertEquals(work.macs, macs({ geometry: geometries.get(work.name)! }));
      assert(work.cellShare! >= 0 && work.cellShare! <= 1);
    }
    assertEquals(works[0]!.inputBits, 8); // the image
    assertEquals(works[1]!.inputBits, 3);
    if (network.name === "vgg7") assertEquals(works.map(({ pooled }) => pooled), [0, 16 * 1024, 0, 32 * 256, 0, 64 * 64, 0, 0]);
  }
});

Deno.test("networkWork() of any mapping activates its arrays as often as the mapping says", () => {
  const weights = dorefa({ bits: 4 }), activations = pact({ bits: 4, alpha: 2 });
  const sliced = decompose(quantize(resnet20(), { weights, activations, first: weights, last: weights, digital: [] }));
  for (const algorithm of ["kernel", "sdk", "vw-sdk"] as const) {
    const mapped = map(sliced, { algorithm });
    for (const { name, blocks } of networkWork(mapped)) {
      const cycles = blocks.reduce(
        (sum, { count, rowTiles, columnTiles, activations }) => sum + count * rowTiles * columnTiles * activations,
        0,
      );
      assert(
        Math.abs(cycles - mapped.layer(name).cycles) < 1e-6 * cycles,
        `${algorithm} ${name}: ${cycles} for ${mapped.layer(name).cycles}`,
      );
    }
  }
});
