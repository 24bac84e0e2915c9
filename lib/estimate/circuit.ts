// A component of the library at a node and temperature: its sums of terms, scaled from the node they were written for.

import { OptionError } from "../errors.ts";
import { type Component, entryOf, type Library, type Technology, type Term } from "./library.ts";

/** Named numbers that terms multiply. */
export type Quantities = Readonly<Record<string, number>>;

/** A component ready for use. */
export interface Circuit {
  /** Its name. */
  readonly name: string;
  /** Its entry. */
  readonly component: Component;
  /** Area, µm². */
  area(quantities?: Quantities): number;
  /** Energy of an action, pJ. */
  energy(quantities?: Quantities): number;
  /** Energy per column and input digit, pJ. */
  columnEnergy(quantities?: Quantities): number;
  /** Latency, ns. */
  latency(quantities?: Quantities): number;
  /** Time for which cells conduct, ns. */
  integration(quantities?: Quantities): number;
  /** Leakage per area, µW per µm². */
  readonly leakage: number;
}

/** Kelvin by which leakage doubles; subthreshold swing and threshold shift of Weste and Harris, ch. 2, 20 to 30 K. */
const DOUBLING_K = 25;

/** Leakage at a temperature over that at 300 K. */
export function leakageFactor(temperatureK: number): number {
  return 2 ** ((temperatureK - 300) / DOUBLING_K);
}

/** Factors from one node to another, by CMOS scaling: energy ∝ C·V², delay ∝ R·C, leakage per area ∝ I·V. */
export function scaleFactors(
  to: Technology,
  from: Technology,
): { logic: number; linear: number; energy: number; delay: number; leakage: number } {
  const logic = to.gatePitchNm * to.metalPitchNm / (from.gatePitchNm * from.metalPitchNm), linear = to.featureNm / from.featureNm;
  const squared = (to.supplyV / from.supplyV) ** 2;
  // Widths shrink with the pitch of gates, which past 22 nm stops following the name of the node.
  const width = to.gatePitchNm / from.gatePitchNm;
  return {
    logic,
    linear,
    energy: to.gateCapacitanceFfUm / from.gateCapacitanceFfUm * width * squared,
    delay: to.onResistanceKohmUm * to.gateCapacitanceFfUm / (from.onResistanceKohmUm * from.gateCapacitanceFfUm) * width,
    leakage: to.leakageNaUm * to.supplyV / (from.leakageNaUm * from.supplyV) * width / logic,
  };
}

/**
 * A component of the library at a node.
 *
 * @throws {OptionError} if the component, the node or the node of the component is not in the library, or a term names a quantity nobody gives.
 */
export function circuit(library: Library, name: string, node: string, temperatureK: number): Circuit {
  const component = entryOf(library, "components", name);
  const factors = scaleFactors(entryOf(library, "technology", node), entryOf(library, "technology", component.node));
  const evaluate = (field: string, terms: readonly Term[] | undefined, factor: number) => (quantities: Quantities = {}) => {
    let sum = 0;
    for (const { value, per = [] } of terms ?? []) {
      let product = value;
      for (const quantity of per) {
        const given = quantities[quantity];
        if (given === undefined) {
          const known = Object.keys(quantities).join(", ") || "no quantity";
          throw new OptionError("estimate the chip", { where: `library.components.${name}.${field}`, got: quantity, wanted: known });
        }
        product *= given;
      }
      sum += product;
    }
    return sum * factor;
  };
  const { areaUm2, energyPj, columnEnergyPj, latencyNs, integrationNs } = component;
  return {
    name,
    component,
    area: evaluate("areaUm2", areaUm2, component.scaling === "highVoltage" ? factors.linear : factors.logic),
    energy: evaluate("energyPj", energyPj, factors.energy),
    columnEnergy: evaluate("columnEnergyPj", columnEnergyPj, factors.energy),
    latency: evaluate("latencyNs", latencyNs, factors.delay),
    integration: evaluate("integrationNs", integrationNs, factors.delay),
    leakage: component.leakageNwPerUm2 * 1e-3 * factors.leakage * leakageFactor(temperatureK),
  };
}
