// One way to name content by its hash.

/** SHA-256 of bytes, or of text as UTF-8, as hexadecimal digits. */
export async function sha256(content: string | Uint8Array): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  // Shared memory cannot be hashed where it lies.
  const own = bytes.buffer instanceof ArrayBuffer ? bytes as Uint8Array<ArrayBuffer> : new Uint8Array(bytes);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", own)).toHex();
}
