// The LeNet that selective write-verify is measured on: same-size 3×3 convolutions, so that most weights are in its first dense layer.

import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import { network } from "../builder.ts";
import type { Network } from "../graph.ts";
import type { LenetOptions } from "./lenet.ts";

/**
 * LeNet as SWIM has it (Z. Yan et al., DAC 2022): 3×3 convolutions with 6 and 16 channels and padding 1, each with ReLU and 2×2 maximum, then fully
 * connected layers of 120, 84 and `classes`. 28×28 grey images, pixels encoded as pixel / 255. 105,918 weights.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, swimLenet } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(swimLenet()).get("flatten"), [1, 1, 784]);
 * ```
 */
export function swimLenet(options: Omit<LenetOptions, "batchNorm"> = {}): Network {
  checkOptions("build swimLenet", "swimLenet", options, ["classes", "seed", "parameters"]);
  const { classes = 10, seed = 0, parameters } = options;
  if (!(Number.isInteger(classes) && classes >= 1)) {
    throw new OptionError("build swimLenet", { where: "swimLenet.classes", got: classes, wanted: "an integer of at least 1" });
  }
  const base = { name: "swim_lenet", input: [28, 28, 1], encoding: { zero: 0, scale: 1 / 255 }, seed } as const;
  return network(parameters === undefined ? base : { ...base, parameters }, (b) => {
    b.conv("conv1", { channels: 6, kernel: 3, padding: 1 });
    b.relu("relu1");
    b.maxPool("pool1", { kernel: 2 });
    b.conv("conv2", { channels: 16, kernel: 3, padding: 1 });
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
