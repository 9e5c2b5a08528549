/**
 * What one attempt says of how far it is, on its way to the store: the latest at most once a second. It is word for
 * onlookers, so it costs an attempt nothing: what is too large, too early or refused is dropped, and nobody waits for it.
 */

import { LIMITS } from "../core/limits.ts";
import { encodeValue } from "../core/values.ts";

/** What the notes of an attempt need. */
export interface ProgressPorts {
  now(): number;
  /** Rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  put(details: Uint8Array): Promise<unknown>;
  /** Told why something was dropped. */
  dropped(error: unknown): void;
}

export class ProgressNotes {
  readonly #ports: ProgressPorts;
  readonly #over = new AbortController();
  #latest: Uint8Array | undefined;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #isWriting = false;

  constructor(ports: ProgressPorts) {
    this.#ports = ports;
  }

  /** Never throws. */
  note(details: unknown): void {
    if (details === undefined || this.#over.signal.aborted) return;
    try {
      this.#latest = encodeValue(details, { what: "the details of a heartbeat", maxBytes: LIMITS.progressBytes });
    } catch (error) {
      this.#ports.dropped(error);
      return;
    }
    if (!this.#isWriting) void this.#write();
  }

  /** The attempt is over: nothing more of it is written. */
  end(): void {
    this.#latest = undefined;
    if (!this.#over.signal.aborted) this.#over.abort();
  }

  /** Writes until nothing new is there. Never rejects. */
  async #write(): Promise<void> {
    const { now, sleep, put, dropped } = this.#ports;
    this.#isWriting = true;
    try {
      while (this.#latest !== undefined) {
        const waitMs = this.#writtenAt + LIMITS.progressMs - now();
        if (waitMs > 0) await sleep(Math.min(waitMs, LIMITS.progressMs), this.#over.signal);
        const details: Uint8Array | undefined = this.#latest;
        if (details === undefined) break;
        this.#latest = undefined;
        this.#writtenAt = now();
        await put(details);
      }
    } catch (error) {
      if (!this.#over.signal.aborted) dropped(error);
    } finally {
      this.#isWriting = false;
    }
  }
}
