/** Sessions that are to be forgotten: those that signed off, or whose leases ended, before an instant. */

import { fromKeyText } from "./keys.ts";
import type { Partition } from "./partition.ts";
import { listOf, numberOf, optionalBytes, textOf } from "./reply.ts";
import { versionOf } from "./row-version.ts";
import { readSession } from "./session-row.ts";

/** Those of them that hold no items, with the versions that they must still have. */
export async function endedSessions(
  before: number | undefined,
  { reads, keys }: Partition,
): Promise<readonly { readonly id: string; readonly version: string }[]> {
  if (before === undefined) return [];
  const stored = listOf(await reads.one("HGETALL", keys.sessions));
  const ended: { readonly id: string; readonly version: string }[] = [];
  for (let at = 0; at + 1 < stored.length; at += 2) {
    const row = optionalBytes(stored[at + 1]);
    if (row === undefined) continue;
    const { stoppedAt, until } = readSession(row);
    if ((stoppedAt ?? until) < before) ended.push({ id: fromKeyText(textOf(stored[at])), version: versionOf(row) });
  }
  if (ended.length === 0) return [];
  const held = await reads.all(ended.map(({ id }) => ["ZCARD", keys.itemsOf(id)]));
  return ended.filter((_, at) => numberOf(held[at]) === 0);
}
