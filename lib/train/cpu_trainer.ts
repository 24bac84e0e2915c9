// The training loop's steps on the thread pool.

import { ThreadPool } from "../cpu/pool.ts";
import type { Network } from "../network/graph.ts";
import { evaluate } from "./evaluate.ts";
import { trainingGraph } from "./graph.ts";
import { groupSteps } from "./group_lasso.ts";
import { crossEntropy } from "./loss.ts";
import { descend } from "./optimizer.ts";
import { trainingQuantizers } from "./pim/quantizers.ts";
import type { Recipe } from "./recipe.ts";
import type { Trainer } from "./trainer.ts";

/**
 * Prepares a network for training on the CPU. The same bits on any number of threads.
 *
 * @param threads Default all cores.
 * @throws {OptionError | GraphError | ShapeError} if recipe, threads or network are wrong.
 */
export async function cpuTrainer(network: Network, plan: Recipe, threads?: number): Promise<Trainer> {
  const pool = await ThreadPool.create(threads === undefined ? {} : { threads });
  try {
    const graph = await trainingGraph(pool, network, plan.batch, trainingQuantizers(plan, network));
    const groups = groupSteps(plan, network, graph.parameters);
    return {
      backend: "cpu",
      description: `${pool.threads} threads`,
      state: graph,
      async step(pixels, labels, learningRate) {
        await graph.prepare(true);
        const { loss, correct, gradient } = crossEntropy(graph.forward(pixels, true), labels, plan.smoothing);
        graph.backward(gradient);
        groups.addGradient();
        descend(graph.parameters, plan.optimizer, learningRate, graph.clock.steps++);
        groups.hold();
        return { images: plan.batch, loss: loss * plan.batch, correct };
      },
      flush: () => Promise.resolve(undefined),
      async evaluate(data) {
        await graph.prepare(false);
        return evaluate(graph, data);
      },
      pull: () => Promise.resolve(),
      push() {},
      [Symbol.asyncDispose]() {
        pool[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  } catch (error) {
    pool[Symbol.dispose]();
    throw error;
  }
}
