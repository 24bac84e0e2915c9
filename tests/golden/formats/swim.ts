// Recorded runs of selective write-verify: a trained LeNet, its second derivatives, accuracies under writing errors, and loops of single cells.
//
// Files of one folder belong together: `flenet_*` are of the float network, `batch128` holds the images of its derivatives. MNIST comes from its usual source.

import { type Dataset, sliceDataset } from "../../../lib/data/dataset.ts";
import { mnist } from "../../../lib/data/mnist.ts";
import { readNpz } from "../../../lib/io/npy.ts";
import type { Network } from "../../../lib/network/graph.ts";
import { swimLenet } from "../../../lib/network/zoo/swim_lenet.ts";
import { secondDerivatives } from "../../../lib/program/second_derivatives.ts";
import { magnitudeScores, randomScores, selectWeights, sensitivityScores } from "../../../lib/program/select.ts";
import type { Selection } from "../../../lib/program/selection.ts";
import { drawErrors, effectiveDeviation, erroneousWeights, largest } from "../../../lib/program/variation.ts";
import { weightGraph } from "../../../lib/program/weight_graph.ts";
import { verifyCells, verifyStatistics } from "../../../lib/program/write_verify.ts";
import { mean, standardDeviation } from "../../../lib/report/statistics.ts";
import { type Tensor, tensor, type TypedArray } from "../../../lib/tensor.ts";
import { type Format, type GoldenCase, type GoldenFile, isRecord, NotCovered, relativeError } from "../format.ts";

const LAYERS = ["conv1", "conv2", "fc1", "fc2", "fc3"] as const;
const QUANTISED =
  "the quantised network takes its activations' range from each batch and drops a factor in its second derivatives: a known fault";
/** Images that accuracies under errors are taken of, and that their ranking is. */
const RANKING = 20_000;
/** Largest |difference| of two means over a few chips that passes, in deviations of that difference. */
const DEVIATIONS = 6;

const has = (value: unknown, ...names: string[]): boolean => isRecord(value) && names.every((name) => Object.hasOwn(value, name));
const first = (value: unknown): unknown => Array.isArray(value) ? value[0] : undefined;

/** Files of the SWIM system. */
export const swim: Format = {
  name: "swim",
  matches: ({ json, arrays }) =>
    has(json, "model", "clean", "train_log") || has(json, "L0", "traceS_norm_per_sample") || has(first(json), "sigma0", "analytic_std") ||
    has(arrays, "conv1.weight", "fc1.weight", "fc3.bias") || has(arrays, "conv1.S_raw") ||
    (has(arrays, "x", "y") && Object.keys(arrays!).length === 2 && arrays!["x"]!.shape.slice(1).join() === "1,28,28"),
  open(file) {
    const { json, arrays } = file;
    if (has(json, "model") ? (json as { model: string }).model === "q" : file.stem.startsWith("q")) throw new NotCovered(QUANTISED);
    if (has(json, "model")) return results(file);
    if (has(json, "L0")) return lossRise(file);
    if (json !== undefined) return loops(file);
    if (has(arrays, "conv1.S_raw")) return derivatives(file);
    return has(arrays, "x") ? images(file) : accuracy(file);
  },
};

const folderOf = ({ path }: GoldenFile) => path.slice(0, path.lastIndexOf("/") + 1);
const reals = ({ data }: Tensor<TypedArray>) => Float32Array.from(data as ArrayLike<number>);

/** The first linear layer's columns from channel by channel to pixel by pixel. */
function channelsLast(name: string, from: Float32Array): Float32Array {
  if (!name.startsWith("fc1.") || from.length !== 120 * 784) return from;
  return from.map((_, at) => from[Math.floor(at / 784) * 784 + at % 16 * 49 + Math.floor(at % 784 / 16)]!);
}

async function floatNetwork(file: GoldenFile): Promise<Network> {
  const weights = await readNpz(`${folderOf(file)}flenet_weights.npz`);
  const parameters = Object.entries(weights).map(([name, value]) => [name, tensor(channelsLast(name, reals(value)), value.shape)] as const);
  return swimLenet({ parameters: Object.fromEntries(parameters) });
}

/** Images and labels are those of MNIST. */
function images({ stem, arrays }: GoldenFile): GoldenCase {
  return {
    name: stem,
    limit: 0,
    needsBackend: false,
    async run() {
      const { images, labels } = await mnist.train({ limit: arrays!["y"]!.shape[0]! });
      return Math.max(
        relativeError(images.data, reals(arrays!["x"]!)),
        relativeError(labels, Float32Array.from(arrays!["y"]!.data as ArrayLike<number>, Number)),
      );
    },
  };
}

/** Accuracy of the weights on all test images. */
function accuracy(file: GoldenFile): GoldenCase {
  return {
    name: file.stem,
    limit: 2e-4,
    needsBackend: false,
    async run() {
      const wanted = JSON.parse(await Deno.readTextFile(`${folderOf(file)}flenet_results.json`)) as { clean: number };
      using graph = await weightGraph(await floatNetwork(file));
      return Math.abs(graph.evaluate(await mnist.test()).accuracy - wanted.clean);
    },
  };
}

/** Second derivatives and gradients of a batch: as they are, of the normalised weights, and their sum with twice the gradient. */
function derivatives(file: GoldenFile): GoldenCase {
  return {
    name: file.stem,
    limit: 1e-4,
    needsBackend: false,
    async run() {
      const batch = await readNpz(`${folderOf(file)}batch128.npz`), network = await floatNetwork(file), count = batch["y"]!.shape[0]!;
      const data: Dataset = {
        name: "batch",
        images: tensor(Uint8Array.from(batch["x"]!.data as ArrayLike<number>), [count, 28, 28, 1]),
        labels: Uint8Array.from(batch["y"]!.data as ArrayLike<number>, Number),
        classes: [],
      };
      const { second, gradient } = await secondDerivatives(network, data);
      const scores = sensitivityScores(network, { second, gradient, images: count }, { gradient: 2 / count });
      const errors = LAYERS.flatMap((layer) => {
        const name = `${layer}.weight`, most = largest(network.parameters[name]!);
        const wanted = (key: string) => channelsLast(name, reals(file.arrays![`${layer}.${key}`]!));
        return [
          relativeError(second[name]!.data, wanted("S_raw")),
          relativeError(gradient[name]!.data.map((value) => value / count), wanted("grad")),
          relativeError(second[name]!.data.map((value) => value * most * most), wanted("S_norm")),
          relativeError(gradient[name]!.data.map((value) => value * most / count), wanted("grad_norm")),
          relativeError(scores[name]!.data, wanted("S_norm_fine").map(Math.abs)),
        ];
      });
      return Math.max(...errors);
    },
  };
}

/** Mean accuracies of a few chips for each method, σ and share; the error is the largest difference over what may be by chance. */
function results(file: GoldenFile): GoldenCase {
  interface Row {
    readonly dev_var: number;
    readonly write_var: number;
    readonly method: string;
    readonly mask_p: number;
    readonly accs: readonly number[];
  }
  const rows = (file.json as { table: readonly Row[] }).table.filter(({ dev_var: sigma, mask_p: share }) =>
    sigma >= 0.2 && [0, 0.05, 0.3].includes(share)
  );
  return {
    name: file.stem,
    limit: 1,
    needsBackend: false,
    async run() {
      const network = await floatNetwork(file), test = await mnist.test(), magnitude = magnitudeScores(network);
      const curvature = sensitivityScores(network, await secondDerivatives(network, await mnist.train({ limit: RANKING })), {
        gradient: 2 / 128,
      });
      using graph = await weightGraph(network);
      let worst = 0;
      for (const { dev_var: sigma, write_var: verified, method, mask_p: share, accs } of rows) {
        const ours = accs.map((_, draw) => {
          const scores = method === "random" ? randomScores(network, draw) : method === "magnitude" ? magnitude : curvature;
          const selection: Selection = selectWeights(network, scores, { share });
          return graph.evaluate(test, erroneousWeights(network, drawErrors(network, { sigma, verified }, { draw }), selection)).accuracy;
        });
        const variance = (standardDeviation(ours) ** 2 + standardDeviation(accs) ** 2) / accs.length + 2e-4 ** 2;
        worst = Math.max(worst, Math.abs(mean(ours) - mean(accs)) / Math.sqrt(variance) / DEVIATIONS);
      }
      return worst;
    },
  };
}

/** Loss of the first 10,000 training images, the rise that second derivatives predict, and the one measured. */
function lossRise(file: GoldenFile): GoldenCase {
  const { L0: loss, traceS_norm_per_sample: trace, rows } = file.json as {
    L0: number;
    traceS_norm_per_sample: number;
    rows: readonly { sigma: number; pred: number; mc: number; mc_sem: number }[];
  };
  return {
    name: file.stem,
    limit: 1,
    needsBackend: false,
    async run() {
      const network = await floatNetwork(file), data = sliceDataset(await mnist.train({ limit: 10_000 }), 0);
      const { second } = await secondDerivatives(network, data);
      const sum = LAYERS.reduce((total, layer) => {
        const name = `${layer}.weight`, most = largest(network.parameters[name]!);
        return total + second[name]!.data.reduce((all, value) => all + value * most * most, 0);
      }, 0) / data.labels.length;
      using graph = await weightGraph(network);
      const start = graph.evaluate(data).loss;
      let worst = Math.max(relativeError([start], [loss]), relativeError([sum], [trace])) / 1e-3;
      for (const { sigma, pred, mc, mc_sem: known } of rows.filter(({ sigma }) => sigma >= 0.05)) {
        const deviation = effectiveDeviation({ sigma }) * sigma;
        worst = Math.max(worst, relativeError([deviation ** 2 * sum / 2], [pred]) / 1e-3);
        const rises = [0, 1, 2, 3].map((draw) => {
          const there = erroneousWeights(network, drawErrors(network, { sigma }, { draw }));
          const back = Object.entries(there).map(([name, { data, shape }]) => {
            return [name, tensor(data.map((value, at) => 2 * network.parameters[name]!.data[at]! - value), shape)] as const;
          });
          return (graph.evaluate(data, there).loss + graph.evaluate(data, Object.fromEntries(back)).loss) / 2 - start;
        });
        const spread = Math.sqrt(standardDeviation(rises) ** 2 / rises.length + known ** 2);
        worst = Math.max(worst, Math.abs(mean(rises) - mc) / spread / DEVIATIONS);
      }
      return worst;
    },
  };
}

/** Loops of single cells, at most 50 pulses each; the error is the largest of all relative ones. */
function loops({ stem, json }: GoldenFile): GoldenCase {
  return {
    name: stem,
    limit: 0.02,
    needsBackend: false,
    run() {
      const errors = (json as Record<string, number>[]).flatMap((row) => {
        const sigma = row["sigma0"]!, tolerance = row["tol"]!, closed = verifyStatistics(sigma, tolerance);
        const simulated = ([["redraw", "mc"], ["incremental", "incr"]] as const).flatMap(([loop, key]) => {
          const { left, pulses } = verifyCells(100_000, sigma, { tolerance, loop, maxPulses: 50 }, 1);
          const square = Math.sqrt(left.reduce((sum, error) => sum + error * error, 0) / left.length);
          // Where many cells fail, what is left is theirs: few and far out, so that neither run knows their deviation well.
          const failing = loop === "redraw" && row["mc_std"]! > 1.03 * row["analytic_std"]!;
          const deviation = failing ? [] : [relativeError([square], [row[`${key}_std`]!])];
          return [relativeError([mean(pulses)], [row[`${key}_cycles`]!]), ...deviation];
        });
        return [
          relativeError([closed.deviation], [row["analytic_std"]!]),
          relativeError([closed.cycles], [row["analytic_cycles"]!]),
          ...simulated,
        ];
      });
      return Promise.resolve(Math.max(...errors));
    },
  };
}
