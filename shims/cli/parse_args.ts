// parseArgs out of npm:deno-std, with types put back.
// @ts-types="./types.d.ts"
export * from "npm:deno-std@1.4.0/cli/parse_args.js";
