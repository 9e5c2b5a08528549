/**
 * One sleeper and many who may wake it. A call before the sleeper sleeps is not lost: the next sleep ends at once. It
 * knows no reasons; whoever wakes up looks around.
 */

import type { Clock, Timer } from "../core/ports.ts";

export class Notifier {
  readonly #clock: Clock;
  #isNotified = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  notify(): void {
    this.#isNotified = true;
    this.#wake?.();
  }

  /** Resolves when notified, after `ms` if that is finite, or when `asked`, if given, has come to whatever end. */
  async wait(ms: number, asked?: Promise<unknown>): Promise<void> {
    if (!this.#isNotified && ms > 0) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (Number.isFinite(ms)) timer = this.#clock.setTimer(ms, resolve);
        asked?.then(
          () => resolve(),
          () => resolve(),
        );
      });
      timer?.cancel();
      this.#wake = undefined;
    }
    this.#isNotified = false;
  }
}
