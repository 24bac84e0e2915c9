import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Direction, hash, NumericError, OptionError, paretoFront, paretoSet } from "@bitline/bitline";

/** Small integers, so that ties and equal points are common. */
function randomPoints(seed: number, count: number, objectives: number): number[][] {
  return Array.from({ length: count }, (_, at) => Array.from({ length: objectives }, (_, axis) => hash(seed, at, axis) % 6));
}

Deno.test("paretoSet() keeps exactly the points that no other beats, the first of equal ones", () => {
  for (let seed = 0; seed < 60; seed++) {
    const objectives = 1 + seed % 4, points = randomPoints(seed, 1 + hash(seed, 1) % 40, objectives);
    const ways = Array.from({ length: objectives }, (_, axis): Direction => hash(seed, 2, axis) % 2 === 0 ? "min" : "max");
    const atLeast = (a: number[], b: number[]) => a.every((value, at) => ways[at] === "min" ? value <= b[at]! : value >= b[at]!);
    const wanted = points.flatMap((point, index) => {
      const beaten = points.some((other, at) => {
        const equal = other.every((value, axis) => value === point[axis]);
        return equal ? at < index : atLeast(other, point);
      });
      return beaten ? [] : [index];
    });
    assertEquals(paretoSet(points, ways), wanted, `seed ${seed}`);
  }
});

Deno.test("paretoSet() of two objectives is paretoFront()", () => {
  for (let seed = 0; seed < 30; seed++) {
    const points = randomPoints(seed, 25, 2) as [number, number][];
    const two = paretoFront(points, { x: "min", y: "max" });
    assertEquals(paretoSet(points, ["min", "max"]), [...two].sort((a, b) => a - b));
  }
});

Deno.test("paretoSet() refuses directions and points that do not fit", () => {
  assertThrows(() => paretoSet([[1]], ["up" as "max"]), OptionError, "directions");
  assertThrows(() => paretoSet([[1]], []), OptionError, "directions");
  assertThrows(() => paretoSet([[1, 2]], ["min"]), OptionError, "points[0]");
  assertThrows(() => paretoSet([[NaN]], ["min"]), NumericError, "points[0]");
  assert(paretoSet([], ["min"]).length === 0);
});
