// The only module that imports the JPEG package, libjpeg in WebAssembly; loaded by jpeg.ts with the first JPEG file.

import decoder, { init } from "@jsquash/jpeg/decode.js";
import type { JpegLibrary } from "./jpeg.ts";

/** What the decoder says while it decodes, in place of the console. */
const said: string[] = [];
let ready: Promise<void> | undefined, last: Promise<unknown> = Promise.resolve();

/** See {@linkcode JpegLibrary.decode}. Files are decoded one after the other; after a failure the next one gets a fresh decoder. */
export const decode: JpegLibrary["decode"] = (bytes) => {
  const turn = last.catch(() => {}).then(async () => {
    const listen = (text: unknown) => void said.push(String(text));
    await (ready ??= init({ print: listen, printErr: listen } as Parameters<typeof init>[0]));
    said.length = 0;
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
    try {
      const { width, height, data } = await decoder(whole);
      return { width, height, data, warnings: [...said] };
    } catch (cause) {
      ready = undefined;
      throw new Error(said[0] ?? (cause instanceof Error ? cause.message : "a file that cannot be decoded"), { cause });
    }
  });
  last = turn;
  return turn;
};
