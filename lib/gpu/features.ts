// What the shading language offers beyond its core, asked of the provider once per kernel that has a use for it.

import { gpu } from "@gpu/webgpu";

/** Whether kernels may call `dot4I8Packed` and its relatives. */
export function hasPackedDot(): boolean {
  const features = (gpu() as { wgslLanguageFeatures?: { has(name: string): boolean } } | undefined)?.wgslLanguageFeatures;
  return features?.has("packed_4x8_integer_dot_product") ?? false;
}
