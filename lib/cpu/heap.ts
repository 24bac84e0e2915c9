// First-fit allocator over the shared memory. Blocks are few and large, so a sorted free list is enough.

import { DeviceError } from "../errors.ts";

const PAGE = 65536;
const ALIGN = 64;

interface Block {
  address: number;
  bytes: number;
}

/** Hands out aligned blocks of a growing WebAssembly memory. Addresses below 64 KiB are never used. */
export class Heap {
  readonly #memory: WebAssembly.Memory;
  readonly #used = new Map<number, number>();
  #free: Block[] = [];
  #end = PAGE;

  /** Takes over everything past the first page of `memory`. */
  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Address of a block of at least `bytes`, a multiple of 64. */
  allocate(bytes: number): number {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
    const block = this.#free.find((candidate) => candidate.bytes >= size);
    let address: number;
    if (block !== undefined) {
      address = block.address;
      block.address += size;
      block.bytes -= size;
      if (block.bytes === 0) this.#free = this.#free.filter((candidate) => candidate !== block);
    } else {
      address = this.#end;
      this.#grow(address + size);
      this.#end = address + size;
    }
    this.#used.set(address, size);
    return address;
  }

  /** Returns a block; neighbouring free blocks are joined. */
  free(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new DeviceError("free a block of shared memory", { got: address, wanted: "an address from allocate" });
    this.#used.delete(address);
    const joined: Block[] = [];
    for (const block of [...this.#free, { address, bytes }].sort((a, b) => a.address - b.address)) {
      const last = joined.at(-1);
      if (last !== undefined && last.address + last.bytes === block.address) last.bytes += block.bytes;
      else joined.push({ ...block });
    }
    const last = joined.at(-1);
    if (last !== undefined && last.address + last.bytes === this.#end) {
      this.#end = last.address;
      joined.pop();
    }
    this.#free = joined;
  }

  #grow(end: number): void {
    const pages = Math.ceil((end - this.#memory.buffer.byteLength) / PAGE);
    if (pages <= 0) return;
    try {
      this.#memory.grow(pages);
    } catch (cause) {
      throw new DeviceError("grow the shared memory", {
        got: `${Math.round(end / 1048576)} MiB`,
        wanted: "at most 4096 MiB",
        hint: "Use a smaller batch.",
        cause,
      });
    }
  }
}
