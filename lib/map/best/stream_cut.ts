// The best way to cut an ordered stream into activations: exact for the order given, over row cuts, column cuts and both mixed.

import type { SideIndex } from "./line.ts";
import { type Moves, type Piece, pieceOf, type Step, type Stream, streamOf } from "./stream.ts";
import { MOST_TILES, reachOther, reachSame, type Walk } from "./stream_reach.ts";

/** Steps that a search may still try; a search that has none left stops with what it has. */
export interface Budget {
  /** Steps left. */
  left: number;
}

/** What {@linkcode cutStream} found. */
export interface CutStream {
  /** Array activations. */
  readonly cycles: number;
  /** The cuts, if asked for. */
  readonly steps: readonly Step[];
}

/** How far activations get. */
type Far = [pixels: number[], outputs: number[]];

/**
 * Fewest activations of a stream.
 *
 * A set of taps between two cuts that fits its arrays still fits after elements are taken off either end, so of all cuts of one kind
 * reached with n activations only the furthest matters: F(n) = max over k of the furthest cut that k more arrays reach from F(n − k). That
 * makes longest-first optimal for one array per step, and this recursion for any.
 *
 * @param limit Give up at this many activations, default none.
 * @param budget Steps that may be tried, default any number.
 * @param trace Whether to return the steps, default no.
 * @returns Nothing if there is no way below the limit.
 */
export function cutStream(
  stream: Stream,
  moves: Moves,
  { limit = Infinity, budget = { left: Infinity }, trace = false }: { limit?: number; budget?: Budget; trace?: boolean } = {},
): CutStream | undefined {
  const back: [Step[], Step[]] = [[], []];
  const found = advance(stream, moves, stream.pieces.length, limit, budget, trace ? back : undefined);
  return found && { cycles: found.cycles, steps: trace ? stepsOf(back, found.cycles, found.side) : [] };
}

/**
 * Cycles of a strip alone, and its share of them where strips alike follow each other and the last activation of one goes on into the next.
 */
export function stripCycles(
  piece: Piece,
  { channels, limits }: Pick<Stream, "channels" | "limits">,
  moves: Moves,
  budget: Budget,
): { readonly alone: number; readonly joined: number } {
  const twice = streamOf([piece, piece], channels, limits);
  const found = advance(twice, moves, 1, Infinity, budget);
  if (found === undefined) return { alone: Infinity, joined: Infinity };
  return { alone: found.cycles, joined: found.cycles * twice.offsets[found.side][1]! * channels[found.side] / found.at };
}

/** Activates until `pieces` pieces are done. */
function advance(
  stream: Stream,
  moves: Moves,
  pieces: number,
  limit: number,
  budget: Budget,
  back?: [Step[], Step[]],
): { readonly cycles: number; readonly side: SideIndex; readonly at: number } | undefined {
  const { offsets, channels } = stream;
  const end = [offsets[0][pieces]! * channels[0], offsets[1][pieces]! * channels[1]] as const;
  const walk: Walk = { stream, reach: new Float64Array(MOST_TILES + 1), hint: [0, 0] };
  const far: Far = [[], []];
  const seen = [-1, -1];
  const sides: readonly SideIndex[] = moves === "rows" ? [0] : moves === "columns" ? [1] : [0, 1];
  for (const side of sides) far[side][0] = 0;
  for (let cycles = 0; cycles < limit; cycles++) {
    if (moves === "mixed") alias(walk, far, back, cycles);
    for (const side of sides) {
      const at = far[side][cycles] ?? -1;
      if (at >= end[side]) return { cycles, side, at };
    }
    for (const side of sides) {
      const at = far[side][cycles] ?? -1;
      if (at <= seen[side]!) continue;
      seen[side] = at;
      for (const to of sides) {
        if (budget.left-- <= 0) return undefined;
        const most = to === side ? reachSame(walk, side, at) : reachOther(walk, side, at);
        for (let arrays = 1; arrays <= most; arrays++) {
          const reached = walk.reach[arrays]!;
          if (reached > (far[to][cycles + arrays] ?? -1)) {
            far[to][cycles + arrays] = reached;
            if (back !== undefined) back[to][cycles + arrays] = { from: { side, at }, to: { side: to, at: reached }, arrays };
          }
        }
      }
    }
    // A stream that no step of this many tiles advances cannot be cut.
    if (sides.every((side) => far[side].length <= cycles + 1)) return undefined;
  }
  return undefined;
}

/** Between two pieces everything before is done whichever way it is counted, so the cut is of both kinds. */
function alias({ stream: { offsets, channels } }: Walk, far: Far, back: [Step[], Step[]] | undefined, cycles: number): void {
  for (const side of [0, 1] as const) {
    const other = (1 - side) as SideIndex;
    const at = far[side][cycles] ?? -1;
    if (at < 0) continue;
    const piece = pieceOf(offsets[side], at / channels[side], 0);
    if (offsets[side][piece]! * channels[side] !== at) continue;
    const same = offsets[other][piece]! * channels[other];
    if (same <= (far[other][cycles] ?? -1)) continue;
    far[other][cycles] = same;
    if (back !== undefined) back[other][cycles] = { from: { side, at }, to: { side: other, at: same }, arrays: 0 };
  }
}

function stepsOf(back: [Step[], Step[]], cycles: number, side: SideIndex): Step[] {
  const steps: Step[] = [];
  while (cycles > 0) {
    const step = back[side][cycles]!;
    if (step.arrays > 0) steps.push(step);
    cycles -= step.arrays;
    side = step.from.side;
  }
  return steps.reverse();
}
