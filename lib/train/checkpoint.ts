// The state of a run in one safetensors file: parameters, momenta, running statistics, and the recipe it belongs to.

import { FileError } from "../errors.ts";
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { type Tensor, tensor } from "../tensor.ts";
import type { Recipe } from "./recipe.ts";
import type { TrainingState } from "./trainer.ts";

/** A checkpoint read back and found to belong to the run. */
export interface Checkpoint {
  readonly step: number;
  readonly validation: number | undefined;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

const FORMAT = "bitline checkpoint 1";
const MOMENTUM = "momentum:";
const SECOND = "second moment:";

/** What identifies a run: continuing under another recipe or network would silently train something else. */
function identity(plan: Recipe, network: Network): string {
  return JSON.stringify({
    recipe: plan,
    network: { name: network.name, input: network.input, encoding: network.encoding, layers: network.layers },
  });
}

/** Writes the state by temporary file and rename. `data` says what is trained on. */
export async function saveCheckpoint(
  path: string,
  graph: TrainingState,
  plan: Recipe,
  network: Network,
  step: number,
  validation: number | undefined,
  data: string,
): Promise<void> {
  const tensors: Record<string, Tensor> = {};
  for (const { name, read, momentum, second } of graph.parameters) {
    tensors[name] = read();
    tensors[MOMENTUM + name] = read(momentum);
    if (plan.optimizer.kind === "adam") tensors[SECOND + name] = read(second());
  }
  for (const [name, data] of Object.entries(graph.state)) tensors[name] = tensor(Float32Array.from(data), [data.length]);
  const metadata = { format: FORMAT, run: identity(plan, network), step: String(step), data };
  await writeSafetensors(path, tensors, validation === undefined ? metadata : { ...metadata, validation: String(validation) });
}

/**
 * Reads a checkpoint; undefined if there is none yet.
 *
 * @throws {FileError} if it is corrupted, no checkpoint, or belongs to another recipe, network or data set.
 */
export async function loadCheckpoint(path: string, plan: Recipe, network: Network, data: string): Promise<Checkpoint | undefined> {
  try {
    await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new FileError("read a checkpoint", { where: path, got: (error as Error).message, cause: error });
  }
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata["format"] !== FORMAT) {
    throw new FileError("resume training", {
      where: path,
      got: metadata["format"] ?? "no format field",
      wanted: "a checkpoint of this trainer",
    });
  }
  if (metadata["run"] !== identity(plan, network)) {
    throw new FileError("resume training", {
      where: path,
      got: "a checkpoint of another recipe or network",
      wanted: "the recipe it was started with",
      hint: "Give the same options, or another checkpoint file.",
    });
  }
  if ((metadata["data"] ?? data) !== data) {
    throw new FileError("resume training", { where: path, got: `a checkpoint of a run on ${metadata["data"]}`, wanted: data });
  }
  const { validation } = metadata;
  return {
    step: Number(metadata["step"]),
    validation: validation === undefined ? undefined : Number(validation),
    tensors: tensors as Record<string, Tensor>,
  };
}

/** Puts a checkpoint's state, as a run of this recipe wrote it, into a graph; returns the step it stands at. */
export function restore(graph: TrainingState, saved: Checkpoint, plan: Recipe): number {
  const take = (name: string): Tensor => {
    const found = saved.tensors[name];
    if (found === undefined || !(found.data instanceof Float32Array)) {
      throw new FileError("resume training", { where: name, got: "no such f32 tensor in the checkpoint" });
    }
    return found;
  };
  for (const { name, write, momentum, second } of graph.parameters) {
    write(take(name));
    write(take(MOMENTUM + name), momentum);
    if (plan.optimizer.kind === "adam") write(take(SECOND + name), second());
  }
  for (const [name, data] of Object.entries(graph.state)) data.set(take(name).data);
  graph.clock.steps = saved.step;
  return saved.step;
}

/** What {@linkcode startFrom} takes over. */
export interface StartFromOptions {
  /**
   * Whether clipping levels and the numbers that quantizers have learned with weights come along; default true. Without them a run at other bits or with
   * another method starts its own.
   */
  readonly learned?: boolean;
}

/**
 * The network with the latent parameters and running statistics of a checkpoint, to start another run from.
 *
 * @throws {FileError} if the file is no checkpoint, or lacks a parameter of the network or has it in another shape.
 * @throws {OptionError} if an option is unknown.
 */
export async function startFrom(network: Network, path: string, options: StartFromOptions = {}): Promise<Network> {
  checkOptions("start from a checkpoint", "startFrom", options, ["learned"]);
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata["format"] !== FORMAT) {
    throw new FileError("start from a checkpoint", { where: path, got: metadata["format"] ?? "no format field", wanted: FORMAT });
  }
  const parameters: Record<string, Tensor> = {};
  for (const [name, { shape }] of Object.entries(network.parameters)) {
    const found = tensors[name];
    if (found === undefined || found.shape.join() !== shape.join()) {
      throw new FileError("start from a checkpoint", {
        where: `${path}, ${name}`,
        got: found?.shape ?? "nothing",
        wanted: `shape [${shape}]`,
      });
    }
  }
  for (const [name, found] of Object.entries(tensors)) {
    if (name.startsWith(MOMENTUM) || name.startsWith(SECOND)) continue;
    if (options.learned !== false || Object.hasOwn(network.parameters, name)) parameters[name] = found as Tensor;
  }
  return { ...network, parameters };
}
