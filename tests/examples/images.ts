// Small stand-ins for image sets, in their own file formats, so that examples run without a download.

/** Writes MNIST's four files: the first thousand images of each noise under a bright patch whose place is the class, the rest black. */
export async function writeDigits(folder: string): Promise<void> {
  const header = (magic: number, ...sizes: number[]) => {
    const bytes = new Uint8Array(4 + 4 * sizes.length), view = new DataView(bytes.buffer);
    [magic, ...sizes].forEach((word, at) => view.setUint32(4 * at, word));
    return bytes;
  };
  for (const [prefix, count] of [["train", 60000], ["t10k", 10000]] as const) {
    const images = new Uint8Array(count * 784), labels = Uint8Array.from({ length: count }, (_, image) => image % 10);
    for (let at = 0; at < 784 * 1000; at++) {
      const label = labels[Math.floor(at / 784)]!, row = Math.floor(at / 28) % 28, column = at % 28;
      const bright = Math.floor(row / 6) === Math.floor(label / 5) + 1 && Math.floor(column / 6) === label % 5;
      images[at] = bright ? 255 : (at * 7919) % 61;
    }
    const write = (name: string, ...parts: Uint8Array[]) => Deno.writeFile(`${folder}/${name}`, new Blob(parts as BlobPart[]).stream());
    await write(`${prefix}-images-idx3-ubyte`, header(0x803, count, 28, 28), images);
    await write(`${prefix}-labels-idx1-ubyte`, header(0x801, count), labels);
  }
}

/** Writes the first training file and the test file of CIFAR-10's binary version: images of one shade a class. */
export async function writePhotographs(folder: string): Promise<void> {
  const bytes = new Uint8Array(10000 * 3073);
  for (let image = 0; image < 10000; image++) {
    bytes.fill(25 * (image % 10), image * 3073, (image + 1) * 3073);
    bytes[image * 3073] = image % 10;
  }
  for (const name of ["data_batch_1", "test_batch"]) await Deno.writeFile(`${folder}/${name}.bin`, bytes);
}
