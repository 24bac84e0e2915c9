// The protobuf packages behind a surface of plain data: loaded with the first ONNX file, never at start-up.

import { BitlineError } from "../../errors.ts";
import type { OnnxLibrary } from "./schema.ts";

/**
 * Loads onnx-buf and protobuf, through Deno's npm client at first use. The URL is computed so that programs without ONNX files neither load nor
 * download them.
 *
 * @throws {BitlineError} if they cannot be had.
 */
export async function loadOnnx(): Promise<OnnxLibrary> {
  try {
    return await import(new URL("./onnx_npm.ts", import.meta.url).href) as OnnxLibrary;
  } catch (cause) {
    throw new BitlineError("load the ONNX schema", {
      got: cause instanceof Error ? cause.message.split("\n")[0] : String(cause),
      wanted: "onnx-buf and @bufbuild/protobuf from npm, at first use",
      hint: "Check the connection to the npm registry and that --allow-net, --allow-read and --allow-env are given",
      cause,
    });
  }
}
