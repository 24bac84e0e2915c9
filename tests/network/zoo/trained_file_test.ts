import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  decodeTrained,
  encodeTrained,
  FileError,
  lenet,
  loadTrained,
  type Network,
  OptionError,
  resnet20Pretrained,
  saveTrained,
  tensor,
  vgg7Pretrained,
} from "../../../mod.ts";

/** LeNet with 4-bit unsigned codes for one layer and 8-bit signed ones for another. */
function coded(): Network {
  const network = lenet(), parameters = { ...network.parameters }, codes: Record<string, NonNullable<Network["codes"]>[string]> = {};
  for (const [name, bits, signed] of [["conv2.weight", 4, false], ["fc1.weight", 8, true]] as const) {
    const { shape, data } = parameters[name]!, zero = signed ? 0 : 7.5, scale = signed ? 0.01 : 2 / 15;
    const integers = Int16Array.from(data, (_, index) => signed ? index % 255 - 127 : index % 16);
    codes[name] = { quantizer: { kind: signed ? "uniform" : "dorefa", bits }, codes: tensor(integers, shape), zero, scale, signed };
    parameters[name] = tensor(Float32Array.from(integers, (code) => (code - zero) * scale), shape);
  }
  return { ...network, parameters, codes };
}

Deno.test("encodeTrained() and decodeTrained() lose nothing", () => {
  const network = coded(), notes = { command: "train", accuracy: 0.5 };
  assertEquals(decodeTrained(encodeTrained(network, notes)), { network, notes });
});

Deno.test("decodeTrained() refuses damaged files", () => {
  const bytes = encodeTrained(coded());
  assertThrows(() => decodeTrained(bytes.subarray(0, bytes.length - 1)), FileError, "network file");
  assertThrows(() => decodeTrained(bytes.subarray(0, 4)), FileError, "4 bytes");
  const text = new TextDecoder("latin1").decode(bytes);
  const altered = Uint8Array.from(text.replace("bitline network 1", "bitline network 9"), (character) => character.charCodeAt(0));
  assertThrows(() => decodeTrained(altered), FileError, "bitline network 9");
});

Deno.test("saveTrained() and loadTrained() go through files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await saveTrained(coded(), `${folder}/new/net.safetensors`);
    assertEquals((await loadTrained(`${folder}/new/net.safetensors`)).network, coded());
    await assertRejects(() => loadTrained(`${folder}/none.safetensors`), FileError, "none.safetensors");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("vgg7Pretrained() loads what ships and names the widths there are", async () => {
  const { network, notes } = await vgg7Pretrained({ width: 0.25 });
  assertEquals(network.parameters["conv2.weight"]!.shape, [32, 32, 3, 3]);
  assertEquals(typeof notes["command"], "string");
  assertEquals((await vgg7Pretrained({ width: 0.5 })).network.codes!["conv2.weight"]!.codes.shape, [64, 64, 3, 3]);
  await assertRejects(() => vgg7Pretrained({ width: 3 }), OptionError, "0.25 or 0.5");
});

Deno.test("resnet20Pretrained() loads what ships", async () => {
  const { network, notes } = await resnet20Pretrained();
  assertEquals(network.codes!["layer3.2.conv2.weight"]!.codes.shape, [64, 64, 3, 3]);
  assertEquals([notes["network"], notes["data"]], ["resnet20", "cifar10/train"]);
});
