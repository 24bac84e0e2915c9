// Convolutions of random geometry on WebGPU against the CPU trainer: kernels, strides, padding, dilation and groups in all mixtures.

import { hash } from "../../../lib/random.ts";
import { compareSteps, deviceTest, FLOATS } from "./compare.ts";
import { randomNet } from "../gradients.ts";

/** Networks tried; each needs kernels of its own, which a software adapter takes a second to compile. */
const COUNT = 4;

deviceTest("WebGPU trains convolutions of random geometry as the CPU does", async () => {
  for (let seed = 0; seed < COUNT; seed++) {
    const pick = (what: number, least: number, most: number) => least + hash(seed, what) % (most - least + 1);
    const both = (what: number, least: number, most: number) => [pick(what, least, most), pick(what + 1, least, most)] as [number, number];
    const groups = [1, 1, 2, 3, 4][pick(0, 0, 4)]!, kernel = both(1, 1, 3), dilation = both(3, 1, 2);
    const options = { kernel, dilation, groups, stride: both(5, 1, 3), padding: both(7, 0, 3), bias: pick(9, 0, 1) === 1 };
    const net = randomNet([pick(10, 5, 9), pick(11, 5, 9), 3], (b) => {
      b.conv("stem", { channels: groups * pick(12, 1, 9), kernel: 1 });
      b.conv("conv", { channels: groups * pick(13, 1, 9), ...options });
      b.globalAveragePool("pool");
      b.linear("fc", { features: 3 });
    }, seed + 1);
    try {
      await compareSteps(net, { ...FLOATS, batch: pick(14, 1, 5) }, 1);
    } catch (error) {
      throw new Error(`seed ${seed}, ${JSON.stringify(net.layers.map(({ name: _, ...layer }) => layer))}`, { cause: error });
    }
  }
});
