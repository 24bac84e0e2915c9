// Everything deno.lock pins: what the library, the tests and the examples import, less the data packages, which would be fetched by every program
// if the lock file named them.

import "@bufbuild/protobuf";
import "@cliffy/table";
import "@gpu/webgpu";
import "@jsquash/jpeg/decode.js";
import "@jax-js/jax";
import "@nats-io/jetstream";
import "@nats-io/transport-node";
import "@observablehq/plot";
import "@std/assert";
import "@std/cli/parse-args";
import "fast-png";
import "fflate";
import "linkedom";
import "onnx-buf";
import "pickleparser";
import "wabt";
