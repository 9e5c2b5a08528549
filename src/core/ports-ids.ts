/**
 * Makes ids from a source of random bytes: UUIDv7 (RFC 9562) for runs, plain random tokens for the rest. Invariant: run
 * ids of one generator grow strictly, whatever the clock does.
 */

import type { Ids } from "./ports-contract.ts";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const LAST_MS = 2 ** 48 - 1;
const LAST_COUNT = 0xfff;

/** Ids from `fill`, which fills the given bytes with random ones. */
export function createIds(fill: (bytes: Uint8Array) => void): Ids {
  let lastMs = -1;
  let count = 0;

  // The 12 bits beside the time count within one millisecond (RFC 9562, 6.2, method 1); they start in the lower half,
  // so that there is room to count. When it runs out, the id's time goes ahead of the clock.
  function step(now: number, entropy: number): void {
    const ms = Math.min(Math.max(Math.floor(now), 0), LAST_MS);
    if (ms > lastMs) {
      lastMs = ms;
      count = entropy;
    } else if (count < LAST_COUNT) {
      count += 1;
    } else {
      lastMs += 1;
      count = entropy;
    }
  }

  return {
    runId(now) {
      const bytes = new Uint8Array(16);
      fill(bytes);
      step(now, (byteAt(bytes, 6) << 3) | (byteAt(bytes, 7) >> 5));
      const time = lastMs.toString(16).padStart(12, "0");
      const counter = count.toString(16).padStart(3, "0");
      const variant = HEX[(byteAt(bytes, 8) & 0x3f) | 0x80];
      return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${variant}${hex(bytes, 9, 10)}-${hex(bytes, 10, 16)}`;
    },
    token() {
      const bytes = new Uint8Array(16);
      fill(bytes);
      return hex(bytes, 0, 16);
    },
  };
}

function hex(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at += 1) {
    text += HEX[byteAt(bytes, at)];
  }
  return text;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
