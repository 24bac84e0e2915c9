// Histograms in reports: column sums against the range of the converter, accuracies of chips.

import { layoutAxis } from "./plot_axis.ts";
import { drawChart } from "./plot_frame.ts";
import { type Rule, ruleLine, ruleTexts } from "./plot_rules.ts";
import { colourOf } from "./plot_style.ts";

/** A histogram whose bars touch. */
export interface HistogramChart {
  /** Line above. */
  readonly title: string;
  /** What is counted. */
  readonly x: string;
  /** What the heights are. */
  readonly y: string;
  /** Borders of the bins, ascending, one more than heights. */
  readonly edges: readonly number[];
  /** Height of each bin. */
  readonly heights: readonly number[];
  /** Dashed lines across. */
  readonly rules: readonly Rule[];
}

/** Draws a histogram as a standalone SVG document. */
export function histogramChart({ title, x, y, edges, heights, rules }: HistogramChart): Promise<string> {
  return drawChart({
    title,
    width: 540,
    height: 300,
    legend: [],
    axes: (width, height) => ({
      x: layoutAxis({ label: x }, [edges[0]!, edges.at(-1)!, ...rules.map(({ value }) => value)], {
        length: width,
        along: true,
        nice: false,
      }),
      y: layoutAxis({ label: y }, heights, { length: height, along: false, nice: true, zero: true }),
    }),
    marks: (axes) => [
      ...heights.flatMap((height, bin) => {
        const [x1, x2] = [edges[bin]!, edges[bin + 1]!], text = `${short(x1)} … ${short(x2)}: ${short(height)}`;
        const options = { x1, x2, y1: 0, y2: height, fill: colourOf(0), insetLeft: 0.25, insetRight: 0.25, title: () => text };
        return height === 0 ? [] : [{ kind: "rect", data: [bin], options } as const];
      }),
      ...rules.map(ruleLine),
      ...ruleTexts(rules, axes),
    ],
  });
}

/** Counts of consecutive integers from `min` on, joined to at most `most` bins of equal width; empty ends are left out. */
export function binIntegers(min: number, counts: ArrayLike<number>, most = 64): { readonly edges: number[]; readonly heights: number[] } {
  let first = 0, last = counts.length - 1;
  while (first < last && counts[first] === 0) first++;
  while (last > first && counts[last] === 0) last--;
  const width = Math.max(1, Math.ceil((last - first + 1) / most)), bins = Math.ceil((last - first + 1) / width);
  const heights = new Array<number>(bins).fill(0);
  for (let at = first; at <= last; at++) heights[Math.floor((at - first) / width)]! += counts[at]!;
  return { edges: Array.from({ length: bins + 1 }, (_, bin) => min + first + bin * width - 0.5), heights };
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
