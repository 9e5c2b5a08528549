/**
 * The main thread's end of a renewal thread: starts it, tells it that the main loop is moving, and ends it. The thread
 * has a connection of its own, so it needs no answer from here. If it cannot be started, the main loop's own heartbeat is
 * all there is, which is said once. The other end is `renewal-loop.ts`.
 */

import { Worker } from "node:worker_threads";
import type { Logger } from "../core/ports.ts";
import type { RenewalOrder } from "./renewal-loop.ts";

export interface RenewalThreadOptions {
  readonly url: string;
  readonly namespace: string;
  readonly session: string;
  readonly everyMs: number;
  readonly logger: Logger;
}

export interface RenewalThread {
  /** The main loop is moving. */
  beat(): void;
  stop(): void;
}

export function startRenewalThread({ url, namespace, session, everyMs, logger }: RenewalThreadOptions): RenewalThread {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const order: RenewalOrder = { url, namespace, session, everyMs, beats };
  const failed = (error: unknown): void => {
    const message = error instanceof Error ? error.message : "unknown";
    logger.warn("leases are renewed on the main thread alone: the renewal thread failed", { error: message });
  };
  const thread = start(order, failed);
  return {
    beat() {
      Atomics.add(beats, 0, 1);
    },
    stop() {
      thread?.postMessage("stop");
    },
  };
}

function start(order: RenewalOrder, failed: (error: unknown) => void): Worker | undefined {
  try {
    const thread = new Worker(entryPoint(), { workerData: order, name: "millrace renewal" });
    thread.on("error", failed);
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
