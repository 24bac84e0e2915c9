import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { network } from "../../lib/network/builder.ts";
import { runFloat } from "../../lib/network/float_run.ts";
import { foldBatchNorm } from "../../lib/network/fold_batch_norm.ts";
import type { Network } from "../../lib/network/graph.ts";
import { validate } from "../../lib/network/validate.ts";
import { hash, normal } from "../../lib/random.ts";
import { tensor } from "../../lib/tensor.ts";

function randomised(net: Network): Network {
  const parameters = Object.fromEntries(
    Object.entries(net.parameters).map(([name, { data, shape }], index) => {
      const positive = name.endsWith("variance");
      return [
        name,
        tensor(new Float32Array(data.length).map((_, at) => positive ? 0.2 + Math.abs(normal(index, at)) : normal(index, at)), shape),
      ];
    }),
  );
  return { ...net, parameters };
}

Deno.test("foldBatchNorm() changes the graph, not its results", () => {
  const net = randomised(network({ name: "net", input: [6, 5, 2], encoding: { zero: 3, scale: 1 / 64 } }, (b) => {
    b.conv("conv1", { channels: 4, kernel: 3, padding: 1, groups: 2 });
    b.batchNorm("bn1");
    const skip = b.relu("relu1");
    b.conv("conv2", { channels: 4, kernel: 1, bias: false });
    b.batchNorm("bn2");
    b.add("add", { from: ["bn2", skip] });
    b.batchNorm("bn3"); // reads a sum: stays
    b.flatten("flatten");
    b.linear("fc", { features: 3 });
    b.batchNorm("bn4");
  }));
  const folded = foldBatchNorm(net);
  validate(folded);
  assertEquals(folded.layers.filter(({ op }) => op === "batchNorm").map(({ name }) => name), ["bn3"]);
  const images = tensor(new Uint8Array(3 * 60).map((_, at) => hash(at) & 255), [3, 6, 5, 2]);
  const [a, b] = [runFloat(net, images).logits.data, runFloat(folded, images).logits.data];
  const largest = Math.max(...a.map(Math.abs));
  a.forEach((value, at) => assertAlmostEquals(value / largest, b[at]! / largest, 1e-5));
});

Deno.test("foldBatchNorm() leaves a layer alone that others read too", () => {
  const net = randomised(network({ name: "net", input: [4, 4, 2], encoding: { zero: 0, scale: 1 } }, (b) => {
    const conv = b.conv("conv", { channels: 2, kernel: 1 });
    const bn = b.batchNorm("bn");
    b.add("add", { from: [bn, conv] });
    b.flatten("flatten");
    b.linear("fc", { features: 2 });
  }));
  assert(foldBatchNorm(net).layers.some(({ op }) => op === "batchNorm"));
});
