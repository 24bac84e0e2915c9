// The protobuf packages behind a surface of plain data: loaded with the first ONNX file, never at start-up.

import { lazyPackage } from "../lazy_package.ts";
import type { OnnxLibrary } from "./schema.ts";

/**
 * Loads onnx-buf and protobuf, through Deno's npm client at first use. The URL is computed so that programs without ONNX files neither load nor
 * download them.
 *
 * @throws {BitlineError} if they cannot be had.
 */
export async function loadOnnx(): Promise<OnnxLibrary> {
  return await lazyPackage<OnnxLibrary>(new URL("./onnx_npm.ts", import.meta.url), "the ONNX schema", "onnx-buf and @bufbuild/protobuf");
}
