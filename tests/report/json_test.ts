import { assertEquals, assertThrows } from "@std/assert";
import type { ResolvedAdc } from "../../lib/circuit/adc.ts";
import { FileError, OptionError } from "../../lib/errors.ts";
import { parseResult, RESULT_SCHEMA, toJson } from "../../lib/report/json.ts";
import { byHand, simulated } from "./result.ts";

const text = () => JSON.parse(JSON.stringify(toJson(byHand)));

Deno.test("toJson() and parseResult() give back every field, numbers JSON lacks among them", () => {
  const back = parseResult(JSON.stringify(toJson(byHand)));
  assertEquals([back.kind, back.imagesPerSecond, toJson(byHand).schema], ["result", Infinity, RESULT_SCHEMA]);
  assertEquals((back.converters["conv1<i>"] as ResolvedAdc).thresholds, [-Infinity, 0, 1]);
  assertEquals(back.table(), byHand.table());
  assertEquals(
    { ...back, table: 0 },
    JSON.parse(JSON.stringify({ ...byHand, table: 0 }), (key, value) => {
      return key === "imagesPerSecond" ? Infinity : key === "thresholds" ? [-Infinity, 0, 1] : value;
    }),
  );
});

Deno.test("toJson() and parseResult() keep a real run and its estimate", async () => {
  const { result } = await simulated(), back = parseResult(JSON.stringify(toJson(result)));
  assertEquals(back.table(), result.table());
  assertEquals(back.estimate!.table(), result.estimate!.table());
  assertEquals(back.layers, result.layers);
});

Deno.test("parseResult() refuses what is not such a file, with the path", () => {
  const change = (path: string, value: unknown) => {
    const file = text(), names = path.split("."), last = names.pop()!;
    const place = names.reduce((at, name) => at[name], file);
    if (value === undefined) delete place[last];
    else place[last] = value;
    return file;
  };
  const cases: [unknown, string][] = [
    ["{", "JSON"],
    ["null", "(result)"],
    [[], "(result)"],
    [change("schema", undefined), "schema"],
    [change("schema", "bitline result 2"), "another version"],
    [change("cycles", undefined), "result.cycles"],
    [change("cycles", "many"), "result.cycles"],
    [change("cycle", 3), "result.cycle"],
    [change("toString", 3), "result.toString"],
    [change("accuracy.crossbar", 65), "result.accuracy.crossbar"],
    [change("layers.1.arrays", null), "result.layers[1].arrays"],
    [change("layers.0.adc.step", undefined), "result.layers[0].adc.step"],
    [change("monteCarlo.samples.accuracy.2", "x"), "result.monteCarlo.samples.accuracy[2]"],
    [change("estimate", {}), "result.estimate.chip"],
    [change("backend", "cpu"), "result.backend"],
  ];
  for (const [file, where] of cases) assertThrows(() => parseResult(file), FileError, where);
});

Deno.test("toJson() refuses what is not data", () => {
  assertThrows(() => toJson({ ...byHand, configuration: { adc: () => 0 } }), OptionError, "result.configuration.adc");
  assertThrows(() => toJson(byHand, { estimates: 0 } as never), OptionError, "toJson.estimates");
});
