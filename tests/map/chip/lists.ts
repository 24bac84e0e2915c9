// Lists of layers for chip tests: small random ones, small enough for brute force, and one of the size of ResNet-18.

import type { ChipLayer } from "../../../lib/map/chip/chip.ts";
import { uniform } from "../../../lib/random.ts";

/** An integer from `low` to `high`, inclusive. */
export type Pick = (low: number, high: number) => number;

/** Draws from one seed. */
export function picker(seed: number): Pick {
  let draw = 0;
  return (low, high) => low + Math.floor(uniform(seed, draw++) * (high - low + 1));
}

/** One to `most` layers of one or two groups, some of them with branches. */
export function randomLayers(pick: Pick, most: number, arrays = 3, activations = 12): ChipLayer[] {
  return Array.from({ length: pick(1, most) }, (_, index) => ({
    name: `layer${index}`,
    groups: Array.from(
      { length: pick(1, 2) },
      () => ({ arrays: pick(1, arrays), activations: pick(1, activations), cells: pick(0, 9) }),
    ),
    ...(pick(0, 2) > 0 ? {} : { inputs: Array.from({ length: index }, (_, at) => `layer${at}`).filter(() => pick(0, 1) === 1) }),
  }));
}

/** ResNet-18 at 224² by im2col on 128 × 128 arrays with one column per weight: conv1, four stages with shortcuts, and the classifier. */
export function resnet18(): ChipLayer[] {
  const layer = (name: string, rows: number, columns: number, origins: number, inputs: string[]): ChipLayer => ({
    name,
    groups: [{ arrays: Math.ceil(rows / 128) * Math.ceil(columns / 128), activations: origins, cells: 128 * 128 }],
    inputs,
  });
  const layers = [layer("conv1", 147, 64, 112 * 112, [])];
  let before = ["conv1"], channels = 64;
  for (const [stage, width] of [64, 128, 256, 512].entries()) {
    const origins = (56 >> stage) ** 2;
    for (const block of [0, 1]) {
      const name = `stage${stage}.${block}`;
      layers.push(layer(`${name}.a`, 9 * channels, width, origins, before), layer(`${name}.b`, 9 * width, width, origins, [`${name}.a`]));
      const after = [`${name}.b`];
      if (channels === width) after.push(...before);
      else {
        layers.push(layer(`${name}.shortcut`, channels, width, origins, before));
        after.push(`${name}.shortcut`);
      }
      before = after;
      channels = width;
    }
  }
  return [...layers, layer("fc", 512, 1000, 1, before)];
}
