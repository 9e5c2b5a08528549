/** Writes of what belongs to no run alone: definitions, sessions, entries and checkpoints. */

import { MillraceError } from "../../core/errors.ts";
import type { Changes } from "../remote/changes.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import type { Entry, StoredSession } from "../synchronous/row-store.ts";
import type { StagedBody } from "./checkpoint-bodies.ts";
import { writeEntry } from "./entry-row.ts";
import { type CheckpointRow, writeCheckpoint, writeDefinition } from "./history-rows.ts";
import { entryMember, keyText, nameField, numberText } from "./keys.ts";
import { writeCrew, writeSession } from "./session-row.ts";
import { bytesArgument, type Writing } from "./writing.ts";

/** Only where definitions are kept: elsewhere they are there before a step needs them. */
export function writeDefinitions({ definitions }: Changes, { list, keys, rows, isHome }: Writing): void {
  if (definitions.length === 0 || !isHome) return;
  for (const [field, hash] of rows.names) list.expectField(keys.names, field, hash);
  for (const definition of definitions) {
    list.field(keys.definitions, definition.hash, writeDefinition(definition));
    list.field(keys.names, nameField(definition.name, definition.version), definition.hash);
  }
}

export function writeSessions({ sessions }: Changes, writing: Writing): void {
  for (const session of sessions) putSession(session, writing);
}

function putSession(session: StoredSession, { list, keys, rows, version, written }: Writing): void {
  const member = keyText(session.id);
  const known = rows.sessions.get(session.id);
  list.expectVersion(keys.sessions, member, known?.version);
  const birth = known?.birth ?? version;
  if (known?.birth === undefined) {
    list.field(keys.crews, member, writeCrew(session, birth));
    const { id, workerId, leaseMs, queues, labels, definitions, host, pid, startedAt } = session;
    written.crews.push({ id, workerId, leaseMs, queues, labels, definitions, host, pid, startedAt, birth });
  }
  list.field(keys.sessions, member, writeSession(session, birth, version));
  if (session.swept || session.stoppedAt !== undefined) list.displace(keys.leases, member);
  else list.place(keys.leases, member, session.until);
  list.session(member);
}

/** Forgets a session that ended and holds nothing. */
export function forgetSession(id: string, rowVersion: string, { list, keys }: Writing): void {
  const member = keyText(id);
  list.expectVersion(keys.sessions, member, rowVersion);
  list.expectCount(keys.itemsOf(id), 0);
  list.field(keys.sessions, member, undefined);
  list.field(keys.crews, member, undefined);
  list.displace(keys.leases, member);
  list.displace(keys.busy, member);
}

export function writeEntries({ entries }: Changes, writing: Writing): void {
  const { list, keys, rows } = writing;
  for (const { kind, key, before, after } of entries) {
    const member = entryMember(kind, key);
    if (before !== undefined) displaceEntry(before, writing);
    list.field(keys.entries, member, after && writeEntry(after, writing.version));
    for (const place of after?.places ?? []) list.place(keys.entryList(place.list), member, place.at);
    if (after?.runId !== undefined) list.place(keys.entriesOf(after.runId), member, 0);
  }
  // What was looked at is held, whether it is written or not.
  for (const [member, { version }] of rows.entries) list.expectVersion(keys.entries, member, version);
  for (const { key, range, members } of rows.ranges) list.expectRange(key, range, members);
}

export function displaceEntry({ kind, key, runId, places }: Entry, { list, keys }: Writing): void {
  const member = entryMember(kind, key);
  for (const place of places) list.displace(keys.entryList(place.list), member);
  if (runId !== undefined) list.displace(keys.entriesOf(runId), member);
}

/** `bodies`: where those lie that are put, in the order of the changes. */
export function writeCheckpoints({ checkpoints }: Changes, bodies: readonly StagedBody[], writing: Writing): void {
  const { list, keys, rows, version } = writing;
  const current = new Map<string, CheckpointRow | undefined>();
  for (const [id, { row, version: loaded }] of rows.checkpoints) {
    current.set(id, row);
    list.expectVersion(keys.checkpoints, keyText(id), loaded);
  }
  const staged = [...bodies];
  for (const change of checkpoints) {
    const id = change.kind === "remove" ? change.id : change.record.id;
    const before = current.get(id);
    const after = change.kind === "remove" ? undefined : nextRow(change, before, staged, writing);
    if (before !== undefined && before.body !== after?.body) list.unlink(keys.checkpointBody(id, before.body));
    if (before !== undefined) list.displace(keys.checkpointsByStatus(RUN_STATUS.encode(before.status)), keyText(id));
    if (after === undefined) list.displace(keys.checkpointIds, keyText(id));
    else {
      list.place(keys.checkpointIds, keyText(id), 0);
      list.place(keys.checkpointsByStatus(RUN_STATUS.encode(after.status)), keyText(id), after.savedAt);
    }
    list.field(keys.checkpoints, keyText(id), after && writeCheckpoint(after, version));
    current.set(id, after);
  }
}

function nextRow(
  { kind, record, body }: Extract<Changes["checkpoints"][number], { readonly kind: "put" | "append" }>,
  before: CheckpointRow | undefined,
  staged: StagedBody[],
  { list, keys }: Writing,
): CheckpointRow {
  if (kind === "append") {
    if (before === undefined) throw new MillraceError("INTERNAL", "there is no checkpoint to add to");
    const parts = before.parts + 1;
    list.field(keys.checkpointBody(record.id, before.body), numberText(parts), bytesArgument(body));
    return { ...record, body: before.body, parts };
  }
  const place = staged.shift();
  if (place === undefined) throw new MillraceError("INTERNAL", "the body of a checkpoint was not put anywhere");
  const key = keys.checkpointBody(record.id, place.name);
  if (place.parts === 0) list.field(key, numberText(1), bytesArgument(body));
  else list.persist(key);
  return { ...record, body: place.name, parts: Math.max(1, place.parts) };
}
