// LeNet-5 with ReLU and maximum pooling, for 28×28 grey images such as MNIST: the smallest network worth a simulation.

import { OptionError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { network } from "../builder.ts";
import type { Network } from "../graph.ts";

/** Options of {@linkcode lenet}. */
export interface LenetOptions {
  /** Number of outputs; default 10. */
  readonly classes?: number;
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
    if (!["classes", "seed", "parameters"].includes(key)) {
      throw new OptionError("build lenet", { where: `lenet.${key}`, got: "an unknown option", wanted: "classes, seed, parameters" });
    }
  }
  const { classes = 10, seed = 0, parameters } = options;
  if (!(Number.isInteger(classes) && classes >= 1)) {
    throw new OptionError("build lenet", { where: "lenet.classes", got: classes, wanted: "an integer of at least 1" });
  }
  const base = { name: "lenet", input: [28, 28, 1], encoding: { zero: 0, scale: 1 / 255 }, seed } as const;
  return network(parameters === undefined ? base : { ...base, parameters }, (b) => {
    b.conv("conv1", { channels: 6, kernel: 5, padding: 2 });
    b.relu("relu1");
    b.maxPool("pool1", { kernel: 2 });
    b.conv("conv2", { channels: 16, kernel: 5 });
    b.relu("relu2");
    b.maxPool("pool2", { kernel: 2 });
    b.flatten("flatten");
    b.linear("fc1", { features: 120 });
    b.relu("relu3");
    b.linear("fc2", { features: 84 });
    b.relu("relu4");
    b.linear("fc3", { features: classes });
  });
}
