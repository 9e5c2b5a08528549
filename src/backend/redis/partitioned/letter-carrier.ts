/**
 * Carries letters from the partition where they were left to the one that they are addressed to. Each is taken out of its
 * outbox only once it was delivered; a carrier that ends on the way leaves that to the next one, and whoever has had
 * a letter before knows it. Nobody waits for it: where a letter has to do with work, its delivery makes a hint of its own.
 */

import type { PostOffice } from "../../remote/remote-operations.ts";
import type { PartitionMap } from "../partition-map.ts";

const LETTERS_AT_ONCE = 64;
const MOST_COUNTED = 1_024;
/** A letter, its answer, and what may come of that. */
const MOST_HOPS = 4;

export class LetterCarrier {
  readonly #map: PartitionMap;
  readonly #offices: readonly PostOffice[];
  readonly #rounds = new Map<number, Promise<void>>();
  readonly #again = new Set<number>();
  /** Events that came back to their hubs. */
  readonly #returned = new Map<string, number>();

  constructor(map: PartitionMap, offices: readonly PostOffice[]) {
    this.#map = map;
    this.#offices = offices;
    for (const [number, office] of offices.entries()) office.onPosted(() => this.collect(number));
  }

  /** There are letters in the partition. Never throws, never waits. */
  collect(partition: number): void {
    if (this.#rounds.has(partition)) {
      this.#again.add(partition);
      return;
    }
    const round = this.#carry(partition)
      .catch(() => undefined)
      .finally(() => {
        this.#rounds.delete(partition);
        if (this.#again.delete(partition)) this.collect(partition);
      });
    this.#rounds.set(partition, round);
  }

  /** How many events have come back to the hub so far, since the waits for them were over. */
  returnedTo(hub: string): number {
    return this.#returned.get(hub) ?? 0;
  }

  /** Resolves when what is on its way now has arrived, with the answers to it and to those; or could not be delivered. */
  async settled(): Promise<void> {
    for (let hops = 0; hops < MOST_HOPS && this.#rounds.size > 0; hops += 1) await Promise.all(this.#rounds.values());
  }

  async #carry(partition: number): Promise<void> {
    const office = this.#offices[partition];
    if (office === undefined) return;
    for (;;) {
      const letters = await office.outbox(LETTERS_AT_ONCE);
      if (letters.length === 0) return;
      for (const letter of letters) {
        await this.#offices[this.#map.numberOf(letter.to)]?.deliver(letter);
        if (letter.kind === "event") this.#count(letter.to);
      }
      await office.discard(letters.map(({ id }) => id));
      if (letters.length < LETTERS_AT_ONCE) return;
    }
  }

  #count(hub: string): void {
    const returned = this.returnedTo(hub) + 1;
    // Whoever counts looks before and after: what nobody looks at any more need not be kept.
    if (this.#returned.size >= MOST_COUNTED) this.#returned.clear();
    this.#returned.set(hub, returned);
  }
}
