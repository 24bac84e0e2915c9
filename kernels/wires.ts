// Nested dissection of crossbars as a WebAssembly kernel: many arrays of one topology, each on one thread, in f64.
//
// Layout, sizes and the records of parts: lib/circuit/wires/tape.ts. All rows start at multiples of 4 numbers; what pads them stays 0.

import { add, get, int, locals, loop, mul, set, ZERO } from "../lib/cpu/wat.ts";
import { ELIMINATE } from "./wires_eliminate.ts";
import { f64, fun, HEADER, PART, SHARED, times8, vector, word } from "./wires_layout.ts";

/** Adds `value` to the conductance between places `low` < `high` of a part, padded. */
const deposit = `(if (i32.lt_u ${get("low")} ${get("wide")})
  (then ${set("to", add(get("rows"), mul(get("low"), get("stride")), times8(get("high"))))})
  (else ${
  set(
    "to",
    add(get("kept"), mul(`(i32.sub ${get("low")} ${get("wide")})`, get("keptStride")), times8(`(i32.sub ${get("high")} ${get("wide")})`)),
  )
}))`;

/**
 * Clears a part's rows and kept conductances, then adds up its elements and what earlier parts left; `table` takes the row of each place of one of those.
 */
const collect = fun(
  "collect",
  ["part", "scratch", "values", "table", "tape"],
  locals(
    "i32",
    "rows",
    "kept",
    "wide",
    "stride",
    "keptStride",
    "at",
    "end",
    "low",
    "high",
    "to",
    "join",
    "length",
    "from",
    "fromStride",
    "entry",
    "other",
    "stop",
    "base",
    "shift",
    "here",
    "there",
    "own",
    "value",
    "place",
  ),
  `${set("rows", add(get("scratch"), word("part", PART.rowsAt)))}
  ${set("kept", add(get("scratch"), word("part", PART.keptAt)))}
  ${set("wide", word("part", PART.paddedCount))}
  ${set("keptStride", times8(word("part", PART.paddedRest)))}
  ${set("stride", add(times8(get("wide")), get("keptStride")))}
  (memory.fill ${get("rows")} (i32.const 0) ${mul(get("wide"), get("stride"))})
  (memory.fill ${get("kept")} (i32.const 0) ${mul(word("part", PART.paddedRest), get("keptStride"))})
  ${set("own", add(get("values"), word("part", PART.cellAt)))}
  ${set("at", add(get("tape"), word("part", PART.elementsAt)))}
  ${set("end", add(get("at"), mul(word("part", PART.elements), int(12))))}
  (block $none (loop $elements
    (br_if $none (i32.ge_u ${get("at")} ${get("end")}))
    ${set("low", word("at", 0))}${set("high", word("at", 1))}${set("value", word("at", 2))}
    ${deposit}
    (f64.store ${get("to")} (f64.add ${f64(get("to"))} ${
    f64(add(
      `(select ${get("own")} ${get("values")} (i32.ge_s ${get("value")} (i32.const 0)))`,
      `(i32.and ${get("value")} ${int(~SHARED)})`,
    ))
  }))
    ${set("at", add(get("at"), int(12)))}(br $elements)))
  ${set("at", add(get("part"), int(4 * PART.length), mul(int(4), add(word("part", PART.count), word("part", PART.rest)))))}
  ${
    loop(
      "join",
      int(0),
      word("part", PART.joins),
      `${set("from", add(get("scratch"), word("at", 0)))}${set("length", word("at", 1))}${set("fromStride", times8(word("at", 2)))}
    ${set("place", add(get("tape"), word("at", 3)))}
    ${set("at", add(get("at"), int(16)))}
    ${set("stop", add(get("table"), times8(get("length"))))}
    ${
        loop(
          "entry",
          get("table"),
          get("stop"),
          `${set("low", "(i32.load (local.get $place))")}
      (i32.store ${get("entry")} (select ${add(get("rows"), mul(get("low"), get("stride")))} ${
            add(get("kept"), mul(`(i32.sub ${get("low")} ${get("wide")})`, get("keptStride")), mul(int(-8), get("wide")))
          } (i32.lt_u ${get("low")} ${get("wide")})))
      (i32.store offset=4 ${get("entry")} ${times8(get("low"))})
      ${set("place", add(get("place"), int(4)))}`,
          8,
        )
      }
    ${
        loop(
          "entry",
          get("table"),
          get("stop"),
          `${set("base", word("entry", 0))}${set("here", word("entry", 1))}
      ${set("shift", `(i32.sub ${get("from")} ${get("table")})`)}
      ${
            loop(
              "other",
              add(get("entry"), int(8)),
              get("stop"),
              `${set("there", word("other", 1))}
        ${
                set(
                  "to",
                  `(select ${add(get("base"), get("there"))} ${add(word("other", 0), get("here"))} (i32.gt_u ${get("there")} ${
                    get("here")
                  }))`,
                )
              }
        (f64.store ${get("to")} (f64.add ${f64(get("to"))} ${f64(add(get("other"), get("shift")))}))`,
              8,
            )
          }
      ${set("from", add(get("from"), get("fromStride")))}`,
          8,
        )
      }`,
    )
  }`,
);

/** Voltages of a part's eliminated nodes from those of its others. */
const substitute = fun(
  "substitute",
  ["part", "scratch", "local", "volts"],
  locals("i32", "count", "wide", "stride", "names", "k", "b", "row") + locals("v128", "m") + locals("f64", "value"),
  `${set("count", word("part", PART.count))}${set("wide", word("part", PART.paddedCount))}
  ${set("stride", times8(add(get("wide"), word("part", PART.paddedRest))))}
  ${set("names", add(get("part"), int(4 * PART.length)))}
  (memory.fill ${get("local")} (i32.const 0) ${get("stride")})
  ${
    loop(
      "k",
      int(0),
      word("part", PART.rest),
      `(f64.store ${add(get("local"), times8(add(get("wide"), get("k"))))} ${
        f64(add(get("volts"), times8(`(i32.load ${add(get("names"), mul(int(4), add(get("count"), get("k"))))})`)))
      })`,
    )
  }
  ${set("k", get("count"))}
  ${set("row", add(get("scratch"), word("part", PART.rowsAt), mul(get("count"), get("stride"))))}
  (block $done (loop $nodes
    (br_if $done (i32.eqz ${get("k")}))
    ${set("k", `(i32.sub ${get("k")} (i32.const 1))`)}${set("row", `(i32.sub ${get("row")} ${get("stride")})`)}
    ${set("m", ZERO)}
    ${
    loop(
      "b",
      times8(`(i32.and ${get("k")} (i32.const -2))`),
      get("stride"),
      set("m", `(f64x2.relaxed_madd ${vector(add(get("row"), get("b")))} ${vector(add(get("local"), get("b")))} ${get("m")})`),
      16,
    )
  }
    ${
    set(
      "value",
      `(f64.mul (f64.add (f64x2.extract_lane 0 ${get("m")}) (f64x2.extract_lane 1 ${get("m")})) ${
        f64(add(get("scratch"), word("part", PART.inverseAt), times8(get("k"))))
      })`,
    )
  }
    (f64.store ${add(get("local"), times8(get("k")))} ${get("value")})
    (f64.store ${add(get("volts"), times8(`(i32.load ${add(get("names"), mul(int(4), get("k")))})`))} ${get("value")})
    (br $nodes)))`,
);

/**
 * The kernel: for each array, effective conductances and all node voltages with every driver at 1 V.
 *
 * Parameters: header and records of the parts; values, effective conductances and voltages of array 0 and the bytes from one array to the next; scratch
 * memory of thread 0 and the bytes from one thread to the next.
 */
export const WIRES = `(module (import "env" "memory" (memory 1 65536 shared))
${ELIMINATE}
${collect}
${substitute}
(func (export "run") ${
  [
    "begin",
    "end",
    "thread",
    "header",
    "tape",
    "values",
    "valueBytes",
    "effective",
    "effectiveBytes",
    "volts",
    "voltBytes",
    "scratch",
    "scratchBytes",
  ]
    .map((name) => `(param $${name} i32)`).join("")
} ${locals("i32", "array", "part", "at", "mine", "own", "from", "to")}
  ${set("mine", add(get("scratch"), mul(get("thread"), get("scratchBytes"))))}
  ${
  loop(
    "array",
    get("begin"),
    get("end"),
    `${set("own", add(get("values"), mul(get("array"), get("valueBytes"))))}${set("part", get("tape"))}
    ${
      loop(
        "at",
        int(0),
        word("header", HEADER.parts),
        `(call $collect ${get("part")} ${get("mine")} ${get("own")} ${add(get("mine"), word("header", HEADER.local))} ${get("tape")})
      (if ${word("part", PART.count)} (then (call $eliminate ${get("part")} ${get("mine")} ${
          add(get("mine"), word("header", HEADER.panel))
        } ${add(get("mine"), word("header", HEADER.factors))})))
      ${set("part", add(get("part"), mul(int(4), word("part", PART.words))))}`,
      )
    }
    ${set("from", add(get("mine"), word("header", HEADER.root), times8(word("header", HEADER.rows))))}
    ${set("to", add(get("effective"), mul(get("array"), get("effectiveBytes"))))}
    ${
      loop(
        "at",
        int(0),
        word("header", HEADER.rows),
        `(memory.copy ${get("to")} ${get("from")} ${times8(word("header", HEADER.columns))})
      ${set("to", add(get("to"), times8(word("header", HEADER.columns))))}
      ${set("from", add(get("from"), times8(word("header", HEADER.rootStride))))}`,
      )
    }
    ${set("own", add(get("volts"), mul(get("array"), get("voltBytes"))))}
    (memory.fill ${get("own")} (i32.const 0) ${times8(word("header", HEADER.nodes))})
    ${loop("at", int(0), word("header", HEADER.rows), `(f64.store ${add(get("own"), times8(get("at")))} (f64.const 1))`)}
    ${set("part", add(get("tape"), word("header", HEADER.last)))}
    ${
      loop(
        "at",
        int(0),
        word("header", HEADER.parts),
        `(if ${word("part", PART.count)} (then (call $substitute ${get("part")} ${get("mine")} ${
          add(get("mine"), word("header", HEADER.local))
        } ${get("own")})))
      ${set("part", `(i32.sub ${get("part")} (i32.load (i32.sub ${get("part")} (i32.const 4))))`)}`,
      )
    }`,
  )
}))`;
