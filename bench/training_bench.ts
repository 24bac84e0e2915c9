// Training on the CPU: one step of VGG7 at width 0.25, and its convolution kernels as a share of what plain fused multiply-adds reach in the same run.
//
// deno bench -A bench/training_bench.ts     times
// deno run -A bench/training_bench.ts [threads]   images/s and GFLOP/s, best of several runs

import { convolutionForward, type ConvolutionShape, convolutionWeightGradient } from "../kernels/train/convolution.ts";
import { ThreadPool } from "../lib/cpu/pool.ts";
import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../lib/cpu/wat.ts";
import { vgg7 } from "../lib/network/zoo/vgg7.ts";
import { hash } from "../lib/random.ts";
import { trainingGraph } from "../lib/train/graph.ts";
import { crossEntropy } from "../lib/train/loss.ts";
import { descend } from "../lib/train/optimizer.ts";
import { quantizersOf, recipe } from "../lib/train/recipe.ts";

const BATCH = 128, IMAGES = 32, JOBS = 8, CHAINS = 12, ROUNDS = 2_000_000;

/** Something to time, and the work in one call. */
interface Case {
  readonly name: string;
  /** Floating-point operations of one call, in 10⁹; 0 where images count. */
  readonly gigaflop: number;
  readonly images: number;
  readonly call: () => void;
}

/** Twelve independent chains of four-wide multiply-adds, stored at the end so that they are not optimised away: the ceiling of any kernel here. */
const multiplyAdds = () =>
  kernel(
    ["to", "rounds"],
    locals("i32", "i") + locals("v128", "t", ...Array.from({ length: CHAINS }, (_, c) => `a${c}`)),
    `${set("t", "(v128.const f32x4 0.5 0.25 0.125 0.75)")}
    ${
      loop(
        "i",
        "(i32.const 0)",
        get("rounds"),
        repeat(CHAINS, (c) => set(`a${c}`, `(f32x4.relaxed_madd ${get(`a${c}`)} ${get("t")} ${get("t")})`)),
      )
    }
    ${repeat(CHAINS, (c) => `(v128.store offset=${16 * c} ${add(get("to"), mul(get("begin"), int(16 * CHAINS)))} ${get(`a${c}`)})`)}`,
  );

/** The 3×3 convolution of one VGG7 layer: side, channels in, channels out. */
function convolution(side: number, inputs: number, outputs: number): ConvolutionShape {
  return {
    input: [side + 2, side + 2, inputs],
    output: [side, side, outputs],
    size: [side, side],
    inputOrigin: [0, 0],
    outputOrigin: [0, 0],
    kernel: [3, 3],
    stride: [1, 1],
    dilation: [1, 1],
    groups: 1,
  };
}

async function cases(pool: ThreadPool): Promise<Case[]> {
  const [multiply] = await pool.load([multiplyAdds()]), results = pool.allocate(pool.threads * CHAINS * 16);
  const list: Case[] = [{
    name: "multiply-adds in registers",
    gigaflop: pool.threads * ROUNDS * CHAINS * 8 / 1e9,
    images: 0,
    call: () => pool.run(multiply!, pool.threads, 1, results, ROUNDS),
  }];
  for (const [side, inputs, outputs] of [[32, 32, 32], [16, 64, 64], [8, 128, 128]] as const) {
    const shape = convolution(side, inputs, outputs), weights = 9 * inputs * outputs;
    const [forward, weightGradient] = await pool.load([convolutionForward(shape), convolutionWeightGradient(shape)]);
    const room = (floats: number) => {
      const address = pool.allocate(floats * 4), view = pool.f32(address, floats);
      for (let i = 0; i < floats; i++) view[i] = hash(1, i) / 4294967296 - 0.5;
      return address;
    };
    const [x, y, w, bias, partial] = [
      room(IMAGES * (side + 2) ** 2 * inputs),
      room(IMAGES * side * side * outputs),
      room(weights),
      room(outputs),
      room(JOBS * weights),
    ];
    const work = { gigaflop: 2 * IMAGES * side * side * weights / 1e9, images: 0 },
      name = `${side}×${side}, ${inputs} to ${outputs} channels`;
    list.push({ ...work, name: `forward, ${name}`, call: () => pool.run(forward!, IMAGES, 1, x!, w!, y!, bias!) });
    list.push({
      ...work,
      name: `weight gradient, ${name}`,
      call: () => pool.run(weightGradient!, JOBS, 1, x!, y!, partial!, IMAGES / JOBS, IMAGES),
    });
  }

  const plan = recipe(), net = vgg7({ width: 0.25, seed: 1 });
  const graph = await trainingGraph(pool, net, BATCH, quantizersOf(plan, net));
  const pixels = Uint8Array.from({ length: BATCH * 3072 }, (_, i) => hash(2, i) & 255),
    labels = Uint8Array.from({ length: BATCH }, (_, i) => i % 10);
  list.push({
    name: "a training step of VGG7, width 0.25, batch 128",
    gigaflop: 0,
    images: BATCH,
    call: () => {
      graph.backward(crossEntropy(graph.forward(pixels, true), labels).gradient);
      descend(graph.parameters, plan.optimizer, 0.01);
    },
  });
  return list;
}

if (import.meta.main) {
  using pool = await ThreadPool.create(Deno.args[0] === undefined ? {} : { threads: Number(Deno.args[0]) });
  console.log(`${pool.threads} threads`);
  let ceiling = 0;
  for (const { name, gigaflop, images, call } of await cases(pool)) {
    let best = Infinity;
    for (let run = 0; run < 12; run++) {
      const start = performance.now();
      call();
      best = Math.min(best, (performance.now() - start) / 1000);
    }
    if (images > 0) {
      console.log(`${name.padEnd(48)} ${(best * 1000).toFixed(0).padStart(6)} ms ${(images / best).toFixed(0).padStart(6)} images/s`);
      continue;
    }
    const rate = gigaflop / best;
    ceiling ||= rate;
    const share = `${(100 * rate / ceiling).toFixed(0)} % of multiply-adds`;
    console.log(`${name.padEnd(48)} ${(best * 1000).toFixed(1).padStart(6)} ms ${rate.toFixed(1).padStart(6)} GFLOP/s  ${share}`);
  }
} else {
  const pool = await ThreadPool.create();
  for (const { name, gigaflop, call } of await cases(pool)) {
    Deno.bench({ name, group: gigaflop === 0 ? "VGG7" : "kernels", baseline: name.startsWith("multiply"), fn: call });
  }
}
