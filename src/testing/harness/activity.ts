/**
 * Whether anything is going on that needs no time to pass. It counts the bodies that run and the requests to the store,
 * and waits until there were none for a few turns of the event loop. A body that waits for something outside of the
 * test's time (a file, a server) is waited for a while in real time, and then left to itself: it may as well hang on
 * purpose. It moves no clock.
 */

import { systemClock } from "../../core/ports.ts";
import { nextTurn } from "../../core/ports-turn.ts";

/** Turns in which nothing has to happen before nothing is said to go on. */
const QUIET_TURNS = 8;
/** Real time between two looks at a body that waits for something outside. */
const LOOK_MS = 1;

interface Body {
  readonly itemId: string;
  /** It was waited for long enough. */
  isLeft: boolean;
}

export class Activity {
  readonly #bodies = new Set<Body>();
  readonly #patienceMs: number;
  #events = 0;
  #quietSince: number | undefined;
  #requests = 0;
  #sleepers = 0;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** A body begins; the returned function ends it. */
  begin(itemId: string): () => void {
    const body: Body = { itemId, isLeft: false };
    this.#bodies.add(body);
    this.#events += 1;
    return () => {
      this.#bodies.delete(body);
      this.#events += 1;
    };
  }

  /** Something waits for the test's own time until the returned function is called. */
  sleeping(): () => void {
    this.#sleepers += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#sleepers -= 1;
      this.#events += 1;
    };
  }

  get isSomebodySleeping(): boolean {
    return this.#sleepers > 0;
  }

  /** A request to the store. One that is `routine` leads to nothing by itself. */
  async request<T>(ask: () => Promise<T>, isRoutine = false): Promise<T> {
    const weight = isRoutine ? 0 : 1;
    this.#events += weight;
    this.#requests += 1;
    try {
      return await ask();
    } finally {
      this.#requests -= 1;
      this.#events += weight;
    }
  }

  /** Something else happened that may lead to more. */
  note(): void {
    this.#events += 1;
  }

  /** Whether nothing but routine happened since it was last quiet; true of most instants where days pass. */
  get isStillQuiet(): boolean {
    return this.#events === this.#quietSince && this.#requests === 0 && !this.#isWaitingOutside();
  }

  /** Resolves when nothing can go on before time passes. */
  async quiet(): Promise<void> {
    const startedAt = systemClock.monotonic();
    let seen = this.#events;
    for (let turns = 0; turns < QUIET_TURNS || this.#requests > 0; turns += 1) {
      await nextTurn();
      if (this.#events !== seen) turns = 0;
      else if (turns >= QUIET_TURNS - 2 && this.#isWaitingOutside()) {
        if (systemClock.monotonic() - startedAt >= this.#patienceMs) this.leave();
        else await systemClock.sleep(LOOK_MS);
        turns = 0;
      }
      seen = this.#events;
    }
    this.#quietSince = this.#events;
  }

  /** The bodies that run now, or those of this item alone, are not waited for any more. */
  leave(itemId?: string): void {
    for (const body of this.#bodies) {
      if (itemId === undefined || body.itemId === itemId) body.isLeft = true;
    }
  }

  #isWaitingOutside(): boolean {
    return this.#sleepers === 0 && [...this.#bodies].some((body) => !body.isLeft);
  }
}
