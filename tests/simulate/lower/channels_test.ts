import { assert, assertEquals } from "@std/assert";
import { type Builder, network } from "../../../lib/network/builder.ts";
import type { Network } from "../../../lib/network/graph.ts";
import { shuffled } from "../../../lib/network/shapes.ts";
import { shufflenetV2 } from "../../../lib/network/zoo/shufflenet_v2.ts";
import { dorefa } from "../../../lib/quantize/dorefa.ts";
import { pact } from "../../../lib/quantize/pact.ts";
import { quantize } from "../../../lib/quantize/quantize.ts";
import { lowerQuantized } from "../../../lib/simulate/lower/lower.ts";
import { uniform } from "../../../lib/quantize/uniform.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { tensor } from "../../../lib/tensor.ts";
import { randomImages } from "../random_program.ts";

async function logits(net: Network): Promise<Float32Array> {
  const program = lowerQuantized(quantize(net, { weights: uniform({ bits: 4 }), activations: pact({ bits: 4, alpha: 2 }) }));
  await using session = await referenceBackend().prepare(program);
  return (await session.run(randomImages(4, program, 2))).output.data;
}

/** A network that does something to six channels of codes, or of reals, before its second convolution. */
function net(real: boolean, change: (b: Builder) => void, parameters?: Network["parameters"]): Network {
  const options = { name: "test", input: [6, 5, 3], encoding: { zero: 121, scale: 1 / 63 }, seed: 3 } as const;
  return network(parameters === undefined ? options : { ...options, parameters }, (b) => {
    b.conv("conv1", { channels: 6, kernel: 3, padding: 1 });
    if (!real) b.relu("relu1");
    change(b);
    b.conv("conv2", { channels: 4, kernel: 3, padding: 1 });
    b.relu("relu2");
    b.globalAveragePool("pool");
    b.linear("fc", { features: 3 });
  });
}

/** Weights `[4, 6, 3, 3]` with input channel `to(c)` holding what channel c of `from` (of `depth` channels) holds, others 0. */
function spread(from: Float32Array, depth: number, to: (channel: number) => number): Float32Array {
  const weights = new Float32Array(4 * 6 * 9);
  for (let out = 0; out < 4; out++) {
    for (let c = 0; c < depth; c++) weights.set(from.subarray((out * depth + c) * 9, (out * depth + c + 1) * 9), (out * 6 + to(c)) * 9);
  }
  return weights;
}

/** The network without the change, its second convolution reading the same channels from where they were. */
function unchanged(real: boolean, changed: Network, depth: number, to: (channel: number) => number): Network {
  const weight = tensor(spread(changed.parameters["conv2.weight"]!.data, depth, to), [4, 6, 3, 3]);
  return net(real, () => {}, { ...changed.parameters, "conv2.weight": weight });
}

for (const real of [false, true]) {
  Deno.test(`lowerQuantized() shuffles and slices channels of ${real ? "reals" : "codes"}`, async () => {
    const mixed = net(real, (b) => void b.shuffle("shuffle", { groups: 2 }));
    const found = await logits(mixed);
    assert(new Set(found).size > 3);
    assertEquals(found, await logits(unchanged(real, mixed, 6, (channel) => shuffled(channel, 6, 2))));
    const part = net(real, (b) => void b.slice("slice", { first: 2, channels: 3 }));
    assertEquals(await logits(part), await logits(unchanged(real, part, 3, (channel) => 2 + channel)));
  });
}

Deno.test("lowerQuantized() keeps codes through the shuffles and slices of ShuffleNetV2", () => {
  const { steps, values } = lowerQuantized(
    quantize(shufflenetV2({ width: 0.5, image: 32, classes: 4 }), { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) }),
  );
  const exact = steps.flatMap((step) => step.op === "integer" ? [values[step.output]!.name] : []);
  // The first 1×1 convolution of every unit that keeps its shape reads a slice of a shuffle.
  assertEquals(exact.filter((name) => name.endsWith("conv1") && name.includes("branch2") && !name.includes(".0.")).length, 13);
});
