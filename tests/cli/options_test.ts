import { assert, assertEquals, assertThrows } from "@std/assert";
import { helpText, parseOptions } from "../../lib/cli/options.ts";
import { OptionError } from "../../lib/errors.ts";

const command = {
  title: "Does something.",
  usage: "something.ts [options]",
  options: {
    width: { type: "number", default: 0.25, help: "channel multiplier", least: 0 },
    epochs: { type: "number", default: 30, help: "passes", integer: true, least: 1 },
    limit: { type: "number", help: "images", integer: true, least: 1 },
    backend: { type: "string", choices: ["cpu", "webgpu"], help: "where to run" },
    range: { type: "string", choices: ["full", "fixed"], default: "full", help: "ADC range" },
    data: { type: "string", help: "folder" },
    colour: { type: "boolean", default: true, help: "no colours" },
    json: { type: "boolean", help: "print JSON" },
  },
} as const;

Deno.test("parseOptions() fills in defaults and types values", () => {
  const values = parseOptions([], command);
  const width: number = values.width, limit: number | undefined = values.limit, backend: "cpu" | "webgpu" | undefined = values.backend;
  const range: "full" | "fixed" = values.range, json: boolean = values.json, data: string | undefined = values.data;
  assertEquals([width, limit, backend, range, json, data], [0.25, undefined, undefined, "full", false, undefined]);
  assertEquals(values, {
    width: 0.25,
    epochs: 30,
    limit: undefined,
    backend: undefined,
    range: "full",
    data: undefined,
    colour: true,
    json: false,
    help: false,
  });
});

Deno.test("parseOptions() reads both spellings of a value, and booleans", () => {
  const values = parseOptions(["--width=1", "--epochs", "3", "--json", "--no-colour", "--data", "a b", "--backend", "webgpu"], command);
  assertEquals([values.width, values.epochs, values.json, values.colour, values.data, values.backend], [
    1,
    3,
    true,
    false,
    "a b",
    "webgpu",
  ]);
});

const wrong: [string[], string][] = [
  [["--widht", "1"], "--widht"],
  [["-w"], "-w"],
  [["stray"], "stray"],
  [["--no-json2"], "--no-json2"],
  [["--width"], "no value"],
  [["--width", "--json"], "no value"],
  [["--width", "wide"], '"wide"'],
  [["--width=-1"], "at least 0"],
  [["--epochs", "1.5"], "an integer"],
  [["--epochs", "NaN"], "an integer"],
  [["--backend", "tpu"], "cpu, webgpu"],
  [["--data="], "no value"],
];
for (const [args, message] of wrong) {
  Deno.test(`parseOptions() refuses ${args.join(" ")}`, () => {
    assertThrows(() => parseOptions(args, command), OptionError, message);
  });
}

Deno.test("parseOptions() lets --help win", () => {
  assert(parseOptions(["--help"], command).help);
  assert(parseOptions(["--epochs", "no", "-h"], command).help);
});

Deno.test("helpText() lists every option with its default", () => {
  const text = helpText(command);
  for (const name of Object.keys(command.options)) assert(text.includes(name === "colour" ? "--no-colour" : `--${name}`), name);
  assert(text.includes("(default 0.25)") && text.includes("cpu|webgpu") && text.includes("--help"));
});
