import { assertEquals, assertThrows } from "@std/assert";
import { MappingError, OptionError } from "../../lib/errors.ts";
import { bankGroups, MARS, marsAccelerator, type MarsChanges, marsGroup } from "../../lib/mars/accelerator.ts";

Deno.test("marsAccelerator() keeps what is not changed and is plain data", () => {
  const changed = marsAccelerator({ energy: { staticMw: 2 }, macro: { rows: 64 }, pingPong: false });
  assertEquals(JSON.parse(JSON.stringify(changed)), changed);
  assertEquals([changed.energy, changed.macro], [{ ...MARS.energy, staticMw: 2 }, { ...MARS.macro, rows: 64 }]);
  assertEquals(marsAccelerator(), MARS);
  assertEquals(marsAccelerator(JSON.parse(JSON.stringify(MARS))), MARS);
});

Deno.test("marsAccelerator() names the field it refuses", () => {
  const wrong: readonly [MarsChanges, string][] = [
    [{ cores: 0 }, "mars.cores"],
    [{ macro: { wordLines: 200 } }, "mars.macro.wordLines"],
    [{ macro: { bitLines: 65 } }, "mars.macro.bitLines"],
    [{ macro: { partitionsOn: 5 } }, "mars.macro.partitionsOn"],
    [{ macro: { partitions: 1 } }, "mars.macro.partitions"],
    [{ energy: { activationPj: -1 } }, "mars.energy.activationPj"],
    [{ clockMhz: 0 }, "mars.clockMhz"],
    [{ reloadBits: NaN }, "mars.reloadBits"],
    [{ index: "huffman" as "auto" }, "mars.index"],
    [{ macro: { row: 3 } as object }, "mars.macro.row"],
    [{ macros: 3 } as object, "mars.macros"],
    [{ pingPong: 1 as unknown as boolean }, "mars.pingPong"],
  ];
  for (const [changes, where] of wrong) assertThrows(() => marsAccelerator(changes), OptionError, where);
});

Deno.test("marsGroup() and bankGroups() follow lines on at once, cells and halves", () => {
  const slc = marsAccelerator(), mlc = marsAccelerator({ macro: { cellBits: 2 } });
  assertEquals([marsGroup(slc, 3), marsGroup(mlc, 3)], [{ rows: 16, columns: 21 }, { rows: 16, columns: 32 }]);
  assertThrows(() => marsGroup(marsAccelerator({ macro: { bitLines: 4 } }), 8), MappingError, "bitLines");
  // 8 places a partition; half of 8 partitions, or all; three at once leave out what does not fill an activation.
  assertEquals(bankGroups(slc), 32);
  assertEquals(bankGroups(marsAccelerator({ pingPong: false })), 64);
  assertEquals(bankGroups(marsAccelerator({ macro: { partitionsOn: 3 } })), 30);
});
