// The dense kernel under the wire solver: nodes of a conductance graph are replaced by the conductances between their neighbours.

/** Nodes eliminated together: row k holds node k's conductances to the nodes after it, at the time when it was eliminated. */
export interface Front {
  /** Nodes of the rows, then the nodes that stay. */
  readonly nodes: Int32Array;
  /** Number of nodes eliminated. */
  readonly count: number;
  /** Conductances, [count, nodes.length], of which entries right of the diagonal are used. */
  readonly rows: Float64Array;
  /** 1 / the sum of each row's conductances. */
  readonly inverse: Float64Array;
}

/** Columns per tile of the update of what stays. */
const TILE = 256;

/**
 * Eliminates `count` nodes by the star–mesh transform: g_ab += g_ka g_kb / Σ_c g_kc.
 *
 * Conductances are only ever added, multiplied and divided, all positive, so every one of them keeps its relative accuracy however far wires
 * and cells lie apart (the subtraction-free elimination of Grassmann, Taksar and Heyman, 1985).
 *
 * @param rows Conductances of the eliminated nodes, [count, count + rest]; changed in place.
 * @param kept Conductances among those that stay, [rest, rest], entries right of the diagonal; changed in place.
 * @param split If given, only conductances between the first `split` of those that stay and the others are wanted.
 * @returns 1 / the sum of each row.
 */
export function eliminate(rows: Float64Array, kept: Float64Array, count: number, rest: number, split?: number): Float64Array {
  const width = count + rest, inverse = new Float64Array(count);
  for (let a = 0; a < count; a += 2) {
    if (a + 1 < count) pair(rows, a * width, width, 0, rows, a, width, a, inverse, a + 1, width);
    else single(rows, a * width, 0, rows, a, width, a, inverse, a + 1, width);
    inverse[a] = invertedSum(rows, a * width + a + 1, (a + 1) * width);
    if (a + 1 === count) break;
    addRow(rows, (a + 1) * width, rows, a * width, rows[a * width + a + 1]! * inverse[a]!, a + 2, width);
    inverse[a + 1] = invertedSum(rows, (a + 1) * width + a + 2, (a + 2) * width);
  }
  for (let from = split ?? 0; from < rest; from += TILE) {
    const to = Math.min(rest, from + TILE), last = split ?? to;
    for (let a = 0; a < last; a += 2) {
      const start = count + Math.max(from, a + 1), at = a * rest;
      if (a + 1 < last) pair(kept, at, rest, count, rows, count, width, count + a, inverse, start, count + to);
      else single(kept, at, count, rows, count, width, count + a, inverse, start, count + to);
    }
  }
  return inverse;
}

function invertedSum(rows: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += rows[at]!;
  return 1 / sum;
}

/** target[b] += m · source[b]. */
function addRow(target: Float64Array, at: number, source: Float64Array, row: number, m: number, from: number, to: number): void {
  if (m === 0) return;
  for (let b = from; b < to; b++) target[at + b]! += m * source[row + b]!;
}

/** Adds what the first `count` eliminated rows give to row a, which starts at `at` and whose column `shift` comes first. */
function single(
  target: Float64Array,
  at: number,
  shift: number,
  rows: Float64Array,
  count: number,
  width: number,
  a: number,
  inverse: Float64Array,
  from: number,
  to: number,
): void {
  for (let k = 0; k < count; k++) addRow(target, at - shift, rows, k * width, rows[k * width + a]! * inverse[k]!, from, to);
}

/** The same for rows a and a + 1, four eliminated rows at once; entries on and left of the diagonal are unused and may be spoilt. */
function pair(
  target: Float64Array,
  at: number,
  stride: number,
  shift: number,
  rows: Float64Array,
  count: number,
  width: number,
  a: number,
  inverse: Float64Array,
  from: number,
  to: number,
): void {
  const here = at - shift, next = here + stride;
  let k = 0;
  for (; k + 3 < count; k += 4) {
    const r0 = k * width, r1 = r0 + width, r2 = r1 + width, r3 = r2 + width;
    const i0 = inverse[k]!, i1 = inverse[k + 1]!, i2 = inverse[k + 2]!, i3 = inverse[k + 3]!;
    const m0 = rows[r0 + a]! * i0, m1 = rows[r1 + a]! * i1, m2 = rows[r2 + a]! * i2, m3 = rows[r3 + a]! * i3;
    const n0 = rows[r0 + a + 1]! * i0, n1 = rows[r1 + a + 1]! * i1, n2 = rows[r2 + a + 1]! * i2, n3 = rows[r3 + a + 1]! * i3;
    if (m0 + m1 + m2 + m3 + n0 + n1 + n2 + n3 === 0) continue;
    for (let b = from; b < to; b++) {
      const x0 = rows[r0 + b]!, x1 = rows[r1 + b]!, x2 = rows[r2 + b]!, x3 = rows[r3 + b]!;
      target[here + b]! += m0 * x0 + m1 * x1 + (m2 * x2 + m3 * x3);
      target[next + b]! += n0 * x0 + n1 * x1 + (n2 * x2 + n3 * x3);
    }
  }
  for (; k < count; k++) {
    const row = k * width;
    addRow(target, here, rows, row, rows[row + a]! * inverse[k]!, from, to);
    addRow(target, next, rows, row, rows[row + a + 1]! * inverse[k]!, from, to);
  }
}
