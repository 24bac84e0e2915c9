import { assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../lib/errors.ts";
import { runFloat } from "../../../lib/network/float_run.ts";
import { validate } from "../../../lib/network/validate.ts";
import { lenet } from "../../../lib/network/zoo/lenet.ts";
import { tensor } from "../../../lib/tensor.ts";

Deno.test("lenet() has the classic shapes and 61,706 parameters", () => {
  const net = lenet();
  const shapes = validate(net);
  const sizes = ["conv1", "pool1", "conv2", "pool2", "flatten", "fc1", "fc2", "fc3"].map((name) => shapes.get(name)!.join("×"));
  assertEquals(sizes, ["28×28×6", "14×14×6", "10×10×16", "5×5×16", "1×1×400", "1×1×120", "1×1×84", "1×1×10"]);
  assertEquals(Object.values(net.parameters).reduce((sum, { data }) => sum + data.length, 0), 61_706);
});

Deno.test("lenet() with batch norm has four of them in place of biases", () => {
  const net = lenet({ batchNorm: true }), order = net.layers.map(({ name }) => name);
  for (const [number, before] of ["conv1", "conv2", "fc1", "fc2"].entries()) {
    assertEquals(order.slice(order.indexOf(before), order.indexOf(before) + 3), [before, `bn${number + 1}`, `relu${number + 1}`]);
    assertEquals(net.parameters[`${before}.bias`], undefined);
  }
  assertEquals(net.parameters["fc3.bias"]!.shape, [10]);
  assertEquals(runFloat(net, tensor(new Uint8Array(28 * 28).fill(200), [1, 28, 28, 1])).logits.shape, [1, 10]);
  assertThrows(() => lenet({ batchNorm: 1 } as never), OptionError, "lenet.batchNorm");
});

Deno.test("lenet() runs", () => {
  const { logits } = runFloat(lenet({ classes: 4 }), tensor(new Uint8Array(28 * 28).fill(200), [1, 28, 28, 1]));
  assertEquals(logits.shape, [1, 4]);
});

Deno.test("lenet() throws on bad options", () => {
  assertThrows(() => lenet({ classes: 0 }), OptionError, "lenet.classes");
  assertThrows(() => lenet({ width: 1 } as never), OptionError, "lenet.width");
});
