import { assertEquals } from "@std/assert";
import type { AdcTable } from "../../../lib/simulate/program.ts";
import { converterForm } from "../../../lib/simulate/webgpu/adc.ts";

function table(min: number, max: number, code: (d: number) => number): AdcTable {
  return { min, max, codes: Int32Array.from({ length: max - min + 1 }, (_, index) => code(index + min)) };
}

function apply(source: AdcTable, d: number): number {
  const { kind, mul, add, shift, top, gain, offset } = converterForm(source);
  if (kind === "clip") return Math.min(d, top);
  if (kind === "clamp") return Math.min(Math.max(d, add), top);
  if (kind === "linear") return Math.min(Math.max((Math.imul(d, mul) + add) >> shift, 0), top) * gain + offset;
  return source.codes[d - offset]!;
}

Deno.test("converterForm() recognises clips and clamps", () => {
  assertEquals(converterForm(table(0, 128, (d) => Math.min(d, 31))).kind, "clip");
  assertEquals(converterForm(table(-9, 128, (d) => Math.min(Math.max(d, 0), 31))).kind, "clamp");
});

Deno.test("converterForm() fits a line where there is one, and always equals its table", () => {
  const line = (step: number, top: number, gain = 1) => (d: number) => gain * Math.min(Math.max(Math.floor(d / step + 0.5), 0), top);
  for (
    const [source, kind] of [
      [table(0, 128, line(2, 63)), "linear"],
      [table(-128, 128, line(2.37, 30)), "linear"],
      [table(-500, 1900, line(37.123, 31, 3)), "linear"],
      [table(0, 128, line(0.5, 200)), "linear"],
      [table(0, 128, (d) => Math.round(Math.sqrt(d))), "table"],
      [table(0, 128, (d) => d * 7919 % 64), "table"],
      [table(0, 0, () => 5), "clamp"],
      [table(-3, 3, (d) => d < 1 ? -4 : 6), "linear"],
    ] as const
  ) {
    assertEquals(converterForm(source).kind, kind);
    for (let d = source.min; d <= source.max; d++) assertEquals(apply(source, d), source.codes[d - source.min]!);
  }
});
