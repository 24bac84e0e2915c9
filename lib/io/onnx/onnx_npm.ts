// The only module that imports the protobuf packages; loaded by library.ts when an ONNX file is read or written.

import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import type { OnnxLibrary } from "./schema.ts";

/** See {@linkcode OnnxLibrary.decode}. Fields the schema does not know are dropped. */
export const decode: OnnxLibrary["decode"] = (bytes) => fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });

/** See {@linkcode OnnxLibrary.encode}. */
export const encode: OnnxLibrary["encode"] = (model) => {
  return new Uint8Array(toBinary(ModelProtoSchema, create(ModelProtoSchema, model as MessageInitShape<typeof ModelProtoSchema>)));
};
