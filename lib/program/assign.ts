// Rows to word lines at the least total cost: the assignment problem by shortest augmenting paths.

/**
 * Solves the assignment problem in O(n³) with potentials (J. Munkres 1957; R. Jonker and A. Volgenant 1987).
 *
 * @param cost `[n][n]`: cost of giving item i to place j, finite.
 * @returns Place of each item, a permutation of least total cost.
 */
export function assign(cost: Float64Array, n: number): Int32Array {
  // Places count from 1; 0 is the start of every path.
  const item = new Float64Array(n + 1), place = new Float64Array(n + 1);
  const holder = new Int32Array(n + 1), before = new Int32Array(n + 1);
  const least = new Float64Array(n + 1), done = new Uint8Array(n + 1);
  for (let start = 1; start <= n; start++) {
    holder[0] = start;
    let at = 0;
    least.fill(Infinity);
    done.fill(0);
    do {
      done[at] = 1;
      const row = holder[at]!;
      let delta = Infinity, next = 0;
      for (let j = 1; j <= n; j++) {
        if (done[j] === 1) continue;
        const reduced = cost[(row - 1) * n + j - 1]! - item[row]! - place[j]!;
        if (reduced < least[j]!) {
          least[j] = reduced;
          before[j] = at;
        }
        if (least[j]! < delta) {
          delta = least[j]!;
          next = j;
        }
      }
      for (let j = 0; j <= n; j++) {
        if (done[j] === 1) {
          item[holder[j]!]! += delta;
          place[j]! -= delta;
        } else least[j]! -= delta;
      }
      at = next;
    } while (holder[at] !== 0);
    for (; at !== 0; at = before[at]!) holder[at] = holder[before[at]!]!;
  }
  const places = new Int32Array(n);
  for (let j = 1; j <= n; j++) places[holder[j]! - 1] = j - 1;
  return places;
}
