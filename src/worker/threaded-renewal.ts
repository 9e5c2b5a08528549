/**
 * The main thread's end of a renewal thread: starts it, tells it that the main loop is moving, hears whether it renews,
 * and ends it. The thread has a connection of its own, so it needs no answer from here. It logs nothing: whether a thread
 * that fails is worth a word depends on whether the store does. The other end is `renewal-loop.ts`. Invariant: `begun`
 * resolves whatever becomes of the thread, as soon as that is known.
 */

import { Worker } from "node:worker_threads";
import { shownMessage } from "./outage.ts";
import type { RenewalOrder, RenewalWord } from "./renewal-loop.ts";

/** Why a thread does not renew. */
export interface RenewalTrouble {
  /** What the thread does, as in "the renewal thread …". */
  readonly problem: string;
  readonly error: string;
}

export interface RenewalThreadOptions extends Omit<RenewalOrder, "beats"> {
  /** It renews: for the first time, or again. */
  renewing(): void;
  /** It does not renew, for now or for good: the main loop has to. No trouble where the session is gone. */
  resting(trouble: RenewalTrouble | undefined): void;
}

export interface RenewalThread {
  /** Resolves when the thread has renewed for the first time, or is known not to for now. */
  readonly begun: Promise<void>;
  /** Whether the session is renewed by it. */
  readonly isRenewing: boolean;
  /** The main loop is moving. */
  beat(): void;
  stop(): void;
}

export function startRenewalThread({ renewing, resting, ...order }: RenewalThreadOptions): RenewalThread {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const begun = Promise.withResolvers<void>();
  /** What was said last; nothing is said twice, and nothing once it was told to stop. */
  let state: "starting" | "renewing" | "resting" | "stopped" = "starting";

  function rest(trouble?: RenewalTrouble): void {
    if (state === "starting" || state === "renewing") {
      state = "resting";
      resting(trouble);
    }
    begun.resolve();
  }

  function heard(word: RenewalWord): void {
    if (word.kind === "failing") rest({ problem: "cannot reach the store", error: word.why });
    else if (state !== "stopped") {
      state = "renewing";
      renewing();
      begun.resolve();
    }
  }

  const failed = (error: unknown): void => rest({ problem: "failed", error: shownMessage(error) });
  const thread = start({ ...order, beats }, { heard, failed, ended: () => rest() });
  return {
    begun: begun.promise,
    get isRenewing() {
      return state === "renewing";
    },
    beat() {
      Atomics.add(beats, 0, 1);
    },
    stop() {
      state = "stopped";
      thread?.postMessage("stop");
    },
  };
}

interface Listening {
  heard(word: RenewalWord): void;
  failed(error: unknown): void;
  ended(): void;
}

function start(order: RenewalOrder, { heard, failed, ended }: Listening): Worker | undefined {
  try {
    const thread = new Worker(entryPoint(), { workerData: order, name: "millrace renewal" });
    thread.on("message", heard);
    thread.on("error", failed);
    thread.on("exit", ended);
    thread.unref();
    return thread;
  } catch (error) {
    failed(error);
    return undefined;
  }
}

/** The thread's program lies beside the entry points: in TypeScript in the sources, in JavaScript in the package. */
function entryPoint(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`../renewal-thread.${extension}`, import.meta.url);
}
