// All device models by name, so that a device can stand in a JSON file.

import { OptionError } from "../errors.ts";
import { ACTION, type Device, type DeviceDescription } from "./device.ts";
import { genericDevice } from "./generic.ts";
import { pcmHermes } from "./pcm_hermes.ts";
import { pcmJoshi } from "./pcm_joshi.ts";
import { pcmLike } from "./pcm_like.ts";
import { reramCmo } from "./reram_cmo.ts";
import { rramMilo } from "./rram_milo.ts";
import { rramWan } from "./rram_wan.ts";
import { sonosAgrawal } from "./sonos_agrawal.ts";
import { stateIndependent } from "./state_independent.ts";
import { type FaultOptions, stuckAt } from "./stuck_at.ts";
import { tableDevice, type TableOptions } from "./table.ts";

/** Builders check every option themselves, so that what a file holds may be handed to them as it is. */
const BUILDERS = {
  generic: genericDevice,
  rram_milo: rramMilo,
  rram_wan: rramWan,
  pcm_joshi: pcmJoshi,
  pcm_like: pcmLike,
  pcm_hermes: pcmHermes,
  state_independent: stateIndependent,
  reram_cmo: reramCmo,
  sonos_agrawal: sonosAgrawal,
  table: (options: object) => tableDevice(options as TableOptions),
  stuck_at: ({ device: inner, ...faults }: { readonly device?: unknown }) =>
    stuckAt(device(inner as DeviceDescription, "stuck_at.device"), faults as FaultOptions),
} as const;

/** Names of the device models. */
export const DEVICE_MODELS: readonly string[] = Object.keys(BUILDERS);

/**
 * Builds a device from its description, for instance from a JSON file; options left out take their defaults.
 *
 * @param where Path of the description in messages.
 * @throws {OptionError} if the model or an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { device, pcmLike, stuckAt } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const cell = stuckAt(pcmLike({ onOff: 100 }), { low: 0.01 });
 * assertEquals(device(JSON.parse(JSON.stringify(cell.description))).description, cell.description);
 * assertEquals(device({ model: "rram_milo" }).gMax, 225);
 * ```
 */
export function device(description: DeviceDescription, where = "device"): Device {
  const { model, ...options } = typeof description === "object" && description !== null ? description : { model: description };
  if (typeof model !== "string" || !Object.hasOwn(BUILDERS, model)) {
    throw new OptionError(ACTION, { where: `${where}.model`, got: model ?? "nothing", wanted: `one of ${DEVICE_MODELS.join(", ")}` });
  }
  return BUILDERS[model as keyof typeof BUILDERS](options as never);
}
