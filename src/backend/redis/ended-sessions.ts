/** Sessions that are to be forgotten: those that signed off, or whose leases ended, before an instant. */

import { fromKeyText, keyText } from "./keys.ts";
import type { Partition } from "./partition.ts";
import { listOf, numberOf, optionalBytes, textOf } from "./reply.ts";
import { versionOf } from "./row-version.ts";
import { readSession } from "./session-row.ts";

/** Those of them that hold no items here, and have ended where they belong, with the versions that they must still have. */
export async function endedSessions(
  before: number | undefined,
  { reads, keys, isOverElsewhere }: Partition,
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
  const idle = ended.filter((_, at) => numberOf(held[at]) === 0);
  if (isOverElsewhere === undefined) return idle;
  const isOver = await Promise.all(idle.map(({ id }) => isOverElsewhere(id, before)));
  return idle.filter((_, at) => isOver[at] === true);
}

/**
 * Whether a session is over in all partitions: as its own one knows, which requests extend it in, and while another one has
 * items that it held, its own one still knows it.
 */
export async function isOverInAll(
  id: string,
  before: number,
  { own, all }: { readonly own: Partition; readonly all: readonly Partition[] },
): Promise<boolean> {
  const endsAt = await endOf(id, own);
  if (endsAt !== undefined && endsAt >= before) return false;
  const held = await Promise.all(all.map(({ reads, keys }) => reads.one("ZCARD", keys.itemsOf(id))));
  return held.every((count) => numberOf(count) === 0);
}

/** When a session ended or its leases do, as its own partition knows; nothing if it is forgotten there. */
async function endOf(id: string, { reads, keys }: Partition): Promise<number | undefined> {
  const row = optionalBytes(await reads.one("HGET", keys.sessions, keyText(id)));
  if (row === undefined) return undefined;
  const { stoppedAt, until } = readSession(row);
  return stoppedAt ?? until;
}
