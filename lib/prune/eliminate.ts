// Exact search over discrete choices whose costs are sums of small factors: variables are eliminated one after the other, keeping Pareto fronts.

import { addFronts, type Front, frontOf, type Point, readTrace } from "./front.ts";

/** A cost that depends on a few variables. */
export interface Factor {
  /** Variables, ascending. */
  readonly scope: readonly number[];
  /** Both costs for values (indices) of the scope's variables, in its order. */
  cost(values: readonly number[]): { readonly cycles: number; readonly lost: number };
}

/** A combination of values and its costs. */
export interface Choice {
  /** Index of each variable's value. */
  readonly values: readonly number[];
  /** First cost. */
  readonly cycles: number;
  /** Second cost. */
  readonly lost: number;
}

/** Limits of {@linkcode eliminate}. */
export interface EliminateOptions {
  /** Points a front may have; more are thinned. */
  readonly front: number;
  /** Entries a table may have; beyond it the search gives up. */
  readonly table: number;
  /** Combinations that lose more are dropped. */
  readonly most: number;
}

interface Table {
  readonly scope: readonly number[];
  /** Fronts by mixed-radix index, first variable of the scope slowest. */
  readonly fronts: readonly Front[];
}

/**
 * The Pareto front of Σ factors over all combinations of values (variable v has sizes[v] of them); undefined if some table would be too large.
 *
 * Variable elimination (Dechter, Bucket Elimination, 1999) with fronts instead of numbers: exact for any network whose sums and chains
 * tie few groups to each other at a time, as long as no front is thinned.
 */
export function eliminate(sizes: readonly number[], factors: readonly Factor[], options: EliminateOptions): readonly Choice[] | undefined {
  const { front, table: limit, most } = options;
  const entries = (scope: readonly number[]) => scope.reduce((product, variable) => product * sizes[variable]!, 1);
  let tables: Table[] = [];
  for (const { scope, cost } of factors) {
    if (entries(scope) > limit) return undefined;
    const fronts: Front[] = [];
    each(scope, sizes, (values) => {
      const { cycles, lost } = cost(values);
      fronts.push(lost > most ? [] : [{ cycles, lost, trace: { parts: [] } }]);
    });
    tables.push({ scope, fronts });
  }
  const left = new Set(sizes.keys());
  while (left.size > 0) {
    const neighbours = (variable: number) =>
      [...new Set(tables.filter(({ scope }) => scope.includes(variable)).flatMap(({ scope }) => scope))].sort((a, b) => a - b);
    let variable = -1, least = Infinity;
    for (const candidate of left) {
      const size = entries(neighbours(candidate));
      if (size < least) [variable, least] = [candidate, size];
    }
    if (least > limit) return undefined;
    const scope = neighbours(variable).filter((other) => other !== variable);
    const involved = tables.filter((table) => table.scope.includes(variable)), merged = merge(involved, front, most);
    const fronts: Front[] = [];
    each(scope, sizes, (values) => {
      const points: Point[] = [];
      for (let value = 0; value < sizes[variable]!; value++) {
        const at = (other: number) => other === variable ? value : values[scope.indexOf(other)]!;
        let combined: Front = [{ cycles: 0, lost: 0, trace: { variable, value, parts: [] } }];
        for (const { scope: its, fronts: held } of merged) {
          combined = addFronts(combined, held[its.reduce((index, other) => index * sizes[other]! + at(other), 0)]!, front, most);
        }
        points.push(...combined);
      }
      fronts.push(frontOf(points, front, most));
    });
    tables = [...tables.filter((table) => !involved.includes(table)), { scope, fronts }];
    left.delete(variable);
  }
  const whole = tables.reduce<Front>((sum, { fronts }) => addFronts(sum, fronts[0]!, front, most), [{
    cycles: 0,
    lost: 0,
    trace: { parts: [] },
  }]);
  return whole.map(({ cycles, lost, trace }) => {
    const values = sizes.map(() => 0);
    readTrace(trace, values);
    return { values, cycles, lost };
  });
}

/** Tables of the same variables added up, so that their sums are not taken anew for every value of the other variables. */
function merge(tables: readonly Table[], size: number, most: number): readonly Table[] {
  const sums = new Map<string, Table>();
  for (const { scope, fronts } of tables) {
    const other = sums.get(scope.join());
    sums.set(scope.join(), {
      scope,
      fronts: other === undefined ? fronts : fronts.map((front, index) => addFronts(front, other.fronts[index]!, size, most)),
    });
  }
  return [...sums.values()];
}

/** All combinations of values of a scope's variables, the last fastest. */
function each(scope: readonly number[], sizes: readonly number[], visit: (values: readonly number[]) => void): void {
  const values = scope.map(() => 0);
  while (true) {
    visit(values);
    let position = scope.length - 1;
    while (position >= 0 && ++values[position]! === sizes[scope[position]!]!) values[position--] = 0;
    if (position < 0) return;
  }
}
