/**
 * Promises that a body left behind and that were rejected with nobody listening: they hit the item whose body made them,
 * and nothing else in the process. Which body that was is known from the asynchronous context. While at least one worker
 * runs, one handler is installed for the whole process; it leaves everything that is not of a body to the handlers of
 * others, or, if there are none, to the platform's default, which ends the process.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";

/** Whoever wants to know what the code that it called left behind. */
export interface RejectionOwner {
  rejected(reason: unknown): void;
}

const owners = new AsyncLocalStorage<RejectionOwner>();
let watchers = 0;

/** Calls `body` so that whatever it leaves behind belongs to `owner`. */
export function ownedBy<T>(owner: RejectionOwner, body: () => T): T {
  return owners.run(owner, body);
}

/** Watches until the returned function is called. */
export function watchRejections(): () => void {
  if (watchers === 0) process.on("unhandledRejection", onRejection);
  watchers += 1;
  let isWatching = true;
  return () => {
    if (!isWatching) return;
    isWatching = false;
    watchers -= 1;
    if (watchers === 0) process.off("unhandledRejection", onRejection);
  };
}

function onRejection(reason: unknown): void {
  const owner = owners.getStore();
  if (owner !== undefined) {
    owner.rejected(reason);
    return;
  }
  // A handler, even one that has nothing to do with it, keeps the platform from its default; so that is done here.
  if (process.listenerCount("unhandledRejection") > 1) return;
  throw reason instanceof Error ? reason : new UnhandledRejection(reason);
}

class UnhandledRejection extends Error {
  readonly code = "ERR_UNHANDLED_REJECTION";

  constructor(reason: unknown) {
    super(`a promise was rejected with nobody listening, with ${typeof reason === "string" ? reason : typeof reason}`, {
      cause: reason,
    });
  }
}
