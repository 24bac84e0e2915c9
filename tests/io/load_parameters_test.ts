// State dicts into networks: the same numbers come out as where they came from.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { zipSync } from "fflate";
import {
  FileError,
  GraphError,
  lenet,
  loadParameters,
  network,
  OptionError,
  readOnnx,
  runFloat,
  ShapeError,
  type Tensor,
  tensor,
  writeSafetensors,
} from "../../mod.ts";
import { floats, pixels } from "./onnx/build.ts";

const folder = new URL("./onnx/", import.meta.url).pathname;

/** The network of make_models.py, written anew. */
function twin() {
  return network({ name: "flatten", input: [8, 8, 3] }, (b) => {
    b.conv("conv", { channels: 4, kernel: 3, padding: 1 });
    b.batchNorm("bn");
    b.relu("relu1");
    b.averagePool("pool", { kernel: 2 });
    b.flatten("rows");
    b.batchNorm("flat");
    b.linear("fc1", { features: 12 });
    b.relu("relu2");
    b.linear("fc2", { features: 5 });
    b.softmax("shares");
  });
}

/** An array as a .npy file. */
function npy({ data, shape }: Tensor): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.map((extent) => `${extent},`).join("")}), }`;
  return Uint8Array.from([
    0x93,
    ...new TextEncoder().encode("NUMPY"),
    1,
    0,
    header.length & 255,
    header.length >> 8,
    ...new TextEncoder().encode(header),
    ...new Uint8Array(data.slice().buffer),
  ]);
}

Deno.test("loadParameters() makes of a .pth what the exported file computes", async () => {
  const loaded = await loadParameters(twin(), `${folder}flatten.pth`), exported = await readOnnx(`${folder}flatten.onnx`);
  const images = tensor(pixels(2 * 192, 5), [2, 8, 8, 3]);
  assertEquals(runFloat(loaded, images).logits, runFloat(exported, images).logits);
});

Deno.test("loadParameters() reads .npz and .safetensors, and refuses other files", async () => {
  const own = lenet({ seed: 3 }), path = await Deno.makeTempDir(), options = { layout: "bitline" } as const;
  try {
    await writeSafetensors(`${path}/a.safetensors`, own.parameters);
    await Deno.writeFile(
      `${path}/a.npz`,
      zipSync(Object.fromEntries(Object.entries(own.parameters).map(([name, values]) => [`${name}.npy`, npy(values)]))),
    );
    for (const name of ["a.safetensors", "a.npz"]) {
      assertEquals((await loadParameters(lenet({ seed: 9 }), `${path}/${name}`, options)).parameters, own.parameters);
    }
    await Deno.writeFile(`${path}/bomb.npz`, zipSync({ "x.npy": new Uint8Array(4 * 2 ** 20) }));
    await assertRejects(() => loadParameters(lenet(), `${path}/bomb.npz`), FileError, "ratio");
    await assertRejects(() => loadParameters(lenet(), `${path}/a.h5`), FileError, ".h5");
    await assertRejects(() => loadParameters(lenet(), `${path}/none.pth`), FileError, "none.pth");
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

Deno.test("loadParameters() turns the layouts of Keras", async () => {
  const net = network({ name: "keras", input: [4, 4, 2] }, (b) => {
    b.conv("c", { channels: 3, kernel: [2, 1] });
    b.conv("d", { channels: 6, kernel: 2, groups: 3 });
    b.batchNorm("n");
    b.flatten("f");
    b.linear("l", { features: 5 });
  });
  const source: Record<string, Tensor> = {},
    permuted = (shape: number[], seed: number) => tensor(floats(shape.reduce((a, b) => a * b), seed), shape);
  source["c.kernel"] = permuted([2, 1, 2, 3], 1);
  source["d.depthwise_kernel"] = permuted([2, 2, 3, 2], 2);
  source["l.kernel"] = permuted([36, 5], 3);
  source["c.bias"] = permuted([3], 4);
  source["d.bias"] = permuted([6], 5);
  source["l.bias"] = permuted([5], 6);
  for (const [part, seed] of [["gamma", 7], ["beta", 8], ["moving_mean", 9], ["moving_variance", 10]] as const) {
    source[`n.${part}`] = permuted([6], seed);
  }
  const { parameters } = await loadParameters(net, source, { layout: "keras" });
  const at = (name: string, ...index: number[]) => {
    const { data, shape } = parameters[name]!;
    return data[index.reduce((sum, each, axis) => sum * shape[axis]! + each, 0)];
  };
  assertEquals(at("c.weight", 2, 1, 1, 0), source["c.kernel"]!.data[(1 * 2 + 1) * 3 + 2]);
  // Output channel 5 of the depthwise layer is copy 1 of input channel 2.
  assertEquals(at("d.weight", 5, 0, 1, 0), source["d.depthwise_kernel"]!.data[((1 * 2 + 0) * 3 + 2) * 2 + 1]);
  assertEquals(at("l.weight", 4, 17), source["l.kernel"]!.data[17 * 5 + 4]);
  assertEquals(parameters["n.variance"]!.data, source["n.moving_variance"]!.data);
});

Deno.test("loadParameters() maps names, and names what is missing, left over or of another shape", async () => {
  const own = lenet({ seed: 3 }),
    prefixed = Object.fromEntries(Object.entries(own.parameters).map(([name, values]) => [`module.${name}`, values]));
  const options = { layout: "bitline" } as const;
  const loaded = await loadParameters(lenet({ seed: 9 }), prefixed, { ...options, rename: (name) => `module.${name}` });
  assertEquals(loaded.parameters, own.parameters);
  const [first, ...names] = Object.keys(own.parameters);
  const without = Object.fromEntries(names.map((name) => [name, own.parameters[name]!]));
  await assertRejects(() => loadParameters(lenet(), without, options), GraphError, first!);
  assertEquals(
    (await loadParameters(lenet({ seed: 9 }), without, { ...options, strict: false })).parameters[names[0]!],
    own.parameters[names[0]!],
  );
  const renamed = await loadParameters(lenet(), { ...without, kernel: own.parameters[first!]! }, {
    ...options,
    rename: { [first!]: "kernel" },
  });
  assertEquals(renamed.parameters[first!], own.parameters[first!]);
  await assertRejects(
    () => loadParameters(lenet(), { ...own.parameters, more: tensor(new Float32Array(1), [1]) }, options),
    GraphError,
    "more",
  );
  const wrong = { ...own.parameters, [first!]: tensor(new Float32Array(4), [2, 2]) };
  await assertRejects(() => loadParameters(lenet(), wrong, options), ShapeError, first!);
  await assertRejects(() => loadParameters(lenet(), own.parameters, { layout: "caffe" as "keras" }), OptionError, "layout");
  assert(!("codes" in loaded));
});
