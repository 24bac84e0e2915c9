// Every tile shape gives what the oracle gives, to the bit; skipped without an adapter. Shapes are small: software adapters compile large ones slowly.

import { assert, assertEquals } from "@std/assert";
import type { DeviceLimits } from "../../../lib/gpu/device.ts";
import { fixedTiles, heightOf, type TilePicker, type TileShape, tileShapes, widthOf } from "../../../lib/simulate/webgpu/tiles.ts";
import { tuningTiles } from "../../../lib/simulate/webgpu/tune.ts";
import { randomCrossbarProgram, randomImages, randomPlacedProgram, randomProgram } from "../random_program.ts";
import { agreeOn, deviceIfAny, lossless } from "./agree.ts";

const device = await deviceIfAny();
const ignore = device === undefined;
const limits: DeviceLimits = { bindingSize: 2 ** 27, bufferSize: 2 ** 28, workgroupMemory: 32768, invocations: 256, workgroups: 65535 };

/** Takes a shape of its own where a tile is possible. */
function smallTiles(shape: TileShape): TilePicker {
  return { pick: (_, { choices, make }) => make(choices.some((choice) => choice !== "direct") ? shape : "direct") };
}

const SMALL = [
  { tiles: smallTiles({ lanesX: 8, lanesY: 4, rows: 1, columns: 1 }) },
  { tiles: smallTiles({ lanesX: 4, lanesY: 4, rows: 2, columns: 1 }) },
  { tiles: smallTiles({ lanesX: 4, lanesY: 2, rows: 1, columns: 2 }) },
];

Deno.test("tileShapes() keeps to the limits and prefers tiles that columns fill", () => {
  const needs = { perPosition: 256, perColumn: 256, columns: 128 };
  assertEquals(tileShapes(limits, needs)[0], { lanesX: 16, lanesY: 16, rows: 4, columns: 4 });
  assertEquals(widthOf(tileShapes(limits, { ...needs, columns: 10 })[0]!), 16);
  for (const shape of tileShapes({ ...limits, invocations: 64, workgroupMemory: 16384 }, needs)) {
    assert(shape.lanesX * shape.lanesY <= 64 && (heightOf(shape) + widthOf(shape)) * 256 <= 16384);
  }
  assertEquals(tileShapes({ ...limits, workgroupMemory: 1024 }, needs), []);
  for (const shape of tileShapes(limits, needs)) assertEquals(shape.lanesX * shape.lanesY % heightOf(shape), 0);
});

Deno.test({
  name: "prepareSession() sums crossbars alike in every tile shape",
  ignore,
  fn: async () => {
    for (let seed = 20; seed < 24; seed++) {
      const program = randomCrossbarProgram(seed);
      await agreeOn(device!, program, randomImages(seed, program, 3), `seed ${seed}`, [SMALL[seed % 3]!]);
    }
  },
});

Deno.test({
  name: "prepareSession() makes one product of a crossbar that loses nothing",
  ignore,
  fn: async () => {
    for (let seed = 40; seed < 46; seed++) {
      const program = lossless(randomCrossbarProgram(seed), seed % 3 + 1, seed % 5 - 2);
      await agreeOn(device!, program, randomImages(seed, program, 3), `seed ${seed}`, [SMALL[seed % 3]!]);
    }
  },
});

Deno.test({
  name: "prepareSession() runs whole programs alike in every tile shape",
  ignore,
  fn: async () => {
    for (let seed = 60; seed < 61; seed++) {
      const program = randomProgram(seed);
      await agreeOn(device!, program, randomImages(seed, program, 2), `seed ${seed}`, [SMALL[seed % 3]!]);
    }
    for (let seed = 71; seed < 72; seed++) {
      const program = randomPlacedProgram(seed, { dynamic: false });
      await agreeOn(device!, program, randomImages(seed, program, 2), `seed ${seed}`, [SMALL[seed % 3]!]);
    }
    for (let seed = 80; seed < 81; seed++) {
      const program = randomCrossbarProgram(seed, { dynamic: true });
      await agreeOn(device!, program, randomImages(seed, program, 2), `seed ${seed}`, [SMALL[seed % 3]!]);
    }
  },
});

Deno.test({
  name: "tuningTiles() measures each class once, keeps the fastest, and changes no result",
  ignore,
  fn: async () => {
    const program = lossless(randomCrossbarProgram(41), 1, 0);
    const images = randomImages(41, program, 2);
    let measured = 0;
    const inner = tuningTiles({ measure: (_, { choices }) => Promise.resolve(choices.length - measured++) });
    const shapes = [{ lanesX: 4, lanesY: 4, rows: 2, columns: 1 }, { lanesX: 8, lanesY: 4, rows: 1, columns: 1 }];
    const made: unknown[] = [];
    const tiles: TilePicker = {
      pick: (context, request) =>
        inner.pick(context, {
          ...request,
          choices: shapes,
          make: (tile) => {
            made.push(tile);
            return request.make(tile);
          },
        }),
    };
    await agreeOn(device!, program, images, "tuned", [{ tiles }, { tiles }]);
    assertEquals(measured, 2);
    assertEquals(made, [...shapes, shapes[1]]);
  },
});

Deno.test({
  name: "tuningTiles() times real launches",
  ignore,
  fn: async () => {
    const program = lossless(randomCrossbarProgram(42), 2, 1);
    const tuned = tuningTiles(), shapes = [{ lanesX: 8, lanesY: 4, rows: 1, columns: 1 }, { lanesX: 4, lanesY: 2, rows: 1, columns: 2 }];
    const tiles: TilePicker = { pick: (context, request) => tuned.pick(context, { ...request, choices: shapes }) };
    await agreeOn(device!, program, randomImages(42, program, 2), "tuned", [{ tiles }, { tiles: fixedTiles() }]);
  },
});

Deno.test.afterAll(async () => await device?.[Symbol.asyncDispose]());
