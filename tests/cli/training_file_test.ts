import { assertEquals, assertThrows } from "@std/assert";
import { trainingFile } from "../../lib/cli/training_file.ts";
import { OptionError } from "../../lib/errors.ts";
import { layerGeometries } from "../../lib/network/geometries.ts";

const least = { network: "lenet", data: "mnist" };

Deno.test("trainingFile() fills in defaults", () => {
  const file = trainingFile(least, "run");
  assertEquals([file.network.name, file.data, file.validation, file.from], ["lenet", { name: "mnist", load: {} }, {}, null]);
  assertEquals([file.checkpoint, file.out], ["checkpoints/run.checkpoint.safetensors", "checkpoints/run.safetensors"]);
  assertEquals(file.recipe.epochs, 30);
});

Deno.test("trainingFile() takes options, ranges and origins", () => {
  const file = trainingFile({
    network: { name: "resnet20", options: { width: 0.5 } },
    data: { name: "cifar10", folder: "files", limit: 9, offset: 3 },
    validation: { limit: 5 },
    recipe: { seed: 7, layers: { "layer1.*": { weights: { kind: "lsq", bits: 2 } } } },
    from: { checkpoint: "start", learned: false },
  }, "run");
  assertEquals(layerGeometries(file.network)[0]!.geometry.outputShape[2], 8);
  assertEquals(file.data.load, { folder: "files", limit: 9, offset: 3 });
  assertEquals(file.validation, { folder: "files", limit: 5 });
  assertEquals(file.from, { checkpoint: "start", learned: false });
  assertEquals(trainingFile({ ...least, from: "start", validation: null }, "run").from, { checkpoint: "start", learned: true });
});

Deno.test("trainingFile() draws first weights by the recipe's seed unless the network has its own", () => {
  const weights = (file: unknown) => [...trainingFile(file, "run").network.parameters["conv1.weight"]!.data.subarray(0, 4)];
  const seven = weights({ ...least, recipe: { seed: 7 } });
  assertEquals(weights({ ...least, network: { name: "lenet", options: { seed: 7 } } }), seven);
  assertEquals(String(weights(least)) === String(seven), false);
});

/** A wrong file and the path its message must have. */
const wrong: readonly (readonly [object, string])[] = [
  [{ network: "lenet" }, "data"],
  [{ ...least, nets: 1 }, "file.nets"],
  [{ ...least, network: "alexnet" }, "network"],
  [{ ...least, network: { name: "lenet", width: 2 } }, "network.width"],
  [{ ...least, network: { name: "lenet", options: { classes: 0 } } }, "network.options.classes"],
  [{ ...least, network: { name: "lenet", options: { batchNorm: 1 } } }, "network.options.batchNorm"],
  [{ ...least, network: { name: "lenet", options: { parameters: {} } } }, "network.options.parameters"],
  [{ ...least, network: { name: "lenet", options: { seed: -1 } } }, "network.options.seed"],
  [{ ...least, network: { name: "lenet", options: 3 } }, "network.options"],
  [{ ...least, network: { name: "vggSmall", options: { image: 33 } } }, "network.options.image"],
  [{ ...least, data: "imagenet" }, "data"],
  [{ ...least, data: { name: "mnist", limit: 0 } }, "data.limit"],
  [{ ...least, data: { name: "mnist", folder: "" } }, "data.folder"],
  [{ ...least, validation: { limit: 1.5 } }, "validation.limit"],
  [{ ...least, validation: { folder: "x" } }, "validation.folder"],
  [{ ...least, from: 3 }, "from"],
  [{ ...least, from: { learned: false } }, "from.checkpoint"],
  [{ ...least, from: { checkpoint: "x", learned: 0 } }, "from.learned"],
  [{ ...least, out: 1 }, "out"],
  [{ ...least, checkpoint: "" }, "checkpoint"],
  [{ ...least, recipe: [] }, "recipe"],
  [{ ...least, recipe: { epochs: 0.5 } }, "recipe.epochs"],
  [{ ...least, recipe: { smoothing: "much" } }, "recipe.smoothing"],
  [{ ...least, recipe: { schedule: null } }, "recipe.schedule.kind"],
  [{ ...least, recipe: { schedule: { kind: "cosine", peak: "high" } } }, "recipe.schedule.peak"],
  [{ ...least, recipe: { schedule: { kind: "cosine", peak: 0.1, warmup: 2 } } }, "recipe.schedule.warmup"],
  [{ ...least, recipe: { schedule: { kind: "cosine", rate: 0.1 } } }, "recipe.schedule.rate"],
  [{ ...least, recipe: { schedule: { kind: "step", rate: 0.1, at: 0.5 } } }, "recipe.schedule.at"],
  [{ ...least, recipe: { schedule: { kind: "step", rate: 0.1, at: [0.5, 60] } } }, "recipe.schedule.at.1"],
  [{ ...least, recipe: { schedule: { kind: "step", rate: 0.1, at: [], factor: -1 } } }, "recipe.schedule.factor"],
  [{ ...least, recipe: { augment: { pad: -1, flip: true } } }, "recipe.augment.pad"],
  [{ ...least, recipe: { augment: { pad: 1 } } }, "recipe.augment.flip"],
  [{ ...least, recipe: { optimizer: { kind: "adamw" } } }, "recipe.optimizer.kind"],
  [{ ...least, recipe: { optimizer: { nesterov: "no" } } }, "recipe.optimizer.nesterov"],
  [{ ...least, recipe: { weights: { kind: "lsq" } } }, "recipe.weights.bits"],
  [{ ...least, recipe: { weights: { kind: "lsq", bits: 4, perChanel: true } } }, "recipe.weights.perChanel"],
  [{ ...least, recipe: { activations: { kind: "relu", bits: 4 } } }, "recipe.activations.kind"],
  [{ ...least, recipe: { layers: null } }, "recipe.layers"],
  [{ ...least, recipe: { layers: { conv9: { weights: null } } } }, "recipe.layers.conv9.weights"],
  [{ ...least, recipe: { pim: { scheme: "analog", adcBits: 5 } } }, "recipe.pim.scheme"],
];

for (const [file, path] of wrong) {
  Deno.test(`trainingFile() refuses a wrong ${path}`, () => {
    const error = assertThrows(() => trainingFile(file, "run"), OptionError);
    assertEquals(error.where, path, error.message);
  });
}
