/**
 * Checks that the rows of a run, one after the other, make up the run that its first line tells of: numbers without gaps,
 * counts that agree, and no row that refers to one that is not there. A run that does not add up would get stuck, or end
 * too early, where it arrives; so it never does.
 */

import type { RunState } from "../backend/contract/run.ts";
import type { Arrival, BranchGroup, WorkItem } from "../backend/contract/work-item.ts";
import { Misshapen } from "../core/shapes.ts";
import { isOpenItem, type WorkItemStatus } from "../core/status.ts";
import type { OfRun } from "./run-shapes.ts";

interface Group {
  readonly told: OfRun<BranchGroup>;
  /** Open members that were seen: items and groups inside. */
  members: number;
  readonly arrived: Map<string, number>;
}

export class RunTally {
  readonly #state: RunState;
  readonly #statuses = new Map<WorkItemStatus, number>();
  readonly #groups = new Map<number, Group>();
  /** Groups that items are in, whose own lines may come later. */
  readonly #inside = new Map<number, number>();
  readonly #mentioned = new Set<number>();
  #items = 0;
  #open = 0;
  #deltas = 0;
  #outputs = 0;

  constructor(state: RunState) {
    this.#state = state;
  }

  item({ item, status, group, joins, from }: OfRun<WorkItem>): void {
    expect(item === this.#items, `is item ${item} where item ${this.#items} was expected`);
    this.#items += 1;
    for (const number of [group, joins, from]) expect((number ?? -1) < item, "refers to an item that comes later");
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    if (isOpenItem(status)) this.#open += 1;
    for (const number of [group, joins]) if (number !== undefined) this.#mentioned.add(number);
    if (group === undefined) return;
    // Failing for good leaves an item a member of its group.
    const isMember = isOpenItem(status) || status === "permanently_failed";
    this.#inside.set(group, (this.#inside.get(group) ?? 0) + (isMember ? 1 : 0));
  }

  /** A row about an item that was there before. */
  about(item: number): void {
    expect(item < this.#items, `is about item ${item}, which is not there`);
  }

  group(told: OfRun<BranchGroup>): void {
    this.about(told.group);
    expect(!this.#groups.has(told.group), `is group ${told.group} for the second time`);
    expect((told.parent ?? -1) < told.group, "is inside of a group that comes later");
    if (told.parent !== undefined) this.#mentioned.add(told.parent);
    this.#groups.set(told.group, { told, members: 0, arrived: new Map() });
  }

  arrival({ group, join }: OfRun<Arrival>): void {
    const found = this.#groups.get(group);
    expect(found !== undefined, `arrived in group ${group}, which is not there`);
    found?.arrived.set(join, (found.arrived.get(join) ?? 0) + 1);
  }

  output(): void {
    this.#outputs += 1;
  }

  delta(sequence: number): void {
    expect(sequence === this.#deltas + 1, `is delta ${sequence} where delta ${this.#deltas + 1} was expected`);
    this.#deltas += 1;
  }

  /** After the last row. */
  finish(): void {
    const { items, open, parked, held, completed, failed, sequence, outputs, finishedAt } = this.#state;
    const counts: readonly (readonly [string, number, number])[] = [
      ["items", items, this.#items],
      ["open items", open, this.#open],
      ["parked items", parked, this.#of("waiting")],
      ["held items", held, this.#of("held")],
      ["completed items", completed, this.#of("completed")],
      ["failed items", failed, this.#of("failed") + this.#of("permanently_failed")],
      ["deltas", sequence, this.#deltas],
    ];
    for (const [what, told, found] of counts) expect(told === found, `tells of ${told} ${what}, but has ${found}`);
    // Who completes a run by hand gives it an output that is no row of a list.
    expect(this.#outputs <= outputs, `tells of ${outputs} outputs, but has ${this.#outputs}`);
    expect(finishedAt !== undefined || open > 0, "is open, but nothing of it is");
    this.#finishGroups();
  }

  #finishGroups(): void {
    for (const number of this.#mentioned) expect(this.#groups.has(number), `has no group ${number}`);
    for (const { told } of this.#groups.values()) {
      const parent = told.parent === undefined ? undefined : this.#groups.get(told.parent);
      if (parent !== undefined && !told.done) parent.members += 1;
    }
    for (const { told, members, arrived } of this.#groups.values()) {
      const found = told.done ? 0 : members + (this.#inside.get(told.group) ?? 0);
      expect(told.open === found, `tells of ${told.open} open members of group ${told.group}, but has ${found}`);
      for (const join of new Set([...Object.keys(told.arrived), ...arrived.keys()])) {
        const claimed = Object.hasOwn(told.arrived, join) ? (told.arrived[join] ?? 0) : 0;
        const here = arrived.get(join) ?? 0;
        expect(claimed === here, `tells of ${claimed} arrivals at a join of group ${told.group}, but has ${here}`);
      }
    }
  }

  #of(status: WorkItemStatus): number {
    return this.#statuses.get(status) ?? 0;
  }
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Misshapen(what);
}
