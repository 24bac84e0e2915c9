// Attributes of a node by name, with the types the caller expects.

import { GraphError } from "../../errors.ts";
import { clampedIntegers, type Constant, readConstant } from "./constant.ts";
import type { OnnxNode } from "./schema.ts";

/** Attributes of one node. */
export interface Attributes {
  /** An integer, or the default. */
  integer(name: string, otherwise: number): number;
  /** A number, or the default. */
  real(name: string, otherwise: number): number;
  /** A list of integers, if there. */
  integers(name: string): readonly number[] | undefined;
  /** A list of numbers, if there. */
  reals(name: string): readonly number[] | undefined;
  /** A text, or the default. */
  text(name: string, otherwise: string): string;
  /** A constant, if there. */
  tensor(name: string): Constant | undefined;
}

const FLOAT = 1, INT = 2, STRING = 3, TENSOR = 4, FLOATS = 6, INTS = 7;

/** Reads attributes. @throws {GraphError} where one is not of the type asked for. */
export function attributesOf(node: OnnxNode, where: string, most: number): Attributes {
  const byName = new Map(node.attribute.map((each) => [each.name, each]));
  const find = (name: string, type: number) => {
    const found = byName.get(name);
    if (found === undefined || found.type === type) return found;
    throw new GraphError("import an ONNX graph", {
      where: `${where}, attribute ${name}`,
      got: `type ${found.type}`,
      wanted: `type ${type}`,
    });
  };
  return {
    integer: (name, otherwise) => {
      const found = find(name, INT);
      return found === undefined ? otherwise : Number(found.i);
    },
    real: (name, otherwise) => find(name, FLOAT)?.f ?? otherwise,
    integers: (name) => {
      const found = find(name, INTS);
      return found === undefined ? undefined : Array.from(clampedIntegers(found.ints));
    },
    reals: (name) => find(name, FLOATS)?.floats,
    text: (name, otherwise) => {
      const found = find(name, STRING);
      return found === undefined ? otherwise : new TextDecoder().decode(found.s);
    },
    tensor: (name) => {
      const found = find(name, TENSOR)?.t;
      return found === undefined ? undefined : readConstant(found, most, () => {
        throw new GraphError("import an ONNX graph", {
          where: `${where}, attribute ${name}`,
          got: "external data",
          wanted: "data in the node",
        });
      });
    },
  };
}
