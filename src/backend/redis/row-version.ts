/**
 * Versions of rows. Every write of a row gives it a version that no other write has, so that a row which still has the
 * version it was loaded with has not been written since, also if it was removed and made again. They stand before the row,
 * where scripts compare them without reading further.
 */

import type { Buffer } from "node:buffer";
import type { Ids } from "../../core/ports.ts";

/** Characters of a version. Scripts know this length. */
export const VERSION_LENGTH = 12;
const HANDLE_LENGTH = 7;
const COUNT_LENGTH = VERSION_LENGTH - HANDLE_LENGTH;
const RADIX = 36;

/** Gives versions: some random characters of its own, and a count. */
export function versionSource(ids: Pick<Ids, "token">): () => string {
  const random = Number.parseInt(ids.token().slice(0, 12), 16).toString(RADIX);
  const own = random.padStart(HANDLE_LENGTH, "0").slice(-HANDLE_LENGTH);
  let count = 0;
  return () => {
    count = (count + 1) % RADIX ** COUNT_LENGTH;
    return own + count.toString(RADIX).padStart(COUNT_LENGTH, "0");
  };
}

export function versionOf(row: Buffer): string {
  return row.toString("latin1", 0, VERSION_LENGTH);
}
