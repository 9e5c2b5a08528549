/**
 * A store of checkpoints under a process that crashes at a save, and what can be seen from outside: how many saves there
 * were, and which items have finished for good.
 */

import { memory } from "../../../src/connect.ts";
import type { CheckpointRecord, CheckpointStore } from "../../../src/index.ts";
import { readCheckpoint } from "../../../src/local/checkpoint-form.ts";

/**
 * `before`: nothing is saved, and the process is gone. `after`: it is saved, and the process is gone before it hears of it.
 * `silence`: the process hangs in its save, and comes back to it when all is over.
 */
export type Crash = "before" | "after" | "silence";

export class ProcessGone extends Error {}

export class CrashingStore {
  readonly #store: CheckpointStore = memory().checkpoints;
  readonly #silence = Promise.withResolvers<void>();
  /** Items that are done by what is saved: they must never run again. */
  readonly finished = new Set<string>();
  saves = 0;
  readonly #appends: boolean;

  /** `appends`: whether it can add to what it has, or is given whole bodies. */
  constructor(appends: boolean) {
    this.#appends = appends;
  }

  /** What a process sees of the store that never crashes. */
  get steady(): CheckpointStore {
    return this.#seenBy(() => undefined);
  }

  /** What a process sees of it that crashes at its n-th save, from 1. */
  crashingAt(save: number, crash: Crash): CheckpointStore {
    let own = 0;
    return this.#seenBy(() => {
      own += 1;
      return own === save ? crash : undefined;
    });
  }

  /** A process that hung goes on. */
  endSilence(): void {
    this.#silence.resolve();
  }

  #seenBy(next: () => Crash | undefined): CheckpointStore {
    const crashing = async (save: () => Promise<CheckpointRecord>): Promise<CheckpointRecord> => {
      const crash = next();
      if (crash === "before") throw new ProcessGone("before the save");
      if (crash === "silence") await this.#silence.promise;
      const record = await save();
      await this.#saved(record.id);
      if (crash === "after") throw new ProcessGone("after the save");
      return record;
    };
    const { append, ...store } = this.#store;
    return {
      ...store,
      save: (id, checkpoint, options) => crashing(() => store.save(id, checkpoint, options)),
      ...(append === undefined || !this.#appends
        ? {}
        : { append: (id, addition, options) => crashing(() => append(id, addition, options)) }),
    };
  }

  async #saved(id: string): Promise<void> {
    this.saves += 1;
    const { body } = (await this.#store.load(id)) ?? { body: new Uint8Array() };
    const { state, items } = readCheckpoint(body, "the checkpoint");
    for (const { item } of items) if (item.status === "completed") this.finished.add(`${state.id}.${item.item}`);
  }
}
