// Second derivatives against the exact Hessian's diagonal, by forward-over-reverse automatic differentiation in an independent implementation.

import { assert, assertAlmostEquals } from "@std/assert";
import type { Array as JaxArray } from "@jax-js/jax";
import { secondDerivatives } from "../../lib/program/second_derivatives.ts";
import { data, net } from "./derivative_nets.ts";

/** Rank correlation (Spearman), ties aside. */
function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const ranks = (values: ArrayLike<number>) => {
    const order = Array.from(values, (_, at) => at).sort((x, y) => values[x]! - values[y]!), places = new Float64Array(values.length);
    order.forEach((at, place) => places[at] = place);
    return places;
  };
  const [x, y] = [ranks(a), ranks(b)], middle = (x.length - 1) / 2;
  let both = 0, square = 0;
  for (let at = 0; at < x.length; at++) {
    both += (x[at]! - middle) * (y[at]! - middle);
    square += (x[at]! - middle) ** 2;
  }
  return both / square;
}

Deno.test("secondDerivatives() equal the exact Hessian's diagonal in the last layer and rank the weights before it alike", async () => {
  const jax = await import("@jax-js/jax");
  await jax.init("cpu");
  jax.defaultDevice("cpu");
  const { grad, jvp, nn, numpy } = jax;
  const images = 24, sizes = [6, 8, 5, 4] as const;
  const small = net([1, 1, 6], (b) => {
    b.linear("fc1", { features: sizes[1] });
    b.relu("relu1");
    b.linear("fc2", { features: sizes[2] });
    b.relu("relu2");
    b.linear("fc3", { features: sizes[3] });
  });
  const set = data([1, 1, 6], images, 4);
  const pixels = Float32Array.from(set.images.data, (pixel) => pixel / 255);
  const wanted = Float32Array.from({ length: images * 4 }, (_, at) => set.labels[Math.floor(at / 4)] === at % 4 ? 1 : 0);
  const constant = (name: string) =>
    numpy.array(new Float32Array(small.parameters[name]!.data)).reshape([...small.parameters[name]!.shape]);
  const { second } = await secondDerivatives(small, set);
  for (const layer of [1, 2, 3] as const) {
    const name = `fc${layer}.weight`, rows = sizes[layer], columns = sizes[layer - 1]!;
    const loss = (weights: JaxArray): JaxArray => {
      let x = numpy.array(pixels).reshape([images, 6]);
      for (const each of [1, 2, 3] as const) {
        const w = each === layer ? weights.ref : constant(`fc${each}.weight`);
        x = numpy.matmul(x, w.transpose()).add(constant(`fc${each}.bias`));
        if (each < 3) x = nn.relu(x);
      }
      return nn.logSoftmax(x).mul(numpy.array(wanted).reshape([images, 4])).sum().mul(-1);
    };
    const exact = new Float32Array(rows * columns);
    for (let at = 0; at < exact.length; at++) {
      const direction = new Float32Array(exact.length);
      direction[at] = 1;
      const [gradient, change] = jvp(grad(loss), [constant(name)], [numpy.array(direction).reshape([rows, columns])]) as [
        JaxArray,
        JaxArray,
      ];
      gradient.dispose();
      exact[at] = (await change.data() as Float32Array)[at]!;
    }
    const ours = second[name]!.data, largest = Math.max(...exact);
    if (layer === 3) ours.forEach((value, at) => assertAlmostEquals(value / largest, exact[at]! / largest, 1e-4, `${name}[${at}]`));
    else {
      // Cross terms between the classes are left out, so that sizes differ; the order is what a selection needs.
      const correlation = rankCorrelation(ours, exact);
      assert(correlation > 0.8, `${name}: rank correlation ${correlation}`);
    }
  }
});
