// LeNet-5 with ReLU and maximum pooling, for 28×28 grey images such as MNIST: the smallest network worth a simulation.

import { OptionError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { network } from "../builder.ts";
import type { Network } from "../graph.ts";

/** Options of {@linkcode lenet}. */
export interface LenetOptions {
  /** Number of outputs; default 10. */
  readonly classes?: number;
  /**
   * Whether every layer but the last has a batch norm (`bn1` … `bn4`) before its ReLU, and no bias; default false, as published. For low bits: quantizers that
   * leave the size of weights to what follows need it.
   */
  readonly batchNorm?: boolean;
  /** Seed of the initial parameters; default 0. */
  readonly seed?: number;
  /** Parameters to use instead of initial values, by name. */
  readonly parameters?: Readonly<Record<string, Tensor>>;
}

/**
 * LeNet-5 (LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998): 5×5 convolutions with 6 and 16 channels, each with
 * ReLU and 2×2 maximum, then fully connected layers of 120, 84 and `classes`. Pixels are encoded as pixel / 255. 61.7 k parameters.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, lenet } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(lenet()).get("flatten"), [1, 1, 400]);
 * ```
 */
export function lenet(options: LenetOptions = {}): Network {
  for (const key of Object.keys(options)) {
    if (!["classes", "batchNorm", "seed", "parameters"].includes(key)) {
      throw new OptionError("build lenet", {
        where: `lenet.${key}`,
        got: "an unknown option",
        wanted: "classes, batchNorm, seed, parameters",
      });
    }
  }
  const { classes = 10, batchNorm = false, seed = 0, parameters } = options;
  if (!(Number.isInteger(classes) && classes >= 1)) {
    throw new OptionError("build lenet", { where: "lenet.classes", got: classes, wanted: "an integer of at least 1" });
  }
  if (typeof batchNorm !== "boolean") {
    throw new OptionError("build lenet", { where: "lenet.batchNorm", got: batchNorm, wanted: "true or false" });
  }
  const bias = !batchNorm, base = { name: "lenet", input: [28, 28, 1], encoding: { zero: 0, scale: 1 / 255 }, seed } as const;
  return network(parameters === undefined ? base : { ...base, parameters }, (b) => {
    const activate = (number: number) => {
      if (batchNorm) b.batchNorm(`bn${number}`);
      b.relu(`relu${number}`);
    };
    b.conv("conv1", { channels: 6, kernel: 5, padding: 2, bias });
    activate(1);
    b.maxPool("pool1", { kernel: 2 });
    b.conv("conv2", { channels: 16, kernel: 5, bias });
    activate(2);
    b.maxPool("pool2", { kernel: 2 });
    b.flatten("flatten");
    b.linear("fc1", { features: 120, bias });
    activate(3);
    b.linear("fc2", { features: 84, bias });
    activate(4);
    b.linear("fc3", { features: classes });
  });
}
