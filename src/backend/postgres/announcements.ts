/**
 * Telling other processes what changed, and hearing it from them: hints only, over NOTIFY and LISTEN, apart from any step.
 * Hints are gathered while the ones before are underway, so that however much happens, few notifications are sent:
 * each of them makes all others wait for a moment. Invariant: nothing that goes wrong here reaches anybody but the log.
 */

import type { Clock, Timer } from "../../core/ports.ts";
import type { Wakeup } from "../contract/operations.ts";
import type { WakeupHub } from "../synchronous/wakeups.ts";
import type { Listener, Notification, Pool } from "./driver.ts";

/** The least time between two notifications. */
const PACE_MS = 5;
/** Runs that one notification names; if there are more, or their names are long, it says that anything may have changed. */
const MOST_RUNS = 64;
const MOST_BYTES = 7_000;

const CHECK_MS = 30_000;
const SHORTEST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

export interface AnnouncementOptions {
  readonly pool: Pool;
  readonly hub: WakeupHub;
  readonly channel: string;
  /** Tells the notifications of this process from those of others. */
  readonly sender: string;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
}

export class Announcements {
  readonly #options: AnnouncementOptions;
  #work = false;
  #runs = new Set<string>();
  #sending: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: AnnouncementOptions) {
    this.#options = options;
  }

  announce(wakeups: readonly Wakeup[]): void {
    if (this.#isClosed) return;
    for (const wakeup of wakeups) {
      if (wakeup.kind === "run") this.#runs.add(wakeup.runId);
      else this.#work = true;
    }
    this.#sending ??= this.#send();
  }

  /** Waits for what is underway. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#sending;
  }

  async #send(): Promise<void> {
    const { clock, warn } = this.#options;
    try {
      while (this.#work || this.#runs.size > 0) {
        const text = notificationOf(this.#options.sender, this.#work, this.#runs);
        this.#work = false;
        this.#runs = new Set();
        await this.#notify(text);
        if (!this.#isClosed) await clock.sleep(PACE_MS);
      }
    } catch {
      // Others look for themselves, a little later.
      warn("other processes could not be told of a change");
    } finally {
      this.#sending = undefined;
    }
  }

  async #notify(text: string): Promise<void> {
    const { pool, channel } = this.#options;
    const session = await pool.connect();
    try {
      // A hint need not survive anything, so nobody waits for the disk.
      await session.run([
        { text: "BEGIN; SET LOCAL synchronous_commit = off" },
        { text: "SELECT pg_notify($1, $2)", values: [channel, text] },
        { text: "COMMIT" },
      ]);
      session.release();
    } catch (error) {
      session.destroy();
      throw error;
    }
  }
}

/** Hears what others announce, for as long as anybody here wants to know. */
export class Listening {
  readonly #options: AnnouncementOptions;
  #listener: Listener | undefined;
  #timer: Timer | undefined;
  #connecting: Promise<void> | undefined;
  #failures = 0;
  #isClosed = false;

  constructor(options: AnnouncementOptions) {
    this.#options = options;
  }

  /** Idempotent. */
  start(): void {
    if (this.#isClosed || this.#listener !== undefined || this.#timer !== undefined) return;
    this.#connecting ??= this.#connect();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#connecting;
    await this.#listener?.close().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const { pool, hub, channel, sender, warn } = this.#options;
    const again = this.#failures > 0;
    try {
      let listener: Listener | undefined;
      listener = await pool.listen(channel, {
        heard: (notification) => {
          for (const wakeup of wakeupsOf(notification, sender)) hub.notify(wakeup);
        },
        // One that is lost before it has begun is told by the attempt itself.
        lost: () => {
          if (listener !== undefined) this.#lost(listener);
        },
      });
      this.#listener = listener;
      this.#failures = 0;
      this.#later(CHECK_MS, () => void this.#check());
      // What was announced meanwhile has gone by.
      if (again) hub.notify({ kind: "any" });
    } catch {
      if (this.#failures === 0) warn("changes by other processes are noticed later: nothing can be listened to");
      this.#retry();
    } finally {
      this.#connecting = undefined;
    }
  }

  #lost(listener: Listener): void {
    if (this.#listener !== listener) return;
    this.#listener = undefined;
    void listener.close().catch(() => undefined);
    this.#retry();
  }

  #retry(): void {
    const waitMs = Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#later(waitMs, () => {
      this.#timer = undefined;
      this.start();
    });
  }

  async #check(): Promise<void> {
    const listener = this.#listener;
    if (listener === undefined) return;
    try {
      await listener.check();
      if (this.#listener === listener) this.#later(CHECK_MS, () => void this.#check());
    } catch {
      this.#lost(listener);
    }
  }

  #later(ms: number, act: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#isClosed ? undefined : this.#options.clock.setTimer(ms, act).unref();
  }
}

function notificationOf(sender: string, work: boolean, runs: ReadonlySet<string>): string {
  const text = runs.size > MOST_RUNS ? "" : JSON.stringify({ sender, work, runs: [...runs] });
  return text === "" || Buffer.byteLength(text) > MOST_BYTES ? JSON.stringify({ sender, work: true }) : text;
}

/** What others said; nothing for what we said ourselves, and `any` for what cannot be read. */
export function wakeupsOf({ payload }: Notification, sender: string): readonly Wakeup[] {
  const said = parse(payload);
  if (typeof said !== "object" || said === null) return [{ kind: "any" }];
  if (Reflect.get(said, "sender") === sender) return [];
  const runs: unknown = Reflect.get(said, "runs");
  if (!Array.isArray(runs)) return [{ kind: "any" }];
  const named = runs.flatMap((runId: unknown): readonly Wakeup[] =>
    typeof runId === "string" ? [{ kind: "run", runId }] : [],
  );
  return Reflect.get(said, "work") === true ? [{ kind: "work" }, ...named] : named;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
