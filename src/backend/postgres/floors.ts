/**
 * Where claims begin to look. An index of what is ready or due is emptied from its low end, and while anybody holds an old
 * snapshot open, the entries of what has left it cannot be cleared away: whoever begins at the lowest entry passes over all of
 * them, each time. What comes in anew comes in near the present, though. So each process remembers, for each list, below
 * which key it saw nothing, and begins there.
 *
 * Invariant: an entry below a floor came in by a step that took longer than `WINDOW_MS` to commit, or while the clock went back.
 * Such a one is found by the look behind, which now and then passes over everything, apart from any claim.
 */

/** How far behind the present an entry may still come in. What is further behind when it is written goes to another index. */
const WINDOW_MS = 500;
/** A ready item whose rank had passed longer ago than this is written as late. The rest of the window is for the step itself. */
export const FRESH_MS = 100;
/** Lists that are remembered: lanes, mostly. */
const MOST = 10_000;

/** Names of the lists: of a lane by its number, of what is due, of runs with a timeout, of sessions, of what a session holds. */
export const LANE = "lane ";
export const DUE = "due";
export const RUNS = "runs";
export const SESSIONS = "sessions";
export const HELD = "held ";

const NO_FLOOR = Number.NEGATIVE_INFINITY;

/** How many times more than it wants a claim looks at, at most. */
const MOST_SPARE = 8;

export class Floors {
  readonly #floors = new Map<string, number>();
  #seenUntil = NO_FLOOR;
  #spare = 1;
  /** Whether the last look found more than a glance would have: then the next one is no glance. */
  expectsMore = false;

  /** Where to begin in a list. */
  of(list: string): number {
    return this.#floors.get(list) ?? NO_FLOOR;
  }

  /** Lists whose names begin so, by the rest of their names, with where to begin in them. */
  named(prefix: string): readonly (readonly [rest: string, floor: number])[] {
    const named: [string, number][] = [];
    for (const [list, floor] of this.#floors) {
      if (list.startsWith(prefix)) named.push([list.slice(prefix.length), floor]);
    }
    return named;
  }

  /** A clock that went back brings entries in below all floors. */
  at(now: number): void {
    if (now < this.#seenUntil - WINDOW_MS) this.#floors.clear();
    this.#seenUntil = Math.max(this.#seenUntil, now);
    if (this.#floors.size > MOST) this.#floors.clear();
  }

  /**
   * A look at `now`, from the floor on, found `first` to be the lowest, or nothing. `shift`: how much lower than the present
   * new entries of the list lie.
   */
  saw(list: string, now: number, first: number | undefined, shift = 0): void {
    const fresh = now - WINDOW_MS - shift;
    this.#floors.set(list, first === undefined ? fresh : Math.min(first, fresh));
  }

  /** How many times as many as are wanted are looked at: the more, the more of them others held of late. */
  get spare(): number {
    return this.#spare;
  }

  /** A look found less than it wanted because others held the rest, or not. */
  contended(isSo: boolean): void {
    this.#spare = isSo ? Math.min(MOST_SPARE, this.#spare * 2) : Math.max(1, this.#spare - 1);
  }

  /** Something lies lower than was thought. */
  lower(list: string, key: number): void {
    const floor = this.#floors.get(list);
    if (floor !== undefined && key < floor) this.#floors.set(list, key);
  }
}
