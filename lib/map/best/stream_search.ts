// Searches strips, axis order and cuts of a stream for the fewest cycles; the streaming families differ only in the moves they allow.

import { axisOf } from "../axis.ts";
import type { Mapping, Problem } from "../placement.ts";
import { type Line, linesOf } from "./line.ts";
import { type Moves, type Piece, type Stream, streamOf } from "./stream.ts";
import { type Budget, cutStream, stripCycles } from "./stream_cut.ts";
import { estimateStrip } from "./stream_estimate.ts";
import { streamPlacement } from "./stream_placement.ts";
import { cheapestStrips, heightsOf, type Strip, uniformStrips } from "./strips.ts";

/** A way to cut the layer into strips. */
interface Candidate {
  readonly outerAxis: 0 | 1;
  /** What it is called. */
  readonly strips: string;
  /** Strips of each line across, one group. */
  readonly cut: readonly (readonly Strip[])[];
  /** Cycles if no activation spans two strips. */
  readonly apart: number;
  /** Cycles if each strip costs its share among its like. */
  readonly estimate: number;
}

/** What a search needs to know. */
export interface StreamSearch {
  /** Name of the method. */
  readonly method: string;
  /** Cuts allowed. */
  readonly moves: Moves;
  /** Cycles at which no better can be: the search stops. */
  readonly bound: number;
}

/** Strip heights looked at: so many by their estimate, and all whose estimate is within this factor of the best. */
const SHORTLIST = 6, WORTH = 1.15;

/** Share of the average cost below which no strip is expected. */
const TRUST = 0.85;

/** Steps tried per axis order before a search is content, and steps for the whole of a large layer. */
const STEPS = 30_000, LARGE = 4;

/** The best stream found for a layer: strips of equal height first, then unequal ones, each also with its strips joined end to end. */
export function streamMapping(problem: Problem, { method, moves, bound }: StreamSearch): Mapping | undefined {
  const { geometry, rows, columns } = problem;
  const { groups, inputShape, outputShape } = geometry;
  const channels = [inputShape[2] / groups, outputShape[2] / groups] as const, limits = [rows, columns] as const;
  const axes = [linesOf(axisOf(geometry, 0)), linesOf(axisOf(geometry, 1))] as const;
  if (axes.some((lines) => lines.length === 0)) return undefined;
  const budget: Budget = { left: STEPS };
  const orders = axes[0].length === axes[1].length && axes[0].every((line, index) => sameLine(line, axes[1][index]!))
    ? [0] as const
    : [0, 1] as const;
  const candidates: Candidate[] = [];
  for (const outerAxis of orders) {
    budget.left = STEPS;
    const found = candidatesOf(axes[outerAxis], axes[1 - outerAxis]!, groups, { channels, limits }, { moves, bound, budget });
    for (const candidate of found) candidates.push({ ...candidate, outerAxis });
    if (found.some(({ apart }) => apart <= bound)) break;
  }
  candidates.sort((a, b) => a.estimate - b.estimate || a.apart - b.apart);
  let best: { candidate: Candidate; cycles: number; joined: boolean } | undefined;
  for (const candidate of candidates) {
    if (best === undefined || candidate.apart < best.cycles) best = { candidate, cycles: candidate.apart, joined: false };
  }
  if (best === undefined) return undefined;
  budget.left = Math.max(budget.left, 0) + Math.max(STEPS, LARGE * best.cycles);
  for (const candidate of candidates) {
    const inner = axes[1 - candidate.outerAxis]!;
    const count = groups * inner.length * candidate.cut.reduce((sum, { length }) => sum + length, 0);
    if (best.cycles <= bound || count === 1 || candidate.apart - count + 1 >= best.cycles) continue;
    const stream = streamOf(piecesOf(candidate, inner, groups), channels, limits);
    const found = cutStream(stream, moves, { limit: best.cycles, budget });
    if (found !== undefined) best = { candidate, cycles: found.cycles, joined: true };
    if (budget.left <= 0) break;
  }
  const { candidate, cycles, joined } = best, { outerAxis, strips } = candidate;
  return {
    method,
    cycles,
    detail: { across: outerAxis === 0 ? "y" : "x", strips, joined: joined ? "yes" : "no" },
    place: () => {
      const pieces = piecesOf(candidate, axes[1 - outerAxis]!, groups);
      const streams = joined ? [pieces] : pieces.map((piece) => [piece]);
      return streamPlacement(
        problem,
        streams.map((part) => {
          const stream = streamOf(part, channels, limits);
          return { stream, steps: cutStream(stream, moves, { trace: true })!.steps };
        }),
        outerAxis,
      );
    },
  };
}

function candidatesOf(
  outer: readonly Line[],
  inner: readonly Line[],
  groups: number,
  fixed: Pick<Stream, "channels" | "limits">,
  { moves, bound, budget }: { moves: Moves; bound: number; budget: Budget },
): Omit<Candidate, "outerAxis">[] {
  const { channels, limits } = fixed;
  const memo = new Map<string, { alone: number; joined: number }>();
  const cost = (shape: string, strip: () => Line) => {
    const known = memo.get(shape);
    if (known !== undefined) return known;
    const sum = { alone: 0, joined: 0 }, outer = strip();
    for (const line of inner) {
      const { alone, joined } = stripCycles({ outer, inner: line, group: 0 }, fixed, moves, budget);
      sum.alone += alone;
      sum.joined += joined;
    }
    memo.set(shape, sum);
    return sum;
  };
  const candidates: Omit<Candidate, "outerAxis">[] = [];
  let limit = Infinity;
  const add = (strips: string, cut: readonly (readonly Strip[])[]) => {
    let apart = 0, estimate = 0;
    for (const { shape, line } of cut.flat()) {
      const { alone, joined } = cost(shape, () => line);
      apart += groups * alone;
      estimate += groups * joined;
    }
    if (apart < Infinity) candidates.push({ strips, cut, apart, estimate });
    limit = Math.min(limit, apart);
  };
  // Every pixel element present takes a row of an activation, every output element a column.
  const wide = [0, 1].map((side) => inner.reduce((sum, line) => sum + line[side]!.at.length, 0) * channels[side]! / limits[side]!);
  const least = (pixels: number, outputs: number) => Math.max(pixels * wide[0]!, outputs * wide[1]!);
  const longest = outer.reduce((most, [pixels, outputs]) => Math.max(most, pixels.at.length, outputs.at.length), 0);
  const heights = heightsOf(longest);
  const guess = (cut: readonly (readonly Strip[])[]) => {
    let sum = 0;
    for (const strip of cut.flat()) for (const line of inner) sum += groups * estimateStrip(strip.line, line, fixed, moves);
    return sum;
  };
  const uniform = ([1, 0] as const).flatMap((side) =>
    heights.map((height) => {
      const cut = outer.map((line) => uniformStrips(line, side, height));
      return { name: `${side === 0 ? "scatter" : "gather"} ${height}`, cut, guess: guess(cut) };
    })
  ).sort((a, b) => a.guess - b.guess);
  const shortlist = uniform.filter(({ guess }, index) => index < SHORTLIST || guess <= WORTH * uniform[0]!.guess);
  for (const { name, cut, guess } of shortlist) {
    const low = groups * cut.flat().reduce((sum, { line }) => sum + least(line[0].at.length, line[1].at.length), 0);
    // A strip that takes more steps than are left would only use them up.
    if (low >= limit || guess > budget.left * groups * cut.flat().length * inner.length) continue;
    add(name, cut);
    if (limit <= bound || budget.left <= 0) return candidates;
  }
  if (candidates.length === 0) {
    budget.left = Infinity;
    add("gather 1", outer.map((line) => uniformStrips(line, 1, 1)));
    return candidates;
  }
  for (const kind of ["joined", "alone"] as const) {
    const best = candidates.reduce((low, { apart, estimate }) => Math.min(low, kind === "alone" ? apart : estimate), Infinity);
    const [pixels, outputs] = [0, 1].map((side) => outer.reduce((sum, line) => sum + line[side]!.at.length, 0)) as [number, number];
    // No part of the axis is thought to cost much less than its share of the best so far.
    const thought = (read: number, made: number) =>
      Math.max(least(read, made), TRUST * best / groups * Math.min(read / pixels, made / outputs));
    const costs = { of: (shape: string, strip: () => Line) => cost(shape, strip)[kind], least: thought, limit: best / groups };
    const cut = outer.map((line) => cheapestStrips(line, heights, costs));
    if (cut.every((strips) => strips !== undefined)) add(kind === "alone" ? "mixed" : "mixed, to be joined", cut as Strip[][]);
  }
  return candidates;
}

function piecesOf({ cut }: Candidate, inner: readonly Line[], groups: number): Piece[] {
  const pieces: Piece[] = [];
  for (let group = 0; group < groups; group++) {
    for (const strips of cut) for (const line of inner) for (const strip of strips) pieces.push({ outer: strip.line, inner: line, group });
  }
  return pieces;
}

function sameLine(a: Line, b: Line): boolean {
  return [0, 1].every((side) => a[side]!.first.join() === b[side]!.first.join() && a[side]!.last.join() === b[side]!.last.join());
}
