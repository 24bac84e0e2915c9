// Where elimination would need too much room (every layer tied to every other): one variable at a time, at many exchange rates between the costs.

import type { Choice, EliminateOptions, Factor } from "./eliminate.ts";

/** Exchange rates tried, as powers of two around the ratio of the costs at stake. */
const RATES = Array.from({ length: 33 }, (_, index) => 2 ** ((index - 16) / 2));

/**
 * Combinations found by descent along one variable at a time, no other of them better in both costs; each starts from the one before,
 * the first from every variable's last value. Not exact.
 */
export function descend(
  sizes: readonly number[],
  factors: readonly Factor[],
  { most }: Pick<EliminateOptions, "most">,
): readonly Choice[] {
  const touching = sizes.map((_, variable) => factors.filter(({ scope }) => scope.includes(variable)));
  const costs = (some: readonly Factor[], values: readonly number[]) => {
    let cycles = 0, lost = 0;
    for (const { scope, cost } of some) {
      const each = cost(scope.map((variable) => values[variable]!));
      cycles += each.cycles;
      lost += each.lost;
    }
    return { cycles, lost };
  };
  const top = sizes.map((size) => size - 1), bottom = sizes.map(() => 0);
  const full = costs(factors, top), least = costs(factors, bottom);
  const scale = (full.cycles - least.cycles) / Math.max(1, least.lost - full.lost);
  const found: Choice[] = [{ values: top, ...full }];
  const values = [...top];
  for (const rate of [...RATES].reverse()) {
    for (let changed = true, turns = 0; changed && turns < 20; turns++) {
      changed = false;
      for (const [variable, size] of sizes.entries()) {
        let chosen = values[variable]!, lowest = Infinity;
        const before = chosen;
        for (let value = size - 1; value >= 0; value--) {
          values[variable] = value;
          const { cycles, lost } = costs(touching[variable]!, values), price = cycles + rate * scale * lost;
          if (price < lowest) [chosen, lowest] = [value, price];
        }
        values[variable] = chosen;
        changed ||= chosen !== before;
      }
    }
    found.push({ values: [...values], ...costs(factors, values) });
  }
  found.sort((a, b) => a.cycles - b.cycles || a.lost - b.lost);
  const front: Choice[] = [];
  for (const choice of found) {
    if (choice.lost <= most && choice.lost < (front.at(-1)?.lost ?? Infinity)) front.push(choice);
  }
  return front;
}
