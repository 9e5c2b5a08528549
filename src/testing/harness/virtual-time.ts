/**
 * The test's time: it stands still until the test moves it, and then stops at every instant at which something is due,
 * until everything that this led to has come to rest. Invariant: what happens depends on the moves alone, not on how fast
 * the machine is.
 */

import { type Duration, toMilliseconds } from "../../core/duration.ts";
import { type Clock, type ManualClock, manualClock } from "../../core/ports.ts";
import type { Activity } from "./activity.ts";

export class VirtualTime {
  /** What the engine goes by. */
  readonly clock: ManualClock;
  /** The same for the test's own code; whoever waits for it is known to wait for time. */
  readonly waited: Clock;
  readonly #activity: Activity;

  constructor(startAt: number, activity: Activity) {
    this.clock = wholeMilliseconds(manualClock(startAt));
    this.waited = waitedClock(this.clock, activity);
    this.#activity = activity;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    await this.#activity.quiet();
  }

  /** Moves time on, at rest at every instant. */
  async advance(by: Duration): Promise<void> {
    const target = this.clock.monotonic() + toMilliseconds(by, "the time to advance by");
    await this.until(async () => false, target);
  }

  /** Moves time on until it is so, or it is `target` (monotonic). True if it became so. */
  async until(isSo: () => Promise<boolean>, target: number): Promise<boolean> {
    await this.settle();
    for (;;) {
      if (!this.#activity.isStillQuiet) await this.settle();
      if (await isSo()) return true;
      const leftMs = target - this.clock.monotonic();
      if (leftMs <= 0) return false;
      await this.clock.advance(Math.min(leftMs, this.clock.untilNext() ?? leftMs));
    }
  }
}

/** What is due at an instant happens at that instant, and not a fraction of a millisecond after what was asked for. */
function wholeMilliseconds(clock: ManualClock): ManualClock {
  return {
    ...clock,
    sleep: (ms, signal) => clock.sleep(Math.ceil(ms), signal),
    setTimer: (ms, fn) => clock.setTimer(Math.ceil(ms), fn),
  };
}

function waitedClock(clock: ManualClock, activity: Activity): Clock {
  return {
    now: clock.now,
    monotonic: clock.monotonic,
    async sleep(ms, signal) {
      const over = activity.sleeping();
      try {
        await clock.sleep(ms, signal);
      } finally {
        over();
      }
    },
    setTimer(ms, fn) {
      const over = activity.sleeping();
      const timer = clock.setTimer(ms, () => {
        over();
        fn();
      });
      const waited = {
        cancel() {
          over();
          timer.cancel();
        },
        unref: () => waited,
      };
      return waited;
    },
  };
}
