// A network whose weights are replaced over and over, evaluated as it is trained: the fast way to the accuracy of many chips.

import { ThreadPool } from "../cpu/pool.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import type { ActivationQuantizer } from "../quantize/quantizer.ts";
import type { Tensor } from "../tensor.ts";
import { evaluate } from "../train/evaluate.ts";
import { trainingGraph } from "../train/graph.ts";

/** Options of {@linkcode weightGraph}. */
export interface WeightGraphOptions {
  /** Quantizer of every ReLU's output; default none. Clipping levels are the network's `<relu>.alpha`. */
  readonly activations?: ActivationQuantizer;
  /** Images per batch; default 250. Does not change the result. */
  readonly batch?: number;
  /** Threads; default all cores. */
  readonly threads?: number;
}

/** A network ready to be evaluated with other weights. Owns threads: dispose of it. */
export interface WeightGraph extends Disposable {
  /** Share of images classified correctly and mean loss in nats, with these weights in place of the network's. */
  evaluate(data: Dataset, weights?: Readonly<Record<string, Tensor>>): { readonly accuracy: number; readonly loss: number };
}

/**
 * Prepares a network for evaluation with weights as reals: noise need not respect their codes.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { lenet, tensor, weightGraph } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const images = tensor(new Uint8Array(4 * 784).map((_, i) => i % 251), [4, 28, 28, 1]);
 * using graph = await weightGraph(lenet(), { batch: 4 });
 * const data = { name: "ramp", images, labels: Uint8Array.of(0, 1, 2, 3), classes: [] };
 * assertEquals(graph.evaluate(data), graph.evaluate(data, lenet().parameters));
 * ```
 */
export async function weightGraph(network: Network, options: WeightGraphOptions = {}): Promise<WeightGraph> {
  checkOptions("evaluate weights", "weightGraph", options, ["activations", "batch", "threads"]);
  const { activations, batch = 250, threads } = options;
  const pool = await ThreadPool.create(threads === undefined ? {} : { threads });
  try {
    const graph = await trainingGraph(pool, network, batch, { weights: () => undefined, activations: () => activations });
    const own = new Map(graph.parameters.map((parameter) => [parameter.name, parameter]));
    let changed = new Set<string>();
    return {
      evaluate(data, weights = {}) {
        for (const name of changed) if (!Object.hasOwn(weights, name)) own.get(name)?.write(network.parameters[name]!);
        changed = new Set(Object.keys(weights));
        for (const [name, values] of Object.entries(weights)) own.get(name)?.write(values);
        return evaluate(graph, data);
      },
      [Symbol.dispose]: () => pool[Symbol.dispose](),
    };
  } catch (error) {
    pool[Symbol.dispose]();
    throw error;
  }
}
