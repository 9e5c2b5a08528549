/**
 * Hints between processes, over one channel of the server for a namespace. Nobody relies on hearing one: whenever some may
 * have been missed, whoever listens here is told that anything may have happened.
 */

import type { Wakeup } from "../contract/operations.ts";
import { createWakeupHub, type WakeupHub } from "../synchronous/wakeups.ts";
import type { Connection } from "./connection.ts";
import { parse } from "./stored-list.ts";

/** Runs that one message names; with more, anything may have happened. */
const MOST_RUNS = 256;

export interface WakeupChannel {
  readonly hub: WakeupHub;
  announce(wakeups: readonly Wakeup[]): void;
  close(): Promise<void>;
}

/** `own` tells this handle's messages from those of others. It listens from its first subscriber on. */
export function wakeupChannel(connection: Connection, channel: string, own: string): WakeupChannel {
  const hub = createWakeupHub();
  let stop: (() => Promise<void>) | undefined;

  function heard(message: string | undefined): void {
    for (const wakeup of message === undefined ? ANY : read(message, own)) hub.notify(wakeup);
  }

  return {
    hub: {
      subscribe(listener) {
        stop ??= connection.listen(channel, heard);
        return hub.subscribe(listener);
      },
      notify: hub.notify,
      get active() {
        return hub.active;
      },
    },
    announce(wakeups) {
      connection.callAt(channel, ["PUBLISH", channel, write(wakeups, own)]).catch(() => undefined);
    },
    close: async () => await stop?.(),
  };
}

const ANY: readonly Wakeup[] = [{ kind: "any" }];

/** Hints that say no more than their kind. */
const PLAIN = { work: { kind: "work" }, documents: { kind: "documents" } } as const;

function write(wakeups: readonly Wakeup[], own: string): string {
  const runs = wakeups.flatMap((wakeup) => (wakeup.kind === "run" ? wakeup.runId : []));
  const kinds = [...new Set(wakeups.map(({ kind }) => kind))].filter((kind) => kind !== "run");
  return JSON.stringify([own, ...(runs.length > MOST_RUNS ? ["any"] : [...kinds, ...runs.map((runId) => [runId])])]);
}

/** What another handle said. What cannot be read, a newer version may have said. */
function read(message: string, own: string): readonly Wakeup[] {
  const said = parseMessage(message);
  if (said === undefined) return ANY;
  const [from, ...wakeups] = said;
  return from === own ? [] : wakeups.map(wakeupOf);
}

function wakeupOf(said: unknown): Wakeup {
  if (Array.isArray(said)) return { kind: "run", runId: String(said[0]) };
  return said === "work" || said === "documents" ? PLAIN[said] : { kind: "any" };
}

function parseMessage(message: string): readonly unknown[] | undefined {
  try {
    const said = parse(message);
    return Array.isArray(said) ? said : undefined;
  } catch {
    return undefined;
  }
}
