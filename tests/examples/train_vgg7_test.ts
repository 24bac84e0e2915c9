import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { tensor, train, vgg7 } from "../../mod.ts";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("train_vgg7", args);

Deno.test("train_vgg7.ts --help lists every option", async () => {
  const { code, out } = await run("--help");
  assertEquals(code, 0);
  for (
    const name of [
      "width",
      "epochs",
      "seed",
      "batch",
      "rate",
      "float",
      "checkpoint",
      "from",
      "noise",
      "out",
      "limit",
      "data",
      "threads",
      "json",
    ]
  ) {
    assertStringIncludes(out, `--${name}`);
  }
});

Deno.test("train_vgg7.ts refuses unknown options and missing data, saying what to do", async () => {
  const [option, value, data] = await Promise.all([
    run("--epoch", "3"),
    run("--epochs", "few"),
    run("--data", "no/such/folder", "--limit", "9"),
  ]);
  assertEquals([option.code, value.code, data.code], [2, 2, 1]);
  assertStringIncludes(option.error, "--epoch)");
  assertStringIncludes(option.error, "--epochs");
  assertStringIncludes(value.error, "an integer of at least 1");
  assertStringIncludes(data.error, "no/such/folder");
  assert([option, value, data].every(({ out }) => out === ""));
});

Deno.test("train_vgg7.ts --from repeats the channels of a narrower network, and --noise is refused without one", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const narrow = `${folder}/narrow.safetensors`, wide = `${folder}/wide.safetensors`, images = `${folder}/cifar`;
    await Deno.mkdir(images);
    const pixels = Uint8Array.from({ length: 8 * 3072 }, (_, index) => (index * 37) % 251), labels = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
    const data = { name: "noise", images: tensor(pixels, [8, 32, 32, 3]), labels, classes: [] };
    await train(vgg7({ width: 0.03125 }), data, { recipe: { epochs: 1, batch: 8 }, checkpoint: narrow, threads: 1 });
    for (const file of ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]) {
      await Deno.create(`${images}/${file}.bin`).then((empty) => empty.close());
      await Deno.truncate(`${images}/${file}.bin`, 10000 * 3073);
    }
    const few = ["--data", images, "--limit", "16", "--batch", "8", "--epochs", "1", "--threads", "1"], out = `${folder}/out.safetensors`;
    const [widened, refused] = await Promise.all([
      run(...few, "--width", "0.0625", "--from", narrow, "--noise", "0.2", "--checkpoint", wide, "--out", out, "--json"),
      run(...few, "--width", "0.03125", "--from", narrow, "--noise", "0.2", "--checkpoint", `${folder}/none.safetensors`),
    ]);
    assertEquals([widened.code, refused.code], [0, 2], widened.error + refused.error);
    assertEquals(JSON.parse(widened.out).steps, 2);
    assertStringIncludes(refused.error, "--noise");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
