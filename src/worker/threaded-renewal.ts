/**
 * The main thread's end of a renewal thread: starts it, tells it that the main loop is moving, hears whether it renews,
 * and ends it. The thread has a connection of its own, so it needs no answer from here. While it does not renew, the main
 * loop's own heartbeat is all there is, which is said once. The other end is `renewal-loop.ts`. Invariant: `begun` resolves
 * whatever becomes of the thread, as soon as that is known.
 */

import { Worker } from "node:worker_threads";
import type { Logger } from "../core/ports.ts";
import { shownMessage } from "./outage.ts";
import type { RenewalOrder, RenewalWord } from "./renewal-loop.ts";

export interface RenewalThreadOptions extends Omit<RenewalOrder, "beats"> {
  readonly logger: Logger;
  /** It does not renew any more: the main loop has to. */
  failing(): void;
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

export function startRenewalThread({ logger, failing, ...order }: RenewalThreadOptions): RenewalThread {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const begun = Promise.withResolvers<void>();
  let isRenewing = false;
  let isWarned = false;

  /** Said once, until it renews again; an outage of a thread that has renewed before is the main loop's to tell. */
  function warn(problem: string, error: string): void {
    if (isWarned) return;
    isWarned = true;
    logger.warn(`leases are renewed on the main thread alone: the renewal thread ${problem}`, { error });
  }

  function ended(): void {
    const wasRenewing = isRenewing;
    isRenewing = false;
    begun.resolve();
    if (wasRenewing) failing();
  }

  function failed(error: unknown): void {
    warn("failed", shownMessage(error));
    ended();
  }

  let hasRenewed = false;
  function heard(word: RenewalWord): void {
    if (word.kind === "failing") {
      if (!hasRenewed) warn("cannot reach the store yet", word.why);
      ended();
      return;
    }
    if (isWarned) logger.info("the renewal thread renews the leases", {});
    isWarned = false;
    isRenewing = true;
    hasRenewed = true;
    begun.resolve();
  }

  const thread = start({ ...order, beats }, { heard, failed, ended });
  return {
    begun: begun.promise,
    get isRenewing() {
      return isRenewing;
    },
    beat() {
      Atomics.add(beats, 0, 1);
    },
    stop() {
      isRenewing = false;
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
