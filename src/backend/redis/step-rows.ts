/**
 * What one step has loaded, with the versions that it was loaded with: what it must find unchanged when it is applied. Each
 * row is handed on as it comes. Invariant: a row that was handed on last is the one whose version is known here.
 */

import type { Buffer } from "node:buffer";
import type { RunDetails, RunState } from "../contract/run.ts";
import type { ItemPayload } from "../contract/work-item.ts";
import type { LoadedRows } from "../remote/remote-store.ts";
import type { Entry } from "../synchronous/row-store.ts";
import { readEntry } from "./entry-row.ts";
import { type CheckpointRow, readCheckpoint, readGroup } from "./history-rows.ts";
import { type ItemRow, readPayload } from "./item-row.ts";
import { fromEntryMember, fromItemMember, fromNumberText, itemMember } from "./keys.ts";
import type { RecentRows } from "./recent-rows.ts";
import { optionalBytes, optionalText, type Reply } from "./reply.ts";
import { versionOf } from "./row-version.ts";
import { readDetails } from "./run-row.ts";
import { readCrew, readSession, sessionOf } from "./session-row.ts";

export interface KnownRow<T> {
  /** Absent for a row that is absent. */
  readonly version: string | undefined;
  readonly row: T | undefined;
}

export class StepRows {
  readonly runs = new Map<string, KnownRow<RunState>>();
  readonly details = new Map<string, RunDetails | undefined>();
  /** By member of indexes. */
  readonly items = new Map<string, KnownRow<ItemRow>>();
  /** What items carry whose input is replaced. By member. */
  readonly payloads = new Map<string, ItemPayload>();
  readonly sessions = new Map<string, { readonly version: string | undefined; readonly birth: string | undefined }>();
  /** By member. */
  readonly entries = new Map<string, KnownRow<Entry>>();
  /** Parts of lists of entries, as they were: they must not have gained or lost any. */
  readonly ranges: { readonly key: string; readonly range: readonly string[]; readonly members: readonly string[] }[] =
    [];
  readonly checkpoints = new Map<string, KnownRow<CheckpointRow>>();
  /** By key of the value. */
  readonly runIds = new Map<string, string | undefined>();
  readonly names = new Map<string, string | undefined>();
  /** By run and field. */
  readonly snapshots = new Map<string, string | undefined>();
  /** Items aside, of runs whose list of them the step decided by. */
  readonly asideCounts = new Map<string, number>();
  /** Runs that must be as they were in all things, not just in what items are written by. */
  readonly wholeRuns = new Set<string>();
  /** What others pass over meanwhile. */
  readonly reserved: string[] = [];
  /** Something was left out because others had reserved it. */
  contended = false;
  readonly #recent: RecentRows;

  constructor(recent: RecentRows) {
    this.#recent = recent;
  }

  run(runId: string, reply: Reply, rows: LoadedRows): RunState | undefined {
    const stored = optionalBytes(reply);
    const row = stored === undefined ? undefined : this.#recent.run(runId, stored);
    this.runs.set(runId, { version: stored && versionOf(stored), row });
    rows.run(runId, row);
    return row;
  }

  /** `payload`: what stands in the field for small ones, if it was read. */
  item(runId: string, item: number, reply: Reply, rows: LoadedRows, payload?: Buffer): ItemRow | undefined {
    const stored = optionalBytes(reply);
    const row = stored === undefined ? undefined : this.#recent.item(runId, item, stored);
    this.items.set(itemMember(runId, item), { version: stored && versionOf(stored), row });
    rows.item(runId, item, row && { ...row, payload: payloadOf(row, payload) });
    return row;
  }

  groups(runId: string, reply: readonly Reply[], rows: LoadedRows): void {
    for (let at = 0; at + 1 < reply.length; at += 2) {
      const stored = optionalBytes(reply[at + 1]);
      const group = fromNumberText(optionalText(reply[at])?.slice(1) ?? "");
      if (stored !== undefined) rows.group(runId, group, readGroup(runId, group, stored));
    }
  }

  runDetails(runId: string, reply: readonly Reply[], rows: LoadedRows): void {
    const details = optionalBytes(reply[0]) === undefined ? undefined : readDetails(reply);
    this.details.set(runId, details);
    rows.runDetails(runId, details);
  }

  session(id: string, row: Reply, crew: Reply, rows: LoadedRows): void {
    const stored = optionalBytes(row);
    if (stored === undefined) {
      this.sessions.set(id, { version: undefined, birth: undefined });
      rows.session(id, undefined);
      return;
    }
    const read = readSession(stored);
    const staying = optionalBytes(crew);
    if (staying !== undefined) this.#recent.wroteCrew(readCrew(staying));
    const known = this.#recent.crew(id);
    if (known?.birth !== read.birth) return;
    this.sessions.set(id, { version: versionOf(stored), birth: read.birth });
    rows.session(id, sessionOf(read, known));
  }

  /** Of a session whose row was read without the rest, and the rest is not that of this row. */
  isUnknown(session: string): boolean {
    return !this.sessions.has(session);
  }

  entry(member: string, reply: Reply, rows: LoadedRows): void {
    const stored = optionalBytes(reply);
    const row = stored && readEntry(member, stored);
    const { kind, key } = fromEntryMember(member);
    this.entries.set(member, { version: stored && versionOf(stored), row });
    rows.entry(kind, key, row);
  }

  checkpoint(id: string, reply: Reply, rows: LoadedRows): void {
    const stored = optionalBytes(reply);
    const row = stored && readCheckpoint(stored);
    this.checkpoints.set(id, { version: stored && versionOf(stored), row });
    rows.checkpoint(id, row && recordOf(row));
  }

  /** A list of items with their runs, as `load` gives it; the keys of the items. */
  itemList(reply: readonly Reply[], rows: LoadedRows) {
    const [contended, complete, count = 0] = reply;
    if (contended === 1) this.contended = true;
    const keys: { readonly runId: string; readonly item: number }[] = [];
    const end = 3 + Number(count) * 3;
    for (let at = 3; at < end; at += 3) {
      const member = optionalText(reply[at]) ?? "";
      const { runId, item } = fromItemMember(member);
      this.item(runId, item, reply[at + 1], rows, optionalBytes(reply[at + 2]));
      keys.push({ runId, item });
    }
    return { keys, members: reply.slice(3, end), complete: complete === 1, runs: reply.slice(end) };
  }

  reserve(...names: readonly string[]): void {
    this.reserved.push(...names);
  }
}

function payloadOf(row: ItemRow, stored: Buffer | undefined): ItemPayload | undefined {
  if (row.payload === "none") return readPayload(undefined);
  return row.payload === "small" && stored !== undefined ? readPayload(stored) : undefined;
}

function recordOf({ id, version, status, savedAt, bytes }: CheckpointRow) {
  return { id, version, status, savedAt, bytes };
}
