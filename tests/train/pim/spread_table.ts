// Prints spread and correlation of a layer on arrays against the plain one, for every scheme and 3 to 8 bits, as a table for the documents.

import { PIM_SCHEMES } from "../../../lib/train/pim/options.ts";
import { compare, gaussianLayer, pimRecipe, withPim } from "./networks.ts";

const { net, pixels } = gaussianLayer(576, 64, 1.95, 1.35), batch = 64, images = pixels(batch);

function forward(pim: Parameters<typeof pimRecipe>[0]): Promise<Float32Array> {
  return withPim(net, pimRecipe(pim, { batch, activations: { bits: 4, alpha: 1.95 } }), async (graph) => {
    await graph.prepare(false);
    graph.forward(images, false);
    return graph.output("fc").data;
  });
}

const exact = await forward(null), widths = [3, 4, 5, 6, 7, 8];
console.log(`| scheme | ${widths.join(" | ")} |\n| --- | ${widths.map(() => "---").join(" | ")} |`);
for (const [scheme, digitBits] of [...PIM_SCHEMES.map((scheme) => [scheme, 4] as const), ["bit-serial", 1] as const]) {
  const cells: string[] = [];
  for (const adcBits of widths) {
    const found = await forward({ scheme, digitBits, adcBits, rows: 144, range: "max", layers: ["fc"], eta: 1 });
    const { ratio, correlation } = compare(found, exact);
    cells.push(ratio === 0 ? "0 / –" : `${ratio.toFixed(2)} / ${correlation.toFixed(2)}`);
  }
  console.log(`| ${scheme}, m = ${digitBits} | ${cells.join(" | ")} |`);
}
