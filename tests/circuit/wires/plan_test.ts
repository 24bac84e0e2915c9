import { assert, assertEquals } from "@std/assert";
import { checkWires } from "../../../lib/circuit/wires/options.ts";
import { CELL_WORDS, type WireNetwork, wireNetwork } from "../../../lib/circuit/wires/network.ts";
import { type Part, planDissection } from "../../../lib/circuit/wires/plan.ts";
import { hash } from "../../../lib/random.ts";

/** A network of random shape and topology. */
function randomNetwork(seed: number): WireNetwork {
  const pick = (at: number, most: number) => hash(seed, at) % most, interleaved = pick(0, 2) === 1;
  const rows = (1 + pick(1, 24)) * (interleaved ? 2 : 1), columns = 1 + pick(2, 40);
  const wires = checkWires({
    wordLine: pick(3, 3),
    bitLine: pick(4, 3),
    source: pick(5, 2),
    terminal: pick(6, 2),
    driven: pick(7, 2) === 0 ? "first" : "last",
    sensed: pick(8, 2) === 0 ? "first" : "last",
    interleaved,
  });
  return wireNetwork({ shape: [rows, columns], data: new Float64Array(rows * columns).fill(1e-4) }, wires);
}

/** All elements of a network as text, sorted. */
function allElements(network: WireNetwork): string[] {
  const found: string[] = [], words = new Int32Array(CELL_WORDS);
  for (let row = 0; row < network.rows; row++) {
    for (let column = 0; column < network.columns; column++) {
      const end = network.elementsOf(row, column, words, 0);
      for (let at = 0; at < end; at += 3) found.push(element(words[at]!, words[at + 1]!, words[at + 2]!));
    }
  }
  return found.sort();
}

function element(a: number, b: number, value: number): string {
  return `${Math.min(a, b)} ${Math.max(a, b)} ${value}`;
}

Deno.test("planDissection() deals out every element once and eliminates every node once, on random shapes and topologies", () => {
  for (let seed = 0; seed < 60; seed++) {
    const network = randomNetwork(seed), { parts, slots } = planDissection(network), kept: (Part | undefined)[] = [];
    const elements: string[] = [], eliminated = new Set<number>(), used = new Set<number>();
    const nodesOf = ({ nodes, down, right }: Part) => network.move(nodes, down, right);
    for (const part of parts) {
      const nodes = nodesOf(part), first = part.cell + part.down * network.columns + part.right;
      assert(part.slot < slots);
      const { elements: own, joins } = parts[part.pattern]!;
      assert(part.elements === own && part.joins === joins);
      for (let at = 0; at < part.elements.length; at += 3) {
        const [low, high, value] = part.elements.subarray(at, at + 3) as unknown as [number, number, number];
        assert(low < high);
        elements.push(
          element(nodes[low]!, nodes[high]!, value < 0 ? network.rows * network.columns + ~value : first + value),
        );
      }
      for (const { slot, places } of part.joins) {
        assertEquals(Int32Array.from(places, (place) => nodes[place]!), nodesOf(kept[slot]!).slice(kept[slot]!.count));
        kept[slot] = undefined;
      }
      assertEquals(kept[part.slot], undefined, "a slot still in use");
      for (const node of nodes) {
        assert(!eliminated.has(node), "a node seen after it was eliminated");
        used.add(node);
      }
      for (const node of nodes.subarray(0, part.count)) eliminated.add(node);
      kept[part.slot] = part;
    }
    assertEquals(elements.sort(), allElements(network));
    const left = parts.at(-1)!, inner = [...used].filter((node) => node >= network.terminals);
    assertEquals(new Set(inner), eliminated);
    assertEquals(
      [...left.nodes.subarray(left.count)],
      Array.from({ length: network.terminals }, (_, node) => node).filter((n) => used.has(n)),
    );
  }
});

Deno.test("wireNetwork() counts the elements at each node and moves nodes with their cells", () => {
  for (let seed = 100; seed < 140; seed++) {
    const network = randomNetwork(seed), { rows, columns, group, terminals, wordNodes, bitNodes } = network;
    const degrees = new Map<number, number>();
    for (const text of allElements(network)) {
      const [a, b] = text.split(" ").map(Number);
      for (const node of [a!, b!]) degrees.set(node, (degrees.get(node) ?? 0) + 1);
    }
    for (const [node, degree] of degrees) if (node >= terminals) assertEquals(network.degreeOf(node), degree);
    const down = group * (hash(seed, 20) % Math.ceil(rows / group)), right = hash(seed, 21) % columns, target = down * columns + right;
    assertEquals([...network.move(Int32Array.of(wordNodes[0]!, bitNodes[0]!), down, right)], [wordNodes[target], bitNodes[target]]);
  }
});
