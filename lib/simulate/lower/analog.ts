// A layer on a programmed chip as analog steps: cells as they stand, the converters in fixed point, and the real scale of the integer that comes out.

import type { ResolvedAdc } from "../../circuit/adc.ts";
import { NumericError } from "../../errors.ts";
import { columnLayout } from "../../map/layout.ts";
import type { MappedLayer } from "../../map/mapped.ts";
import { type ArrayCells, arrayCells } from "../../program/array_cells.ts";
import type { LayerPhysics } from "../../program/options.ts";
import { isIdeal, lowestStates } from "../../program/program.ts";
import { hash } from "../../random.ts";
import { elements } from "../../tensor.ts";
import type { AnalogStep, ScatterPart, Step } from "../program.ts";
import { rowsOf } from "../reference/crossbar.ts";
import { type AnalogUnit, analogUnits } from "./analog_units.ts";
import { type ArrayPlan, checkUnit, digitWeight, tabulate } from "./crossbar.ts";
import { firstCode, type FixedPoint, fixedPoint } from "./fixed_point.ts";
import { type LayerLowered, type LayerPlan, type LayerTarget, startOf } from "./placed.ts";

/** A layer on one chip. */
export interface ChipLayer {
  /** The layer as placed. */
  readonly layer: MappedLayer;
  /** Its cells and wires. */
  readonly physics: LayerPhysics;
  /** Number of the layer among those on arrays. */
  readonly number: number;
  /** Seed of the chip. */
  readonly seed: number;
  /** Seed of all noise that is drawn anew at each conversion. */
  readonly noiseSeed: number;
  /** Cells of its arrays, where they were made before. */
  readonly cells?: readonly ArrayCells[];
}

/** Whether integers do not tell the whole story of a layer: its cells or wires are real, or its converters noisy, unlike or one for each slice. */
export function isAnalog({ layer, physics }: ChipLayer, adc: ResolvedAdc, digitBits = 1): boolean {
  return !isIdeal(physics, layer.sliced, digitBits) || (adc.noise ?? 0) > 0 || adc.columns !== undefined || adc.slices !== undefined;
}

/** Integer factors of a layer's sums. */
interface AnalogFactors {
  /** `[lines]`: of codes. */
  readonly lines: readonly number[];
  /** Of Σ x, for the correction of the decomposition. */
  readonly inputs: number;
  /** Of Σ x over all rows of a step, for the lowest state of cells from which nothing is subtracted. */
  readonly lowest: number;
  /** Real sum per unit. */
  readonly gain: number;
  /** Real sum at 0, where it is the same for all outputs. */
  readonly constant: number;
  /** Start of each output, where it is not. */
  readonly bias?: Int32Array;
}

/** Steps of a layer before their numbers in a program are known. */
interface Prepared {
  readonly unit: AnalogUnit;
  readonly fixed: FixedPoint;
}

/**
 * Lowers a layer of a programmed chip.
 *
 * The current of a lowest state that nothing subtracts passes through the converter and is then taken out digitally, gMin · top / (1 − gMin) · Σ x.
 *
 * @param plan The same layer on ideal cells.
 * @throws {NumericError} if sums could leave 32 bits, wires cannot be solved, or the converter is made for other cells.
 */
export function lowerAnalog(plan: LayerPlan, chip: ChipLayer, adc: ResolvedAdc, target: LayerTarget): LayerLowered {
  checkUnit(plan, adc);
  const { layer, physics, number, seed } = chip, { sliced } = layer, { inputBits, digitBits, sliceWeights, geometry } = plan;
  const digitMax = 2 ** Math.min(digitBits, inputBits) - 1, lines = sliceWeights.length;
  const adcs = Array.from({ length: lines }, (_, line) => adc.slices?.[line] ?? adc);
  const shared = {
    name: plan.name,
    adcs,
    digitMax,
    chip: { seed, layer: number },
    layout: columnLayout(sliced),
    widths: layer.arrays.map(({ physicalColumns }) => physicalColumns),
  };
  const units = analogUnits(layer, (array) => chip.cells?.[array] ?? arrayCells(layer, physics, { seed, layer: number, array }, digitMax));
  const prepared = units.map((unit, index): Prepared => {
    return { unit, fixed: fixedPoint(unit, { ...shared, key: hash(chip.noiseSeed, seed, number, index) }) };
  });
  const lowest = -lowestStates(physics, sliced).reduce((sum, level, line) => sum + level * sliceWeights[line]!, 0);
  const factors = factorsOf(plan, prepared, adc, adcs, lowest);
  const step = ({ unit, fixed: { codes: _codes, ...fixed } }: Prepared, input: number, output: number, correction: number): AnalogStep => ({
    op: "analog",
    input,
    output,
    geometry: unit.geometry,
    lines,
    lineWeights: factors.lines,
    inputBits,
    digitBits,
    rowIndex: unit.rowIndex,
    tiles: unit.tiles,
    correction,
    ...fixed,
  });
  const { gain, constant, bias } = factors, [only] = prepared;
  if (only !== undefined && only.unit.place === undefined) {
    return { steps: [step(only, target.input, target.output, factors.inputs + factors.lowest)], gain, constant };
  }
  const steps: Step[] = [], inputs: number[] = [], parts: ScatterPart[] = [];
  const gathers: { readonly origins: Int32Array; readonly rows: Int32Array; readonly value: number }[] = [];
  for (const each of prepared) {
    const { geometry: window, place } = each.unit, { origins, rows, pixels, channels } = place!;
    let from = gathers.find((known) => same(known.origins, origins) && same(known.rows, rows))?.value;
    if (from === undefined) {
      from = target.value("u8", window.inputShape);
      gathers.push({ origins, rows, value: from });
      steps.push({ op: "gather", input: target.input, output: from, origins, rows });
    }
    const sums = target.value("i32", window.outputShape);
    steps.push(step(each, from, sums, factors.lowest));
    inputs.push(sums);
    parts.push({ pixels, channels, factor: 1 });
  }
  if (factors.inputs !== 0) {
    const sums = target.value("i32", geometry.outputShape), all = (length: number) => Int32Array.from({ length }, (_, at) => at);
    const [height, width, channels] = geometry.outputShape;
    steps.push({
      op: "integer",
      input: target.input,
      output: sums,
      geometry,
      weights: new Int16Array(rowsOf(geometry) * channels).fill(1),
      zero: 0,
    });
    inputs.push(sums);
    parts.push({ pixels: all(height * width), channels: all(channels), factor: factors.inputs });
  }
  steps.push({ op: "scatter", inputs, output: target.output, parts, ...(bias === undefined ? {} : { bias }) });
  return { steps, gain, constant };
}

function same(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at]);
}

/**
 * Factors with which codes, corrections and the constants of converters add up as integers: exact where all lines have one step and nothing needs more
 * than the digital correction, else as fine as 32 bits allow.
 */
function factorsOf(
  plan: ArrayPlan,
  prepared: readonly Prepared[],
  adc: ResolvedAdc,
  adcs: readonly ResolvedAdc[],
  lowest: number,
): AnalogFactors {
  const { sliceWeights, correction, geometry, inputBits, name } = plan, weight = digitWeight(plan), { step } = adc;
  const { counts, rows } = conversionCounts(plan, prepared);
  let [fewest, most] = [Infinity, 0];
  for (const count of counts) [fewest, most] = [Math.min(fewest, count), Math.max(most, count)];
  const largest = adcs.map((_, line) => Math.max(...prepared.flatMap(({ fixed }) => fixed.codes[line]!.map(Math.abs))));
  const even = fewest === most, alike = adcs.every((adc) => adc.step === step);
  if (alike && lowest === 0 && adc.slices === undefined) {
    // What ideal cells can give is counted too, so that they are lowered to the very numbers of the integer path.
    const ideal = tabulate(plan, adc);
    const magnitude = weight * sliceWeights.reduce((sum, factor, line) => sum + Math.abs(factor) * largest[line]!, 0);
    const start = startOf(plan, counts, step, { magnitude: Math.max(magnitude, ideal.magnitude), rest: ideal.rest });
    const { factors: { codes, inputs, gain }, ...rest } = start;
    return { lines: sliceWeights.map((factor) => codes * factor), inputs, lowest: 0, gain, ...rest };
  }
  const rest = adcs.reduce((sum, adc, line) => sum + (adc.lo - firstCode(adc) * adc.step) * sliceWeights[line]!, 0) * weight;
  const shift = even ? 0 : Math.abs(rest) * most;
  const reals = sliceWeights.map((factor, line) => factor * adcs[line]!.step), top = 2 ** inputBits - 1;
  const bound = weight * most * reals.reduce((sum, real, line) => sum + Math.abs(real) * largest[line]!, 0) + shift +
    top * (Math.abs(correction) * rowsOf(geometry) + Math.abs(lowest) * rows);
  // Rounding a factor adds half a unit for each unit of what it multiplies.
  const loose = weight * most * largest.reduce((sum, code) => sum + code, 0) / 2 + top * (rowsOf(geometry) + rows) / 2 + 1;
  const finest = bound / (2 ** 31 - 2 - loose);
  // With one step for all lines, its factor is an integer, so that codes carry no error of their own.
  const gain = alike ? step / Math.floor(step / finest) : finest;
  if (!(gain > 0) || !Number.isFinite(gain)) {
    throw new NumericError("keep sums in 32 bits", {
      where: name,
      got: `sums of up to ${Math.max(bound / step, loose)} steps`,
      wanted: "less than 2^31 − 2",
      hint: "Use fewer weight or activation bits, or a smaller ADC range.",
    });
  }
  return {
    lines: reals.map((real) => Math.round(real / gain)),
    inputs: Math.round(correction / gain),
    lowest: Math.round(lowest / gain),
    gain,
    constant: even ? most * rest : 0,
    ...(even ? {} : { bias: counts.map((count) => Math.round(count * rest / gain)) }),
  };
}

/** Row tiles converted for each output element of an image, and the most rows that are read for one. */
function conversionCounts({ geometry }: ArrayPlan, prepared: readonly Prepared[]): { counts: Int32Array; rows: number } {
  const [only] = prepared;
  if (only !== undefined && only.unit.place === undefined) {
    return { counts: Int32Array.of(only.unit.tiles.length - 1), rows: rowsOf(geometry) };
  }
  const counts = new Int32Array(elements(geometry.outputShape)),
    read = new Int32Array(counts.length),
    channelCount = geometry.outputShape[2];
  for (const { unit: { tiles, place } } of prepared) {
    for (const pixel of place!.pixels) {
      for (const channel of place!.channels) {
        counts[pixel * channelCount + channel]! += tiles.length - 1;
        read[pixel * channelCount + channel]! += tiles.at(-1)!;
      }
    }
  }
  return { counts, rows: read.reduce((most, count) => Math.max(most, count), 0) };
}
