import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { parseHTML } from "linkedom";
import { OptionError } from "../../lib/errors.ts";
import { htmlReport } from "../../lib/report/html.ts";
import { settings } from "../../lib/report/html_configuration.ts";
import { binIntegers } from "../../lib/report/html_histogram.ts";
import { parseResult, toJson } from "../../lib/report/json.ts";
import { hash } from "../../lib/random.ts";
import { byHand, simulated } from "./result.ts";

/** What is looked at of a parsed element. */
interface Element {
  readonly textContent: string;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
}

function parse(html: string): { one(selector: string): Element; all(selector: string): Element[] } {
  const { document } = parseHTML(html) as unknown as { document: Element };
  const one = (selector: string) =>
    document.querySelector(selector) ?? ((): never => {
      throw new Error(`no ${selector}`);
    })();
  return { one, all: (selector) => [...document.querySelectorAll(selector)] };
}

/** Every tag is closed by its own; a few have no end. */
function assertBalanced(html: string): void {
  const open: string[] = [], body = html.replace(/^<!DOCTYPE html>/, "").replace(/<(script|style)\b[^>]*>[^]*?<\/\1>/g, "");
  for (const [, closing, name, , own] of body.matchAll(/<(\/?)([a-zA-Z0-9]+)((?: [\w:-]+(?:="[^"<]*")?)*) ?(\/?)>/g)) {
    if (closing) assertEquals(open.pop(), name);
    else if (!own) open.push(name!);
  }
  assertEquals(open, []);
  assertEquals(body.replace(/<\/?[a-zA-Z0-9]+(?: [\w:-]+(?:="[^"<]*")?)* ?\/?>/g, "").match(/[<>]|&(?!amp;|lt;|gt;|quot;|#)/), null);
}

Deno.test("htmlReport() is one whole document that loads nothing, the same each time", async () => {
  const html = await htmlReport(byHand), page = parse(html);
  assert(html.startsWith("<!DOCTYPE html>") && html.endsWith("</html>\n"));
  assertBalanced(html);
  assertEquals(html.match(/https?:\/\/(?!www\.w3\.org\/2000\/svg")/g), null);
  assertEquals(page.all("link, iframe, object, embed, script[src], img:not([src^='data:'])").length, 0);
  assertMatch(page.one("meta[http-equiv]").getAttribute("content")!, /^default-src 'none';/);
  assertEquals(html.replace(/<script>[^]*/, "").match(/NaN|undefined|\[object/g), null);
  assertEquals(await htmlReport(byHand), html);
});

Deno.test("htmlReport() escapes every name", async () => {
  const html = await htmlReport(byHand, { title: `<img src=x onerror="alert(1)">` }), page = parse(html);
  assertEquals(page.all("script").length, 2);
  assertEquals(page.all("img, b, i").length, 0);
  assertEquals(page.one("h1").textContent, `<img src=x onerror="alert(1)">`);
  assertStringIncludes(page.one("header p").textContent, byHand.network);
  assertStringIncludes(page.one("#layers tbody th").textContent, "conv1<i>");
});

Deno.test("htmlReport() tells accuracy with its spread, every layer, and every setting", async () => {
  const page = parse(await htmlReport(byHand)), texts = (selector: string) => page.all(selector).map(({ textContent }) => textContent);
  const accuracy = new Map(
    page.all("#accuracy tbody tr").map((row) => [
      row.querySelector("th")!.textContent,
      [...row.querySelectorAll("td")].map(({ textContent }) => textContent),
    ]),
  );
  assertEquals(accuracy.get("crossbar")!.slice(0, 2), ["65.63 %", "−21.88"]);
  assertEquals(accuracy.get("standard deviation")![0], "11.97 %");
  assertEquals(accuracy.get("percentile 50")![0], "68.75 %");
  assertEquals(accuracy.get("worst chip")![0], "50.00 %");
  assertEquals(page.all("#accuracy svg").length, 1);
  assertEquals(texts("#layers tbody tr").length, 3);
  assertEquals(texts("#layers tbody tr:nth-child(2) td").slice(-3), ["1", "0.000 %", "exact"]);
  assertEquals(page.all("#layers tbody tr td:nth-child(7)").map((cell) => cell.getAttribute("data-by")), ["1000", "200", "100"]);
  assertStringIncludes(page.one("#converters p").textContent, "conv2");
  assertEquals(page.all("#converters svg").length, 2);
  const shown = new Map(
    page.all("#configuration tbody tr").map((row) => [row.querySelector("th")!.textContent, row.querySelector("td")!.textContent]),
  );
  assertEquals([shown.get("adc.range"), shown.get("weightBits"), shown.get("rows")], ["-16, 15.5", "4: conv1, conv2, fc", "128"]);
  assertEquals(page.all("#estimate, #placement, #cells").length, 0);
});

Deno.test("htmlReport() shows estimate, floorplan, placements and column sums where there are any", async () => {
  const { result, mapped, sums } = await simulated();
  const html = await htmlReport(result, { mapped, sums }), page = parse(html), layers = result.layers.length;
  assertBalanced(html);
  assertEquals(page.all("#summary dt").length, 8);
  assertEquals(page.all("#estimate figure").length, 4);
  assertEquals(
    page.all("#estimate table")[0]!.querySelectorAll("tbody tr") && page.all("#estimate table:first-of-type tbody tr").length > 0,
    true,
  );
  assertEquals(page.all("#placement details").length, layers);
  assertMatch(page.one("#placement svg").textContent, /conv2: array \d+ of \d+, vw-sdk/);
  const drawn = page.all("#converters svg > title").map(({ textContent }) => textContent);
  assertEquals(drawn.filter((title) => title.startsWith("Column sums")).length, layers);
  const without = parse(await htmlReport(byHand));
  assertEquals(without.all("#estimate, #placement").length, 0);
});

Deno.test("htmlReport() holds its result as JSON", async () => {
  const stored = parse(await htmlReport(byHand)).one("#result").textContent;
  assertEquals(stored.includes("<"), false);
  assertEquals(toJson(parseResult(stored)), toJson(byHand));
});

Deno.test("htmlReport() refuses options it does not know", async () => {
  await assertRejects(() => htmlReport(byHand, { titel: "x" } as never), OptionError, "htmlReport.titel");
  await assertRejects(() => htmlReport(byHand, { mapped: {} as never }), OptionError, "htmlReport.mapped");
  await assertRejects(() => htmlReport(byHand, { title: 3 as never }), OptionError, "htmlReport.title");
});

Deno.test("binIntegers() keeps every count, in bins of equal width", () => {
  for (let run = 0; run < 50; run++) {
    const counts = Array.from(
      { length: 1 + hash(1, run) % 300 },
      (_, index) => hash(2, run, index) % 3 === 0 ? hash(3, run, index) % 9 : 0,
    );
    const { edges, heights } = binIntegers(-20, counts, 16), total = (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0);
    assert(heights.length <= 16 && edges.length === heights.length + 1);
    assertEquals(total(heights), total(counts));
    const width = edges[1]! - edges[0]!;
    edges.forEach((edge, index) => assertEquals(edge, edges[0]! + index * width));
    heights.forEach((height, bin) => {
      const inside = counts.filter((_, index) => index - 20 > edges[bin]! && index - 20 < edges[bin + 1]!);
      assertEquals(height, total(inside));
    });
  }
});

Deno.test("settings() flattens plain data to a line a setting", () => {
  assertEquals(settings({ a: 1, b: { c: true, d: [] }, e: { x: 1, y: 2, z: 1 }, f: [{ g: "t" }], h: undefined, i: null }), [
    ["a", "1"],
    ["b.c", "yes"],
    ["b.d", "none"],
    ["e", "x 1, y 2, z 1"],
    ["f.0.g", "t"],
    ["i", "null"],
  ]);
});
