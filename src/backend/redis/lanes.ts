/**
 * The lanes of a partition: every queue, definition and set of labels that an item ever lay in. Their names follow from
 * what they are, so they are known before they are stored. They are never removed, so knowing too few is found out by
 * their number alone.
 */

import type { LaneSelection } from "../synchronous/row-store.ts";
import { type Lane, laneNameOf, readLane } from "./item-row.ts";
import { listOf, type Reply, textOf } from "./reply.ts";

export class Lanes {
  readonly #stored = new Map<string, Lane>();
  /** Names by what lanes are, since items say it anew each time. */
  readonly #names = new Map<string, string>();

  /** Of those that are known to be stored. */
  get count(): number {
    return this.#stored.size;
  }

  isStored(name: string): boolean {
    return this.#stored.has(name);
  }

  all(): readonly Lane[] {
    return [...this.#stored.values()];
  }

  nameOf(queue: string, definition: string, labels: readonly string[]): string {
    const what = JSON.stringify([queue, definition, labels]);
    const known = this.#names.get(what);
    if (known !== undefined) return known;
    const name = laneNameOf(queue, definition, labels);
    this.#names.set(what, name);
    return name;
  }

  /** Takes over names and lanes, one after the other, as they are stored. */
  learn(reply: Reply): void {
    const list = listOf(reply);
    for (let at = 0; at + 1 < list.length; at += 2) {
      const name = textOf(list[at]);
      this.add(readLane(name, textOf(list[at + 1])));
    }
  }

  add(lane: Lane): void {
    this.#stored.set(lane.name, lane);
  }

  /** Names of the lanes that a claim may take from. */
  selected({ queues, definitions, labels }: LaneSelection): readonly string[] {
    const [inQueues, ofDefinitions, has] = [new Set(queues), new Set(definitions), new Set(labels)];
    return this.all()
      .filter(
        (lane) =>
          inQueues.has(lane.queue) &&
          ofDefinitions.has(lane.definition) &&
          lane.labels.every((label) => has.has(label)),
      )
      .map(({ name }) => name);
  }
}
