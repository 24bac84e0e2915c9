import { assert, assertAlmostEquals, assertEquals, assertNotMatch, assertRejects, assertThrows } from "@std/assert";
import { decode } from "fast-png";
import { NumericError, OptionError, ShapeError } from "../../lib/errors.ts";
import { layoutAxis } from "../../lib/report/plot_axis.ts";
import { type BarChart, barChart } from "../../lib/report/plot_bar.ts";
import { type Heatmap, heatmap } from "../../lib/report/plot_heatmap.ts";
import { type LineChart, lineChart } from "../../lib/report/plot_line.ts";
import { paretoFront, type ScatterChart, scatterChart } from "../../lib/report/plot_scatter.ts";
import { textWidth } from "../../lib/report/plot_style.ts";
import { uniform } from "../../lib/random.ts";
import { tensor } from "../../lib/tensor.ts";

const LINES: LineChart = {
  title: "Accuracy & <error>",
  x: { label: "σ", scale: "log" },
  y: { label: "Accuracy", unit: "%" },
  series: [
    { name: "offset", points: [[0.01, 90], [0.1, 60], [1, 20]], band: [[0.01, 89, 91], [0.1, 50, 70], [1, 10, 30]] },
    { name: "balanced", points: [[0.01, 91], [1, 40]], dashed: true },
  ],
  rules: [{ axis: "y", value: 92, label: "software" }],
};
const BARS: BarChart = {
  x: { label: "Layer" },
  y: { label: "Energy", unit: "pJ" },
  categories: ["conv1", "conv2"],
  series: [{ name: "ADC", values: [4, 8] }, { name: "array", values: [4, 2] }],
};
const POINTS: ScatterChart = {
  x: { label: "Energy", scale: "log" },
  y: { label: "Accuracy" },
  series: [{ name: "a", points: [[1, 80], [10, 90], [20, 85]], titles: ["first", "second", "third"] }, { name: "b", points: [[3, 88]] }],
  front: { x: "min", y: "max" },
};
const MAP: Heatmap = {
  x: { label: "Bit line" },
  y: { label: "Word line" },
  colour: { label: "Conductance", unit: "µS" },
  values: tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
};

/** Values of an attribute in order. */
function attributes(svg: string, element: RegExp, name: string): number[] {
  return [...svg.matchAll(element)].map(([text]) => Number(text.match(new RegExp(` ${name}="([^"]*)"`))![1]));
}

/** Every tag is closed by its own. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, closing, name, , own] of svg.matchAll(/<(\/?)([a-zA-Z]+)((?: [\w:-]+="[^"<]*")*) ?(\/?)>/g)) {
    if (closing) assertEquals(open.pop(), name);
    else if (!own) open.push(name!);
  }
  assertEquals(open, []);
  assertEquals(svg.replace(/<\/?[a-zA-Z]+(?: [\w:-]+="[^"<]*")* ?\/?>/g, "").match(/[<>]|&(?!amp;|lt;|gt;|quot;|#)/), null);
}

Deno.test("every chart is a standalone, repeatable and well-formed document", async () => {
  const draws = [() => lineChart(LINES), () => barChart(BARS), () => scatterChart(POINTS), () => heatmap(MAP)];
  for (const draw of draws) {
    const svg = await draw();
    assert(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg" width="640" height="400"') && svg.endsWith("</svg>\n"));
    assertWellFormed(svg);
    assertNotMatch(svg, /NaN|undefined|Infinity|currentColor|var\(|<style|class=| id=|url\(|<script/);
    assert(svg.includes('<rect width="640" height="400" fill="#fff"/>') && svg.includes("font-family="));
    assertEquals(await draw(), svg);
  }
});

Deno.test("lineChart() shows title, labels with units, legend, band, dashes and rule, all text escaped", async () => {
  const svg = await lineChart(LINES);
  for (
    const text of [">Accuracy &amp; &lt;error&gt;<", ">σ<", ">Accuracy (%)<", ">offset<", ">balanced<", ">software<", ">0.01<", ">0.1<"]
  ) {
    assert(svg.includes(text), text);
  }
  assertEquals([...svg.matchAll(/fill-opacity="0.18"/g)].length, 1);
  // Once in the legend and once in the plot.
  assertEquals([...svg.matchAll(/stroke-dasharray="6[ ,]4"/g)].length, 2);
});

Deno.test("charts keep hostile names as text", async () => {
  const name = 'a "1.23456" <b>&</b>\u0000\u0007 currentColor ]]> \ud800', shown = "&lt;b&gt;&amp;&lt;/b&gt; currentColor ]]&gt;";
  const axis = { label: name, unit: name };
  const one = { title: name, x: axis, y: axis, rules: [{ axis: "y", value: 1, label: name }] } as const;
  const svgs = [
    await lineChart({ ...one, series: [{ name, points: [[1, 1]] }] }),
    await barChart({ ...one, x: { label: name }, categories: [name], series: [{ name, values: [1] }] }),
    await scatterChart({ x: axis, y: axis, series: [{ name, points: [[1, 1]], titles: [name] }] }),
    await heatmap({ ...MAP, title: name, colour: axis, x: { label: name, names: [name, name, name] } }),
  ];
  for (const svg of svgs) {
    assertWellFormed(svg);
    assertNotMatch(svg, /<b>|[^\P{Cc}\n]/u);
    assert(svg.isWellFormed());
    assert(svg.includes(shown) && svg.includes("1.23456"));
  }
});

Deno.test("lineChart() puts its points where the scales say", async () => {
  const svg = await lineChart(LINES), [, path] = svg.match(/stroke="#0072b2"[^>]*><path d="(M[^"]*)"/)!;
  const [a, b, c] = path!.slice(1).split("L").map((point) => point.split(",").map(Number));
  assertAlmostEquals(b![0]! - a![0]!, c![0]! - b![0]!, 0.02);
  assertAlmostEquals((b![1]! - a![1]!) / 30, (c![1]! - b![1]!) / 40, 0.01);
});

Deno.test("lineChart() takes single points and constant series, and leaves symbols out of long lines", async () => {
  const one = { x: { label: "x" }, y: { label: "y" } };
  assertNotMatch(await lineChart({ ...one, series: [{ name: "a", points: [[0, 0]] }] }), /NaN/);
  assertNotMatch(await lineChart({ ...one, series: [{ name: "a", points: [[1, 5], [2, 5]] }] }), /NaN/);
  const long = Array.from({ length: 500 }, (_, x) => [x, Math.sin(x / 50)] as const);
  const symbols = async (points: readonly (readonly [number, number])[]) =>
    [...(await lineChart({ ...one, series: [{ name: "a", points }] })).matchAll(/<circle|Z" fill="#0072b2"/g)].length;
  assertEquals([await symbols(long), await symbols(long.slice(0, 40))], [0, 41]);
});

Deno.test("lineChart() refuses what cannot be drawn", async () => {
  const series = (one: Record<string, unknown>) => ({ ...LINES, series: [{ name: "a", points: [[1, 2]], ...one }] });
  const bad: [unknown, new (...args: never[]) => Error, string][] = [
    [{ ...LINES, series: [] }, OptionError, "chart.series"],
    [series({ points: [] }), OptionError, "chart.series[0].points"],
    [series({ points: [[1, NaN]] }), NumericError, "chart.series[0].points[0][1]"],
    [series({ points: [[0, 1]] }), NumericError, "logarithmic"],
    [series({ points: [[1, 2, 3]] }), OptionError, "chart.series[0].points[0]"],
    [series({ band: [[1, 3, 2]] }), OptionError, "chart.series[0].band[0]"],
    [series({ band: [[2, 1, 2], [1, 1, 2]] }), OptionError, "chart.series[0].band[1]"],
    [series({ name: "" }), OptionError, "chart.series[0].name"],
    [series({ colour: "red" }), OptionError, "chart.series[0].colour"],
    [{ ...LINES, x: { label: "x", scale: "sqrt" } }, OptionError, "chart.x.scale"],
    [{ ...LINES, y: { label: "x", domain: [1, 0] } }, OptionError, "chart.y.domain"],
    [{ ...LINES, rules: [{ axis: "x", value: -1 }] }, NumericError, "chart.rules[0].value"],
    [{ ...LINES, rules: [{ axis: "z", value: 1 }] }, OptionError, "chart.rules[0].axis"],
    [{ ...LINES, width: 10 }, OptionError, "chart.width"],
    [{ ...LINES, size: 10 }, OptionError, "chart.size"],
  ];
  for (const [chart, error, where] of bad) await assertRejects(() => lineChart(chart as LineChart), error, where);
});

Deno.test("barChart() draws bars as long as their values, side by side and stacked", async () => {
  const rects = /<rect [^>]*>(?=<title>)/g;
  const grouped = await barChart(BARS), [a, b, c, d] = attributes(grouped, rects, "height");
  assertAlmostEquals(b! / a!, 2, 0.01);
  assertAlmostEquals(c! / a!, 1, 0.01);
  assertAlmostEquals(d! / a!, 0.5, 0.01);
  assertEquals(new Set(attributes(grouped, rects, "x")).size, 4);
  const stacked = await barChart({ ...BARS, stacked: true });
  const [low, high] = [0, 2].map((index) => ({
    y: attributes(stacked, rects, "y")[index]!,
    height: attributes(stacked, rects, "height")[index]!,
  }));
  assertAlmostEquals(high!.y + high!.height, low!.y, 0.02);
  assert(stacked.includes("conv1, ADC: 4"));
});

Deno.test("barChart() stacks negative values below 0 and slants names that do not fit", async () => {
  const svg = await barChart({ ...BARS, stacked: true, series: [{ name: "a", values: [2, -1] }, { name: "b", values: [-2, -1] }] });
  const rects = /<rect [^>]*>(?=<title>)/g, y = attributes(svg, rects, "y"), height = attributes(svg, rects, "height");
  assertAlmostEquals(y[2]!, y[0]! + height[0]!, 0.02);
  assertAlmostEquals(y[3]!, y[1]! + height[1]!, 0.02);
  assertEquals((await barChart(BARS)).includes("rotate(-35)"), false);
  const four = ["LSQ with all switches", "LSQ+ with all switches", "APoT with all switches", "PACT with all switches"];
  assert((await barChart({ ...BARS, categories: four, series: [{ name: "a", values: [1, 2, 3, 4] }] })).includes("rotate(-35)"));
  const categories = Array.from({ length: 12 }, (_, index) => `a layer of a long name ${index}`);
  assert((await barChart({ ...BARS, categories, series: [{ name: "a", values: categories.map(() => 1) }] })).includes("rotate(-35)"));
  const many = Array.from({ length: 100 }, (_, index) => `layer${index}`);
  const crowded = await barChart({ ...BARS, categories: many, series: [{ name: "a", values: many.map(() => 1) }] });
  assertEquals(many.filter((name) => crowded.includes(`>${name}<`)), many.filter((_, index) => index % 3 === 0));
});

Deno.test("barChart() refuses what cannot be drawn", async () => {
  const series = (one: Record<string, unknown>, more = {}) => ({ ...BARS, ...more, series: [{ name: "a", values: [1, 2], ...one }] });
  const bad: [unknown, new (...args: never[]) => Error, string][] = [
    [series({ values: [1] }), OptionError, "2 numbers, one per category"],
    [series({ values: [1, Infinity] }), NumericError, "chart.series[0].values[1]"],
    [series({ values: [1, 0] }, { y: { label: "y", scale: "log" } }), NumericError, "chart.series[0].values[1]"],
    [series({ errors: [0.5, 2] }, { y: { label: "y", scale: "log" } }), NumericError, "values[1] - errors[1]"],
    [series({ errors: [-1, 1] }), OptionError, "chart.series[0].errors[0]"],
    [series({ errors: [1, 1] }, { stacked: true }), OptionError, "chart.series[0].errors"],
    [series({}, { stacked: true, y: { label: "y", scale: "log" } }), OptionError, "chart.y.scale"],
    [series({}, { categories: [] }), OptionError, "chart.categories"],
    [series({}, { rules: [{ axis: "x", value: 1 }] }), OptionError, "chart.rules[0].axis"],
  ];
  for (const [chart, error, where] of bad) await assertRejects(() => barChart(chart as BarChart), error, where);
});

Deno.test("paretoFront() keeps exactly the points that none beats", () => {
  for (let run = 0; run < 40; run++) {
    const points = Array.from({ length: 30 }, (_, index) =>
      [
        Math.floor(8 * uniform(5, run, index)),
        Math.floor(8 * uniform(6, run, index)),
      ] as const);
    const direction = { x: run % 2 ? "min" : "max", y: run % 4 < 2 ? "min" : "max" } as const;
    const better = (a: number, b: number, way: string) => way === "min" ? a < b : a > b;
    const kept = points.flatMap(([x, y], index) => {
      const beaten = points.some(([ox, oy], other) => {
        const same = ox === x && oy === y;
        return same ? other < index : !better(x, ox, direction.x) && !better(y, oy, direction.y);
      });
      return beaten ? [] : [index];
    }).sort((a, b) => points[a]![0] - points[b]![0]);
    assertEquals(paretoFront(points, direction), kept);
  }
});

Deno.test("paretoFront() refuses directions and points it does not know", () => {
  assertThrows(() => paretoFront([], { x: "min", y: "min" }), OptionError, "points");
  assertThrows(() => paretoFront([[1, NaN]], { x: "min", y: "min" }), NumericError, "points[0][1]");
  assertThrows(() => paretoFront([[1, 1]], { x: "least", y: "min" } as never), OptionError, "direction.x");
});

Deno.test("scatterChart() draws every point with its title, and the front only where asked for", async () => {
  const svg = await scatterChart(POINTS), plain = await scatterChart({ ...POINTS, front: undefined } as ScatterChart);
  assert(svg.includes("<title>second</title>") && svg.includes("Pareto front"));
  assertEquals(plain.includes("Pareto front"), false);
  await assertRejects(
    () => scatterChart({ ...POINTS, series: [{ name: "a", points: [[1, 1]], titles: [] }] }),
    OptionError,
    "chart.series[0].titles",
  );
  await assertRejects(() => scatterChart({ ...POINTS, series: [{ name: "a", points: [[-1, 1]] }] }), NumericError, "logarithmic");
});

/** Pixels of the first picture embedded in a document. */
function pixelsOf(svg: string) {
  return decode(Uint8Array.fromBase64(svg.match(/base64,([^"]*)"/)![1]!));
}

Deno.test("heatmap() gives equal colours to equal values, row by row", async () => {
  const { width, height, data } = pixelsOf(await heatmap({ ...MAP, values: tensor(Float32Array.of(0, 1, 1, 0, 0.5, 1), [2, 3]) }));
  const cell = (row: number, column: number) => {
    const at = 3 * (Math.floor((row + 0.5) * height / 2) * width + Math.floor((column + 0.5) * width / 3));
    return [...data.slice(at, at + 3)];
  };
  // The ends of viridis.
  assertEquals(cell(0, 0), [68, 1, 84]);
  assertEquals(cell(0, 1), [253, 231, 37]);
  assertEquals([cell(0, 2), cell(1, 2)], [cell(0, 1), cell(0, 1)]);
  assertEquals(cell(1, 0), cell(0, 0));
});

Deno.test("heatmap() puts white at 0 where signs differ, and keeps large maps at a pixel a cell", async () => {
  const values = tensor(Float32Array.of(-1, 0, 0, 4), [1, 4]);
  const { width, data } = pixelsOf(await heatmap({ ...MAP, values }));
  const middle = 3 * Math.floor(1.5 * width / 4);
  assert(data.slice(middle, middle + 3).every((channel) => channel > 235));
  const large = pixelsOf(await heatmap({ ...MAP, values: tensor(new Float32Array(600 * 700).fill(2), [600, 700]) }));
  assertEquals([large.width, large.height], [700, 600]);
});

Deno.test("heatmap() refuses what is no matrix of numbers", async () => {
  const bad: [unknown, new (...args: never[]) => Error, string][] = [
    [{ ...MAP, values: tensor(new Float32Array(3), [3]) }, ShapeError, "map.values"],
    [{ ...MAP, values: tensor(new Float32Array(0), [0, 3]) }, ShapeError, "map.values"],
    [{ ...MAP, values: tensor(Float32Array.of(1, NaN), [1, 2]) }, NumericError, "map.values[0, 1]"],
    [{ ...MAP, values: tensor(Float32Array.of(1, 0), [1, 2]), colour: { label: "R", scale: "log" } }, NumericError, "map.values[0, 1]"],
    [{ ...MAP, x: { label: "x", names: ["a"] } }, ShapeError, "map.x.names"],
    [{ ...MAP, colours: "rainbow" }, OptionError, "map.colours"],
    [{ ...MAP, colour: { label: "R", scale: "log" }, colours: "diverging" }, OptionError, "map.colours"],
  ];
  for (const [map, error, where] of bad) await assertRejects(() => heatmap(map as Heatmap), error, where);
});

Deno.test("layoutAxis() covers its values with round ticks that do not overlap", () => {
  for (let run = 0; run < 300; run++) {
    const log = run % 2 === 1, along = run % 4 < 2, nice = run % 8 < 4, length = 100 + 600 * uniform(1, run);
    const centre = 10 ** (12 * uniform(2, run) - 6), spread = 10 ** (5 * uniform(3, run) - 2);
    const lo = log ? centre : centre * (uniform(4, run) - 0.5), hi = log ? centre * (1 + spread) : lo + centre * spread;
    const axis = layoutAxis({ label: "x", scale: log ? "log" : "linear" }, [lo, hi], { length, along, nice });
    const slack = 1e-9 * Math.abs(hi);
    assert(axis.domain[0] <= lo + slack && axis.domain[1] >= hi - slack, `${run}: ${axis.domain} holds ${lo} to ${hi}`);
    assert(axis.ticks.length >= 1, `${run}: ${lo} to ${hi} has ticks`);
    const scale = (value: number) =>
      length *
      (log
        ? Math.log(value / axis.domain[0]) / Math.log(axis.domain[1] / axis.domain[0])
        : (value - axis.domain[0]) / (axis.domain[1] - axis.domain[0]));
    axis.ticks.slice(1).forEach((tick, index) => {
      const before = axis.ticks[index]!, gap = scale(tick.at) - scale(before.at);
      assert(tick.text !== before.text, `${run}: ${tick.text} twice`);
      if (axis.ticks.length > 2) assert(gap >= (along ? (textWidth(tick.text) + textWidth(before.text)) / 2 : 14), `${run}: ${tick.text}`);
    });
  }
});

Deno.test("layoutAxis() gives whole numbers to counts and takes powers of a thousand out of extreme ones", () => {
  const along = { length: 560, along: true, nice: false };
  assertEquals(layoutAxis({ label: "bits" }, [3, 4, 6], along).ticks.map(({ text }) => text), ["3", "4", "5", "6"]);
  const tiny = layoutAxis({ label: "G", unit: "S" }, [0, 2e-5], { ...along, nice: true });
  assertEquals([tiny.label, tiny.ticks.at(-1)], ["G (10⁻⁶ S)", { at: 2e-5, text: "20" }]);
  const decades = layoutAxis({ label: "t", scale: "log" }, [1, 1e9], along);
  assertEquals(decades.ticks.map(({ text }) => text), ["10⁰", "10¹", "10²", "10³", "10⁴", "10⁵", "10⁶", "10⁷", "10⁸", "10⁹"]);
});

Deno.test("the library loads no plotting package before a picture is drawn", async () => {
  const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json", "--no-lock", new URL("../../mod.ts", import.meta.url).href] });
  const { modules } = JSON.parse(new TextDecoder().decode((await info.output()).stdout)) as { modules: { specifier: string }[] };
  assert(modules.some(({ specifier }) => specifier.endsWith("/plot_library.ts")));
  assertEquals(modules.filter(({ specifier }) => /observablehq|linkedom|plot_npm/.test(specifier)), []);
});

Deno.test("lineChart() keeps the texts of rules apart", async () => {
  const rules = [0.9, 0.89, 0.2].map((value) => ({ axis: "y", value, label: `y ${value}` }) as const);
  const svg = await lineChart({
    x: { label: "x" },
    y: { label: "y" },
    series: [{ name: "a", points: [[0, 0], [1, 1]] }],
    rules: [...rules, { axis: "x", value: 0.5, label: "x 0.5" }, { axis: "x", value: 0.51, label: "x 0.51" }],
  });
  const boxes = [...svg.matchAll(/<g([^>]*)><text([^>]*)>([xy] 0\.\d+)<\/text><\/g>/g)].map(([, group, text, label]) => {
    const [x, y] = [...`${group} ${text}`.matchAll(/translate\(([^,]*),([^)]*)\)/g)]
      .reduce(([a, b], [, dx, dy]) => [a + Number(dx), b + Number(dy)], [0, 0]);
    const width = textWidth(label!), left = /text-anchor="end"/.test(group!) ? x - width : x;
    return { label, left, right: left + width, y };
  });
  assertEquals(boxes.length, 5);
  boxes.forEach((a, index) => {
    for (const b of boxes.slice(index + 1)) {
      assert(a.right <= b.left || b.right <= a.left || Math.abs(a.y - b.y) >= 12, `${a.label} and ${b.label}`);
    }
  });
});
