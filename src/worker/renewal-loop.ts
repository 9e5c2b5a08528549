/**
 * Renews one session on a thread of its own until it is told to stop, the session is gone, or the main loop has stood
 * still for too long: a body may block its process for a while and keep its lease, but a process that hangs for good
 * must lose it. It renews at once when it begins, and says so: from then on the main loop may rely on it. While the store
 * fails, or cannot be reached in the first place, it keeps trying. Invariant: whoever is told `renewing` is told when that
 * is no longer so.
 */

import type { Capabilities } from "../backend/contract/capabilities.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { DEFAULTS } from "../core/limits.ts";
import type { Clock, Random } from "../core/ports.ts";
import { backOffMs, isOutage, shownMessage } from "./outage.ts";

/** What the thread is told when it is started. */
export interface RenewalOrder {
  readonly url: string;
  readonly namespace: string;
  /** What the main thread's own connection gives: the thread's is to give no less, and need not give more. */
  readonly durability: Capabilities["durability"];
  readonly session: string;
  readonly everyMs: number;
  /** Counted up by the main loop's heartbeat. */
  readonly beats: Int32Array;
}

/** What the thread says: whenever it begins to renew, and whenever it cannot any more. */
export type RenewalWord = { readonly kind: "renewing" } | { readonly kind: "failing"; readonly why: string };

/** A connection of the thread's own. */
interface RenewalConnection {
  readonly operations: Pick<BackendOperations, "renew">;
  close(): Promise<void>;
}

export interface RenewalPorts {
  open(): Promise<RenewalConnection>;
  readonly clock: Clock;
  readonly random: Random;
  tell(word: RenewalWord): void;
}

/** Resolves when there is nothing more to renew. Rejects if the store cannot be opened for a reason that will not pass. */
export async function renewUntilStopped(
  ports: RenewalPorts,
  order: Pick<RenewalOrder, "session" | "everyMs" | "beats">,
  signal: AbortSignal,
): Promise<void> {
  const renewing = new Renewing(ports, order);
  try {
    do {
      if (!(await renewing.once())) return;
    } while (await slept(ports.clock, renewing.waitMs, signal));
  } finally {
    await renewing.close();
  }
}

class Renewing {
  readonly #ports: RenewalPorts;
  readonly #order: Pick<RenewalOrder, "session" | "everyMs" | "beats">;
  #connection: RenewalConnection | undefined;
  #said: RenewalWord["kind"] | undefined;
  #failures = 0;
  #tookMs = 0;
  #beats: number;
  #movedAt: number;

  constructor(ports: RenewalPorts, order: Pick<RenewalOrder, "session" | "everyMs" | "beats">) {
    this.#ports = ports;
    this.#order = order;
    this.#beats = Atomics.load(order.beats, 0);
    this.#movedAt = ports.clock.monotonic();
  }

  /** Until the next renewal. A store that takes its time to answer makes leases no shorter. */
  get waitMs(): number {
    const { everyMs } = this.#order;
    if (this.#failures > 0) return Math.min(everyMs, backOffMs(this.#failures, this.#ports.random));
    return Math.max(1, everyMs - this.#tookMs);
  }

  /** Renews, unless the main loop stands still. False when there is nothing more to renew. */
  async once(): Promise<boolean> {
    const { clock, open } = this.#ports;
    this.#tookMs = 0;
    if (this.#isStandingStill()) return true;
    const sentAt = clock.monotonic();
    try {
      this.#connection ??= await open();
      const answer = await this.#connection.operations.renew({ session: this.#order.session });
      if (answer.kind === "gone") return false;
      this.#failures = 0;
      this.#tookMs = clock.monotonic() - sentAt;
      this.#say({ kind: "renewing" });
    } catch (error) {
      if (this.#connection === undefined && !isOutage(error)) throw error;
      this.#failures += 1;
      this.#say({ kind: "failing", why: shownMessage(error) });
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  #isStandingStill(): boolean {
    const now = this.#ports.clock.monotonic();
    const beats = Atomics.load(this.#order.beats, 0);
    if (beats !== this.#beats) {
      this.#beats = beats;
      this.#movedAt = now;
    }
    return now - this.#movedAt > DEFAULTS.blockedLoopMs;
  }

  #say(word: RenewalWord): void {
    if (word.kind === this.#said) return;
    this.#said = word.kind;
    this.#ports.tell(word);
  }
}

async function slept(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch {
    return false;
  }
}
