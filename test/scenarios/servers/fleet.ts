/**
 * Worker processes of a storm, some of which are killed, with another one started in their place, or stand still for longer
 * than their lease while everything else goes on.
 */

import { setTimeout as passed } from "node:timers/promises";
import type { Scene, SpawnOptions } from "../harness/scene.ts";
import type { Chance } from "../harness/seed.ts";
import type { ProcessHandle } from "../harness/worker-handle.ts";
import type { Trouble } from "./ground.ts";

export class Fleet {
  /** Those that work now. */
  readonly workers: ProcessHandle[] = [];
  readonly #scene: Scene;
  readonly #order: SpawnOptions;
  readonly #frozen = new Map<ProcessHandle, Promise<void>>();

  constructor(scene: Scene, order: SpawnOptions) {
    this.#scene = scene;
    this.#order = order;
  }

  async begin(count: number): Promise<void> {
    const started = Array.from({ length: count }, () => this.#scene.worker(this.#order));
    this.workers.push(...(await Promise.all(started)));
  }

  troubles(leaseMs: number): readonly Trouble[] {
    return [
      {
        name: "worker killed",
        make: async (chance) => {
          const at = this.#oneOf(chance);
          await this.workers[at]?.kill();
          this.workers[at] = await this.#scene.worker(this.#order);
        },
      },
      {
        name: "worker frozen",
        make: async (chance) => {
          const worker = this.workers[this.#oneOf(chance)];
          if (worker === undefined) return;
          worker.signal("SIGSTOP");
          const thawed = passed(1.5 * leaseMs).then(() => {
            worker.signal("SIGCONT");
            this.#frozen.delete(worker);
          });
          this.#frozen.set(worker, thawed);
        },
      },
    ];
  }

  /** Resolves when nobody stands still. */
  async thawed(): Promise<void> {
    await Promise.all(this.#frozen.values());
  }

  /** Any that moves, as long as one does. */
  #oneOf(chance: Chance): number {
    const moving = [...this.workers.keys()].filter((at) => {
      const worker = this.workers[at];
      return worker !== undefined && !this.#frozen.has(worker);
    });
    return moving[chance.upTo(moving.length)] ?? 0;
  }
}
