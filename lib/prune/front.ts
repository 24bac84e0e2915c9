// Pareto fronts of two costs that both shrink: what elimination carries from factor to factor.

/** One choice for every variable eliminated so far, as a tree of what was combined. */
export interface Trace {
  /** Variable and the index of its value; absent in a mere combination. */
  readonly variable?: number;
  /** Index of the value. */
  readonly value?: number;
  /** What else was chosen. */
  readonly parts: readonly Trace[];
}

/** A point that no other of its front beats in both costs. */
export interface Point {
  /** First cost: cycles. */
  readonly cycles: number;
  /** Second cost: what is lost. */
  readonly lost: number;
  /** How it came about. */
  readonly trace: Trace;
}

/** Points by ascending cycles and strictly descending loss. */
export type Front = readonly Point[];

/** Points of a list that no other beats, at most `size` of them (the ends and points spread evenly between), none losing more than `most`. */
export function frontOf(points: readonly Point[], size: number, most = Infinity): Front {
  const cycles = points.map((point) => point.cycles), lost = points.map((point) => point.lost);
  return survivors(cycles, lost, size, most).map((index) => points[index]!);
}

/** All sums of a point of one front and a point of the other, reduced as by {@linkcode frontOf}. */
export function addFronts(a: Front, b: Front, size: number, most = Infinity): Front {
  const cycles: number[] = [], lost: number[] = [];
  for (const left of a) {
    for (const right of b) {
      cycles.push(left.cycles + right.cycles);
      lost.push(left.lost + right.lost);
    }
  }
  return survivors(cycles, lost, size, most).map((index) => {
    const left = a[Math.floor(index / b.length)]!, right = b[index % b.length]!;
    return { cycles: cycles[index]!, lost: lost[index]!, trace: { parts: [left.trace, right.trace] } };
  });
}

/** Indices of the points of a front, thinned. */
function survivors(cycles: readonly number[], lost: readonly number[], size: number, most: number): number[] {
  const order = cycles.length === 1 ? [0] : [...cycles.keys()].sort((a, b) => cycles[a]! - cycles[b]! || lost[a]! - lost[b]!);
  const front: number[] = [];
  let least = Infinity;
  for (const index of order) {
    if (lost[index]! > most || lost[index]! >= least) continue;
    front.push(index);
    least = lost[index]!;
  }
  if (front.length <= size) return front;
  return Array.from({ length: size }, (_, place) => front[Math.round(place * (front.length - 1) / (size - 1))]!);
}

/** Writes the values a trace holds into `values`, by variable. Recursion is avoided: traces are as deep as a network is long. */
export function readTrace(trace: Trace, values: number[]): void {
  const open: Trace[] = [trace];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.variable !== undefined) values[next.variable] = next.value!;
    open.push(...next.parts);
  }
}
