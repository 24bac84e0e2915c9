// Rules: a baseline, a limit, the device that was measured; dashed lines across a chart, with texts that keep clear of each other.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { Axis } from "./plot_axis.ts";
import type { Mark } from "./plot_library.ts";
import { checkNumber, checkText, TEXT, textWidth } from "./plot_style.ts";

/** A line across the chart at one value. */
export interface Rule {
  /** Axis the value is on. */
  readonly axis: "x" | "y";
  /** Where the line is. */
  readonly value: number;
  /** Text at the line; none by default. */
  readonly label?: string;
}

/** The line of a rule. */
export function ruleLine({ axis, value }: Rule): Mark {
  return { kind: axis === "x" ? "ruleX" : "ruleY", data: [value], options: { stroke: "#666", strokeDasharray: "2 3", strokeWidth: 1.5 } };
}

/**
 * Texts of rules: of horizontal lines at the right end, of vertical ones at the top (at the bottom where horizontal lines are near the top) on
 * the side that has room. Those of lines close to each other stand side by side, or below each other.
 */
export function ruleTexts(rules: readonly Rule[], axes: { readonly x: Axis; readonly y: Axis }): Mark[] {
  const style = { fill: "#333", stroke: "#fff", strokeWidth: 4, fontSize: TEXT };
  const labelled = rules.filter(({ label }) => label !== undefined).map(({ axis, value, label }) => {
    const { type, domain: [lo, hi] } = axes[axis], scale = type === "log" ? Math.log : (number: number) => number;
    return { axis, value, label: label!, place: (scale(value) - scale(lo)) / (scale(hi) - scale(lo)) };
  });
  const across = labelled.filter(({ axis }) => axis === "y"), down = labelled.filter(({ axis }) => axis === "x");
  const bottom = across.some(({ place }) => place > 0.7);
  return [
    ...across.map(({ value, label, place }, index): Mark => {
      const near = across.slice(0, index).filter((other) => Math.abs(other.place - place) < 0.1);
      const dx = near.reduce((sum, other) => sum - textWidth(other.label) - 12, -4);
      const options = { ...style, text: () => label, y: value, frameAnchor: "right", textAnchor: "end", dx, dy: place > 0.95 ? 9 : -8 };
      return { kind: "text", data: [value], options };
    }),
    ...down.map(({ value, label, place }, index): Mark => {
      const side = place > 0.6 ? { textAnchor: "end", dx: -5 } : { textAnchor: "start", dx: 5 };
      const end = bottom ? { frameAnchor: "bottom", dy: -8 - 16 * index } : { frameAnchor: "top", dy: 8 + 16 * index };
      return { kind: "text", data: [value], options: { ...style, ...side, ...end, text: () => label, x: value } };
    }),
  ];
}

/** Refuses rules that make no sense. */
export function checkRules(action: string, rules: readonly Rule[], [xLog, yLog]: readonly [boolean, boolean]): void {
  if (!Array.isArray(rules)) throw new OptionError(action, { where: "chart.rules", got: rules, wanted: "a list of rules" });
  rules.forEach((rule: Rule, index) => {
    const where = `chart.rules[${index}]`;
    checkOptions(action, where, rule, ["axis", "value", "label"]);
    if (rule.axis !== "x" && rule.axis !== "y") {
      throw new OptionError(action, { where: `${where}.axis`, got: rule.axis, wanted: '"x" or "y"' });
    }
    checkNumber(action, `${where}.value`, rule.value, rule.axis === "x" ? xLog : yLog);
    if (rule.label !== undefined) checkText(action, `${where}.label`, rule.label);
  });
}
