// Dense part of the wire solver in WebAssembly: star–mesh elimination in tiles of 4 × 4, as lib/circuit/wires/eliminate.ts does it row by row.

import { add, get, int, locals, loop, mul, set, ZERO } from "../lib/cpu/wat.ts";
import { f64, fun, PART, times8, up4, vector, word } from "./wires_layout.ts";

const FOUR = [0, 1, 2, 3] as const;

/** target[4][4] += Σ_k factors[k][0…3] ⊗ panel[k][0…3]; strides in bytes. */
const tile = fun(
  "tile",
  ["target", "stride", "factors", "panel", "panelStride", "count"],
  locals("i32", "t1", "t2", "t3") +
    locals("v128", "p", "q", "m", ...FOUR.flatMap((row) => [`a${row}`, `b${row}`])),
  `${[1, 2, 3].map((row) => set(`t${row}`, add(get(row === 1 ? "target" : `t${row - 1}`), get("stride")))).join("")}
  ${
    FOUR.map((row) => {
      const base = get(row === 0 ? "target" : `t${row}`);
      return set(`a${row}`, vector(base)) + set(`b${row}`, vector(base, 16));
    }).join("")
  }
  (loop $terms
    ${set("p", vector(get("panel")))}${set("q", vector(get("panel"), 16))}
    ${
    FOUR.map((row) =>
      `${set("m", `(v128.load64_splat offset=${8 * row} ${get("factors")})`)}
      ${set(`a${row}`, `(f64x2.relaxed_madd ${get("m")} ${get("p")} ${get(`a${row}`)})`)}
      ${set(`b${row}`, `(f64x2.relaxed_madd ${get("m")} ${get("q")} ${get(`b${row}`)})`)}`
    ).join("\n")
  }
    ${set("panel", add(get("panel"), get("panelStride")))}${set("factors", add(get("factors"), int(32)))}
    (br_if $terms ${`(local.tee $count (i32.sub ${get("count")} (i32.const 1)))`}))
  ${
    FOUR.map((row) => {
      const base = get(row === 0 ? "target" : `t${row}`);
      return `(v128.store ${base} ${get(`a${row}`)})(v128.store offset=16 ${base} ${get(`b${row}`)})`;
    }).join("")
  }`,
);

/** factors[k][0…3] = rows[k][column + 0…3] · inverse[k], k < count. */
const pack = fun(
  "pack",
  ["to", "rows", "stride", "inverse", "count"],
  locals("i32", "end") + locals("v128", "m"),
  `${set("end", add(get("to"), mul(get("count"), int(32))))}
  (loop $rows
    ${set("m", `(v128.load64_splat ${get("inverse")})`)}
    (v128.store ${get("to")} (f64x2.mul ${get("m")} ${vector(get("rows"))}))
    (v128.store offset=16 ${get("to")} (f64x2.mul ${get("m")} ${vector(get("rows"), 16)}))
    ${set("to", add(get("to"), int(32)))}${set("rows", add(get("rows"), get("stride")))}${set("inverse", add(get("inverse"), int(8)))}
    (br_if $rows (i32.lt_u ${get("to")} ${get("end")})))`,
);

/** Star–mesh elimination of `count` nodes, four rows at a time. */
const starMesh = fun(
  "eliminate",
  ["part", "scratch", "panel", "factors"],
  locals(
    "i32",
    "rows",
    "inverse",
    "kept",
    "count",
    "wide",
    "stride",
    "keptStride",
    "first",
    "most",
    "a",
    "i",
    "j",
    "b",
    "row",
    "source",
    "k",
  ) +
    locals("v128", "m") + locals("f64", "sum"),
  `${set("rows", add(get("scratch"), word("part", PART.rowsAt)))}
  ${set("inverse", add(get("scratch"), word("part", PART.inverseAt)))}
  ${set("kept", add(get("scratch"), word("part", PART.keptAt)))}
  ${set("count", word("part", PART.count))}
  ${set("keptStride", times8(word("part", PART.paddedRest)))}
  ${set("stride", add(times8(word("part", PART.paddedCount)), get("keptStride")))}
  ${
    loop(
      "a",
      int(0),
      get("count"),
      `${set("row", add(get("rows"), mul(get("a"), get("stride")), times8(get("a"))))}
    (if ${get("a")} (then
      (call $pack ${get("factors")} ${add(get("rows"), times8(get("a")))} ${get("stride")} ${get("inverse")} ${get("a")})
      ${
        loop(
          "b",
          times8(get("a")),
          get("stride"),
          `(call $tile ${add(get("rows"), mul(get("a"), get("stride")), get("b"))} ${get("stride")} ${get("factors")} ${
            add(get("rows"), get("b"))
          } ${get("stride")} ${get("a")})`,
          32,
        )
      }))
    ${
        set(
          "most",
          `(select (i32.const 4) (i32.sub ${get("count")} ${get("a")}) (i32.gt_u (i32.sub ${get("count")} ${get("a")}) (i32.const 4)))`,
        )
      }
    ${
        loop(
          "j",
          int(0),
          get("most"),
          `${set("row", add(get("rows"), mul(add(get("a"), get("j")), get("stride"))))}
      ${
            loop(
              "i",
              int(0),
              get("j"),
              `${set("source", add(get("rows"), mul(add(get("a"), get("i")), get("stride"))))}
        ${
                set(
                  "m",
                  `(f64x2.splat (f64.mul ${f64(add(get("source"), times8(add(get("a"), get("j")))))} ${
                    f64(add(get("inverse"), times8(add(get("a"), get("i")))))
                  }))`,
                )
              }
        ${
                loop(
                  "b",
                  times8(get("a")),
                  get("stride"),
                  `(v128.store ${add(get("row"), get("b"))} (f64x2.relaxed_madd ${get("m")} ${vector(add(get("source"), get("b")))} ${
                    vector(add(get("row"), get("b")))
                  }))`,
                  16,
                )
              }`,
            )
          }
      ${set("sum", "(f64.const 0)")}${set("b", times8(add(get("a"), get("j"), int(1))))}
      (block $summed (loop $sums
        (br_if $summed (i32.eqz (i32.and ${get("b")} (i32.const 15))))
        ${set("sum", `(f64.add ${get("sum")} ${f64(add(get("row"), get("b")))})`)}${set("b", add(get("b"), int(8)))}
        (br $sums)))
      ${set("m", ZERO)}
      ${loop("k", get("b"), get("stride"), set("m", `(f64x2.add ${get("m")} ${vector(add(get("row"), get("k")))})`), 16)}
      ${set("sum", `(f64.add ${get("sum")} (f64.add (f64x2.extract_lane 0 ${get("m")}) (f64x2.extract_lane 1 ${get("m")})))`)}
      (f64.store ${add(get("inverse"), times8(add(get("a"), get("j"))))} (f64.div (f64.const 1) ${get("sum")}))`,
        )
      }`,
      4,
    )
  }
  ${set("wide", times8(word("part", PART.paddedCount)))}
  ${set("first", "(i32.const 0)")}${set("most", get("keptStride"))}
  (if ${word("part", PART.split)} (then
    ${set("first", times8(`(i32.and ${word("part", PART.split)} (i32.const -4))`))}
    ${set("most", times8(up4(word("part", PART.split))))}))
  ${
    loop(
      "a",
      int(0),
      get("most"),
      `(call $pack ${add(get("factors"), mul(get("a"), get("count")))} ${add(get("rows"), get("wide"), get("a"))} ${get("stride")} ${
        get("inverse")
      } ${get("count")})`,
      32,
    )
  }
  ${
    loop(
      "b",
      get("first"),
      get("keptStride"),
      `${set("row", get("panel"))}${set("source", add(get("rows"), get("wide"), get("b")))}
    ${
        loop(
          "k",
          int(0),
          get("count"),
          `(v128.store ${get("row")} ${vector(get("source"))})(v128.store offset=16 ${get("row")} ${vector(get("source"), 16)})
      ${set("row", add(get("row"), int(32)))}${set("source", add(get("source"), get("stride")))}`,
        )
      }
    ${set("i", `(select ${get("most")} ${add(get("b"), int(32))} (i32.lt_u ${get("most")} ${add(get("b"), int(32))}))`)}
    ${
        loop(
          "a",
          int(0),
          get("i"),
          `(call $tile ${add(get("kept"), mul(`(i32.shr_u ${get("a")} (i32.const 3))`, get("keptStride")), get("b"))} ${
            get("keptStride")
          } ${add(get("factors"), mul(get("a"), get("count")))} ${get("panel")} (i32.const 32) ${get("count")})`,
          32,
        )
      }`,
      32,
    )
  }`,
);

/** Functions `tile`, `pack` and `eliminate`. */
export const ELIMINATE = `${tile}
${pack}
${starMesh}`;
