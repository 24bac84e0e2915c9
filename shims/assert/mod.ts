// @std/assert for machines that reach the npm registry but not JSR: the same functions out of npm:deno-std, with types put back.
// @ts-types="./types.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
