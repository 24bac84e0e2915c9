// Packages that few programs need: loaded, and if need be downloaded, with their first use.

import { BitlineError } from "../errors.ts";

/**
 * Imports a module that imports npm packages, through Deno's npm client. Its URL is computed, so that programs that do not come here neither load nor download
 * them.
 *
 * @param module Address of the importing module, made from `import.meta.url`.
 * @param what What is loaded, for the message.
 * @param packages What it needs, for the message.
 * @throws {BitlineError} if the packages cannot be had.
 */
export async function lazyPackage<Library>(module: URL, what: string, packages: string): Promise<Library> {
  try {
    return await import(module.href) as Library;
  } catch (cause) {
    throw new BitlineError(`load ${what}`, {
      got: cause instanceof Error ? cause.message.split("\n")[0] : String(cause),
      wanted: `${packages} from npm, at first use`,
      hint: "Check the connection to the npm registry and that --allow-net, --allow-read and --allow-env are given",
      cause,
    });
  }
}
