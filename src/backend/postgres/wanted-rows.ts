/** The wants of a step, sorted by what they ask for, so that those of a kind are answered by one statement. */

import type { RunStatus } from "../../core/status.ts";
import type { Want } from "../remote/wants.ts";
import { DUE_ENTRIES } from "../synchronous/row-store.ts";
import { type Look, NO_LOOK } from "./claim-look.ts";

type Of<K extends Want["kind"]> = Extract<Want, { readonly kind: K }>;

/** The wants that a look answers, each at most once. */
export interface LookWants {
  ready?: Of<"ready">;
  stalled?: Of<"ready">;
  due?: Of<"due">;
  runs?: Of<"expiredRuns">;
  sessions?: Of<"expiredSessions">;
  entries?: Of<"entries">;
}

/** Lists that are asked for so seldom that each is a statement of its own. */
export type ListWant =
  | { readonly kind: "unfinished" | "aside" | "heldNodes"; readonly runId: string }
  | { readonly kind: "itemsOf"; readonly session: string }
  | { readonly kind: "finishedRuns"; readonly before: number; readonly limit: number }
  | {
      readonly kind: "oldCheckpoints";
      readonly before: number;
      readonly statuses: readonly RunStatus[];
      readonly limit: number;
    };

export class WantedRows {
  readonly heldRuns = new Set<string>();
  readonly runs = new Set<string>();
  readonly heldSessions = new Set<string>();
  readonly sessions = new Set<string>();
  items: Of<"item">[] = [];
  readonly groups: Of<"group">[] = [];
  readonly payloads: Of<"payload">[] = [];
  readonly memos: Of<"memos">[] = [];
  readonly details: string[] = [];
  readonly keys: Of<"runIdByKey">[] = [];
  readonly definitions: string[] = [];
  readonly hashes: Of<"definitionHash">[] = [];
  readonly snapshots: Of<"snapshot">[] = [];
  readonly checkpoints: string[] = [];
  readonly entries: Of<"entry">[] = [];
  readonly entryLists: Of<"entries">[] = [];
  readonly lists: ListWant[] = [];
  readonly looks: LookWants[] = [];
  /** The session that asks, where a step is one of a session. */
  readonly asking: string | undefined;

  constructor(wants: readonly Want[]) {
    for (const want of wants) this.#sort(want);
    [this.asking] = this.heldSessions;
    for (const runId of this.heldRuns) this.runs.delete(runId);
    for (const id of this.heldSessions) this.sessions.delete(id);
  }

  /** Takes the items off the list that `isGiven` says are there. */
  dropItems(isGiven: (want: Of<"item">) => boolean): void {
    this.items = this.items.filter((want) => !isGiven(want));
  }

  #sort(want: Want): void {
    switch (want.kind) {
      case "run":
        return void (want.hold ? this.heldRuns : this.runs).add(want.runId);
      case "session":
        return void (want.hold ? this.heldSessions : this.sessions).add(want.id);
      case "item":
        return void this.items.push(want);
      case "group":
        return void this.groups.push(want);
      case "payload":
        return void this.payloads.push(want);
      case "memos":
        return void this.memos.push(want);
      case "runDetails":
        return void this.details.push(want.runId);
      case "runIdByKey":
        return void this.keys.push(want);
      case "definition":
        return void this.definitions.push(want.hash);
      case "definitionHash":
        return void this.hashes.push(want);
      case "snapshot":
        return void this.snapshots.push(want);
      case "checkpoint":
        return void this.checkpoints.push(want.id);
      case "ready":
        return this.#look(want.stalled ? "stalled" : "ready", want);
      case "due":
        return this.#look("due", want);
      case "expiredRuns":
        return this.#look("runs", want);
      case "expiredSessions":
        return this.#look("sessions", want);
      case "entry":
        return void this.entries.push(want);
      case "entries":
        return isDueList(want) ? this.#look("entries", want) : void this.entryLists.push(want);
      case "unfinished":
      case "aside":
      case "heldNodes":
      case "itemsOf":
      case "finishedRuns":
      case "oldCheckpoints":
        return void this.lists.push(want);
    }
  }

  /** Into the first look that has room for it: ready and stalled items of one look are of one selection. */
  #look<K extends keyof LookWants>(list: K, want: NonNullable<LookWants[K]>): void {
    let look = this.looks.find((one) => one[list] === undefined && isOfOneSelection(one, want));
    if (look === undefined) {
      look = {};
      this.looks.push(look);
    }
    look[list] = want;
  }
}

/** Sessions that one look finds at most; a later one finds the others. */
const MOST_SESSIONS = 1_000;

/** `session`: who looks, if it is a session. */
export function lookOf(wants: LookWants, session: string | undefined): Look {
  const { ready, stalled, due, runs, sessions, entries } = wants;
  return {
    ...NO_LOOK,
    session,
    selection: ready?.selection ?? stalled?.selection,
    ready: ready?.limit ?? 0,
    stalled: stalled?.limit ?? 0,
    due: due?.limit ?? 0,
    runs: runs?.limit ?? 0,
    sessions: sessions === undefined ? 0 : MOST_SESSIONS,
    entries: entries?.limit ?? 0,
  };
}

/** What is due is looked for with everything else that is. */
function isDueList({ list, after, skip }: Of<"entries">): boolean {
  return list === DUE_ENTRIES && after === undefined && skip;
}

function isOfOneSelection(look: LookWants, want: Want): boolean {
  const there = look.ready ?? look.stalled;
  if (want.kind !== "ready" || there === undefined) return true;
  return JSON.stringify(there.selection) === JSON.stringify(want.selection);
}
