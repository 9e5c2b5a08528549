/**
 * What a step wants, as the arguments of one script call, and what comes back, as rows. Wants about one run become one
 * reading of that run. It asks and reads; how often and what for is the step's matter.
 */

import type { RunStatus } from "../../core/status.ts";
import type { LoadedRows } from "../remote/remote-store.ts";
import type { Want } from "../remote/wants.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { CLAIM_OVERSCAN } from "../synchronous/claim.ts";
import { DUE_ENTRIES } from "../synchronous/row-store.ts";
import type { Argument } from "./driver.ts";
import { readPayload } from "./item-row.ts";
import {
  afterEntryKey,
  entryMember,
  fromEntryMember,
  fromKeyText,
  fromNumberText,
  keyText,
  nameField,
  numberText,
  type PartitionKeys,
  RUN_FIELDS,
} from "./keys.ts";
import type { Lanes } from "./lanes.ts";
import type { RecentRows } from "./recent-rows.ts";
import { listOf, optionalBytes, optionalText, type Reply, textOf } from "./reply.ts";
import { DETAIL_FIELDS } from "./run-row.ts";
import type { StepRows } from "./step-rows.ts";
import { scoreText } from "./write-list.ts";

export interface LoadRequest {
  readonly args: readonly Argument[];
  /** Lanes that were known when it was made: with more than these, it has to be made again. */
  readonly lanes: number;
  /** Reads the replies; gives what has to be asked for once more. */
  read(replies: readonly Reply[], step: StepRows, rows: LoadedRows): readonly Want[];
}

interface Around {
  readonly keys: PartitionKeys;
  readonly lanes: Lanes;
  readonly recent: RecentRows;
  /** `no`: whatever others do. `wait`: not while somebody has it alone. `alone`: and then have it alone for a moment. */
  lockOf(runId: string): "no" | "wait" | "alone";
  /** Definitions are kept in this partition. */
  readonly isHome: boolean;
  /** Idempotency keys of this partition are kept elsewhere: runs are not found by them here. */
  readonly keysElsewhere: boolean;
}

type Reader = (reply: Reply, step: StepRows, rows: LoadedRows) => readonly Want[] | undefined;

const LOCKS = { no: "0", wait: "1", alone: "2" } as const;

export function loadRequest(wants: readonly Want[], around: Around): LoadRequest {
  const runs = new Map<string, WantedRun>();
  const rest: Argument[] = [];
  const readers: Reader[] = [];
  for (const want of wants) {
    const asked = askForRun(want, runs) ? undefined : askFor(want, around);
    if (asked === undefined) continue;
    rest.push(...asked.args);
    readers.push(asked.read);
  }
  const first = [...runs].flatMap(([runId, wanted]) => argumentsOf(runId, wanted, around));
  const runReaders = [...runs].map(([runId, wanted]) => runReader(runId, wanted, around));
  return {
    args: [...first, ...rest],
    lanes: around.lanes.count,
    read: (replies, step, rows) => {
      const all = [...runReaders, ...readers];
      return all.flatMap((read, at) => read(replies[at], step, rows) ?? []);
    },
  };
}

// One run --------------------------------------------------------------------------------------------------------------

interface WantedRun {
  hold: boolean;
  details: boolean;
  readonly items: Set<number>;
  readonly groups: Set<number>;
  readonly payloads: Set<number>;
  readonly snapshots: Set<string>;
}

/** Whether the want is about rows that lie in the hash of a run. */
function askForRun(want: Want, runs: Map<string, WantedRun>): boolean {
  switch (want.kind) {
    case "run": {
      const wanted = wantedRun(runs, want.runId);
      wanted.hold ||= want.hold;
      return true;
    }
    case "runDetails":
      wantedRun(runs, want.runId).details = true;
      return true;
    case "item":
      wantedRun(runs, want.runId).items.add(want.item);
      return true;
    case "group":
      wantedRun(runs, want.runId).groups.add(want.group);
      return true;
    case "payload":
      wantedRun(runs, want.runId).payloads.add(want.item);
      return true;
    case "snapshot":
      wantedRun(runs, want.runId).snapshots.add(want.shape);
      return true;
    default:
      return false;
  }
}

function wantedRun(runs: Map<string, WantedRun>, runId: string): WantedRun {
  const known = runs.get(runId);
  if (known !== undefined) return known;
  const wanted: WantedRun = {
    hold: false,
    details: false,
    items: new Set(),
    groups: new Set(),
    payloads: new Set(),
    snapshots: new Set(),
  };
  runs.set(runId, wanted);
  return wanted;
}

function fieldsOf({ details, items, groups, payloads, snapshots }: WantedRun): readonly string[] {
  return [
    RUN_FIELDS.state,
    ...(details ? DETAIL_FIELDS : []),
    ...[...items].map(RUN_FIELDS.item),
    ...[...groups].map(RUN_FIELDS.group),
    ...[...payloads].flatMap((item) => [RUN_FIELDS.payload(item), RUN_FIELDS.largePayload(item)]),
    ...[...snapshots].map(RUN_FIELDS.snapshotSequence),
  ];
}

function argumentsOf(runId: string, wanted: WantedRun, { lockOf }: Around): readonly Argument[] {
  const fields = fieldsOf(wanted);
  const lock = LOCKS[wanted.hold ? lockOf(runId) : "no"];
  return ["R", keyText(runId), lock, String(fields.length), ...fields];
}

function runReader(runId: string, wanted: WantedRun, { lockOf }: Around): Reader {
  const isAlone = wanted.hold && lockOf(runId) === "alone";
  return (reply, step, rows) => {
    // Given back with the step, so that whoever waits for it waits no longer than it takes.
    if (isAlone) step.reserve(`R ${keyText(runId)}`);
    const values = listOf(reply);
    let at = 0;
    const next = (): Reply => {
      at += 1;
      return values[at - 1];
    };
    step.run(runId, next(), rows);
    if (wanted.details) step.runDetails(runId, [next(), next(), next(), next()], rows);
    for (const item of wanted.items) step.item(runId, item, next(), rows);
    for (const group of wanted.groups) {
      const row = next();
      if (optionalBytes(row) === undefined) rows.group(runId, group, undefined);
      else step.groups(runId, [RUN_FIELDS.group(group), row], rows);
    }
    for (const item of wanted.payloads) {
      const [small, large] = [optionalBytes(next()), optionalBytes(next())];
      rows.payload(runId, item, readPayload(small ?? large));
    }
    for (const shape of wanted.snapshots) {
      const stored = optionalText(next());
      const field = RUN_FIELDS.snapshotSequence(shape);
      step.snapshots.set(`${runId} ${field}`, stored);
      rows.snapshot(runId, shape, stored === undefined ? undefined : fromNumberText(stored));
    }
    step.groups(runId, listOf(next()), rows);
    return undefined;
  };
}

// Everything else ------------------------------------------------------------------------------------------------------

interface Asked {
  readonly args: readonly Argument[];
  readonly read: Reader;
}

function askFor(want: Want, around: Around): Asked | undefined {
  const { keys } = around;
  switch (want.kind) {
    case "definitionHash": {
      if (!around.isHome) return undefined;
      const field = nameField(want.name, want.version);
      return fieldOf(keys.names, field, (reply, step, rows) => {
        const hash = optionalText(reply);
        step.names.set(field, hash);
        rows.definitionHash(want.name, want.version, hash);
      });
    }
    case "runIdByKey":
      return around.keysElsewhere ? undefined : askForKey(want.workflow, want.idempotencyKey, around);
    case "session":
      return askForSession(want.id, around);
    case "entry": {
      const member = entryMember(want.entryKind, want.key);
      return fieldOf(keys.entries, member, (reply, step, rows) => step.entry(member, reply, rows));
    }
    case "entries":
      return askForEntries(want, around);
    case "checkpoint":
      return fieldOf(keys.checkpoints, keyText(want.id), (reply, step, rows) => step.checkpoint(want.id, reply, rows));
    case "memos":
      return { args: ["M", keyText(want.runId), numberText(want.item)], read: memosReader(want.runId, want.item) };
    case "ready": {
      const lanes = around.lanes.selected(want.selection);
      // What is only looked at, to choose from, is left to others.
      const reserved = Math.max(1, want.limit - CLAIM_OVERSCAN);
      const counts = [want.limit, reserved, lanes.length].map(String);
      const args = ["Q", want.stalled ? "1" : "0", ...counts, ...lanes];
      return { args, read: itemsReader(want, true) };
    }
    case "due":
      return { args: ["D", String(want.limit)], read: itemsReader(want, true) };
    case "itemsOf":
      return { args: ["B", keyText(want.session)], read: itemsReader(want, false) };
    case "aside":
      return { args: ["A", keyText(want.runId)], read: itemsReader(want, false) };
    case "expiredRuns":
      return { args: ["T", String(want.limit)], read: runsReader(want) };
    case "finishedRuns":
      return { args: ["F", String(want.before), String(want.limit)], read: runsReader(want) };
    case "expiredSessions":
      return { args: ["E"], read: sessionsReader(want) };
    case "oldCheckpoints": {
      const indexes = want.statuses.map((status: RunStatus) => keys.checkpointsByStatus(RUN_STATUS.encode(status)));
      const args = ["O", String(want.before), String(want.limit), String(indexes.length), ...indexes];
      return { args, read: checkpointsReader(want) };
    }
    case "definition":
    case "unfinished":
    case "heldNodes":
    case "run":
    case "runDetails":
    case "item":
    case "group":
    case "payload":
    case "snapshot":
      // Asked for otherwise.
      return undefined;
  }
}

function fieldOf(key: string, field: string, read: (reply: Reply, step: StepRows, rows: LoadedRows) => void): Asked {
  return {
    args: ["H", key, "1", field],
    read: (reply, step, rows) => {
      read(listOf(reply)[0], step, rows);
      return undefined;
    },
  };
}

function askForKey(workflow: string, idempotencyKey: string, { keys }: Around): Asked {
  const key = keys.byKey(workflow, idempotencyKey);
  return {
    args: ["G", key],
    read: (reply, step, rows) => {
      const runId = optionalText(reply);
      step.runIds.set(key, runId);
      rows.runIdByKey(workflow, idempotencyKey, runId);
      return undefined;
    },
  };
}

/** What stays of a session is asked for only if it is not known yet. */
function askForSession(id: string, { recent }: Around): Asked {
  const isKnown = recent.crew(id) !== undefined;
  return {
    args: ["S", keyText(id), isKnown ? "0" : "1"],
    read: (reply, step, rows) => {
      const [row, crew] = listOf(reply);
      step.session(id, row, crew, rows);
      if (!step.isUnknown(id)) return undefined;
      // It is another session of the same id than the one that is known.
      recent.forgetCrew(id);
      return [{ kind: "session", id, hold: true }];
    },
  };
}

function askForEntries(want: Extract<Want, { readonly kind: "entries" }>, { keys }: Around): Asked {
  const { list, after, limit, skip } = want;
  const key = keys.entryList(list);
  const range = [
    after === undefined ? "" : scoreText(after.at),
    after === undefined ? "" : afterEntryKey(after.key),
    // What is not due yet is nothing to a step.
    list === DUE_ENTRIES ? "now" : "inf",
    String(limit),
  ];
  return {
    args: ["N", key, ...range, skip ? "1" : "0"],
    read: (reply, step, rows) => {
      const [contended, complete, ...entries] = listOf(reply);
      if (contended === 1) step.contended = true;
      const members: string[] = [];
      for (let at = 0; at + 1 < entries.length; at += 2) {
        const member = textOf(entries[at]);
        step.entry(member, entries[at + 1], rows);
        members.push(member);
      }
      if (skip) step.reserve(...members.map((member) => `e ${member}`));
      else step.ranges.push({ key, range, members });
      rows.list(want, members.map(fromEntryMember), complete === 1);
      return undefined;
    },
  };
}

function memosReader(runId: string, item: number): Reader {
  return (reply, _step, rows) => {
    const list = listOf(reply);
    const memos = new Map<string, Uint8Array>();
    for (let at = 0; at + 1 < list.length; at += 2) {
      const value = optionalBytes(list[at + 1]);
      const name = fromKeyText(textOf(list[at]).split(" ")[1] ?? "");
      if (value !== undefined) memos.set(name, new Uint8Array(value));
    }
    rows.memos(runId, item, memos);
    return undefined;
  };
}

function itemsReader(want: Want, reserves: boolean): Reader {
  return (reply, step, rows) => {
    const list = step.itemList(listOf(reply), rows);
    for (let at = 0; at + 1 < list.runs.length; at += 2) {
      step.run(fromKeyText(textOf(list.runs[at])), list.runs[at + 1], rows);
    }
    if (reserves) for (let at = 0; at < list.members.length; at += 3) step.reserve(textOf(list.members[at]));
    if (want.kind === "aside") step.asideCounts.set(want.runId, list.keys.length);
    rows.list(want, list.keys, list.complete);
    return undefined;
  };
}

function runsReader(want: Want): Reader {
  return (reply, step, rows) => {
    const [contended, complete, ...entries] = listOf(reply);
    if (contended === 1) step.contended = true;
    const runs: string[] = [];
    for (let at = 0; at + 1 < entries.length; at += 2) {
      const runId = fromKeyText(textOf(entries[at]));
      step.reserve(`r ${keyText(runId)}`);
      if (step.run(runId, entries[at + 1], rows) !== undefined) runs.push(runId);
    }
    rows.list(want, runs, complete === 1);
    return undefined;
  };
}

function sessionsReader(want: Want): Reader {
  return (reply, step, rows) => {
    const entries = listOf(reply);
    const sessions: string[] = [];
    for (let at = 0; at + 2 < entries.length; at += 3) {
      const id = fromKeyText(textOf(entries[at]));
      step.reserve(`s ${keyText(id)}`);
      step.session(id, entries[at + 1], entries[at + 2], rows);
      if (!step.isUnknown(id)) sessions.push(id);
    }
    rows.list(want, sessions, true);
    return undefined;
  };
}

function checkpointsReader(want: Extract<Want, { readonly kind: "oldCheckpoints" }>): Reader {
  return (reply, step, rows) => {
    const entries = listOf(reply);
    for (let at = 0; at + 1 < entries.length; at += 2) {
      step.checkpoint(fromKeyText(textOf(entries[at])), entries[at + 1], rows);
    }
    const old = [...step.checkpoints.values()].flatMap(({ row }) => row ?? []);
    const ids = old
      .filter(({ savedAt, status }) => savedAt < want.before && want.statuses.includes(status))
      .sort((a, b) => a.savedAt - b.savedAt || (a.id < b.id ? -1 : 1))
      .slice(0, want.limit)
      .map(({ id }) => id);
    rows.list(want, ids, true);
    return undefined;
  };
}
