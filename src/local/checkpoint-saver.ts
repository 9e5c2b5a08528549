/**
 * Keeps one run saved: takes its rows out of memory and puts them into a store of checkpoints, each save over the version
 * that it made or loaded itself, so that of two processes with one id only one goes on. Changes that come while a save is
 * underway share the next one. Invariant: when `flush` resolves, everything that had happened when it was called is saved;
 * after a save that failed nothing is saved any more.
 */

import type { RunState } from "../backend/contract/run.ts";
import type { RunImages } from "../backend/memory/memory-store.ts";
import type { RunImage } from "../backend/memory/run-image.ts";
import type { CheckpointStore } from "../checkpoints/checkpoint-store.ts";
import { MillraceError } from "../core/errors.ts";
import { CheckpointWriter } from "./checkpoint-form.ts";

/** What is saved where. */
export interface SaverOptions {
  readonly store: CheckpointStore;
  readonly id: string;
  readonly images: RunImages;
  readonly runId: string;
  /** The version that the first save follows; 0 for none. */
  readonly version: number;
}

/** Below this, what was added is not worth saving everything anew. */
const LEAST_REWRITE_BYTES = 262_144;

export class CheckpointSaver {
  /** Rejects with what a save failed by. Never resolves. */
  readonly failed: Promise<never>;
  readonly #options: SaverOptions;
  readonly #writer = new CheckpointWriter();
  readonly #fail: (error: unknown) => void;
  #version: number;
  /** Bytes added since everything was saved, and how many they may become. */
  #added = 0;
  #most = 0;
  #isBroken = false;
  /** Durable steps that were kept; they change the run without changing its state. */
  #steps = 0;
  /** What the last save that has begun took. */
  #taken: { readonly state: RunState; readonly steps: number } | undefined;
  /** The last save that has begun or is to begin. */
  #last: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(options: SaverOptions) {
    this.#options = options;
    this.#version = options.version;
    let fail: (error: unknown) => void = () => undefined;
    this.failed = new Promise((_, reject) => {
      fail = reject;
    });
    this.failed.catch(() => undefined);
    this.#fail = fail;
  }

  /** Whether a save has failed: what happens from now on is lost. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The result of a durable step was kept in memory. */
  stepKept(): void {
    this.#steps += 1;
  }

  /** Resolves once all that has happened is saved. Rejects with what this save, or one before it, failed by. */
  flush(): Promise<void> {
    const { images, runId } = this.#options;
    if (this.#taken?.state === images.stateOf(runId) && this.#taken?.steps === this.#steps) return this.#last;
    if (this.#next !== undefined) return this.#next;
    const next = this.#last.then(() => {
      this.#next = undefined;
      return this.#save();
    });
    next.catch(() => undefined);
    this.#next = next;
    this.#last = next;
    return next;
  }

  /** Adds what is new, where the store can; and saves everything anew when what was added is more than what there is. */
  async #put(image: RunImage): Promise<number> {
    const { store, id } = this.#options;
    const { status } = image.state;
    const expectedVersion = this.#version;
    if (store.append === undefined || this.#added >= this.#most) {
      const body = this.#writer.whole(image);
      this.#added = 0;
      this.#most = Math.max(body.byteLength, LEAST_REWRITE_BYTES);
      return (await store.save(id, { status, body }, { expectedVersion })).version;
    }
    const body = this.#writer.addition(image);
    this.#added += body.byteLength;
    return (await store.append(id, { status, body }, { expectedVersion })).version;
  }

  async #save(): Promise<void> {
    const { images, runId } = this.#options;
    try {
      const image = images.capture(runId);
      if (image === undefined) throw new MillraceError("INTERNAL", `run ${runId} is not there to be saved`);
      this.#taken = { state: image.state, steps: this.#steps };
      this.#version = await this.#put(image);
    } catch (error) {
      this.#isBroken = true;
      this.#fail(error);
      throw error;
    }
  }
}
