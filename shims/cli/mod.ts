// @std/cli for machines that reach the npm registry but not JSR. Only parseArgs: the rest is not used here.
export * from "./parse_args.ts";
