/**
 * A store of rows on PostgreSQL: steps on connections of a pool, reads, hints to others, and the look behind that keeps the
 * floors honest. It decides nothing about runs.
 */

import type { Clock } from "../../core/ports.ts";
import type { Claim, Peek } from "../contract/claim.ts";
import type { Advice, Wakeup } from "../contract/operations.ts";
import type { LoadedRows, RemoteReads, RemoteStep, RemoteStore } from "../remote/remote-store.ts";
import type { Want } from "../remote/wants.ts";
import { type AnnouncementOptions, Announcements, Listening } from "./announcements.ts";
import { lookBehind, peekStatement, readPeek } from "./coming-due.ts";
import type { Pool, Session, Statement, StatementResult } from "./driver.ts";
import { CLOCK, type StoreParts } from "./loading.ts";
import { postgresReads } from "./reads.ts";
import { numberAt } from "./row-values.ts";
import { RunNumbers } from "./run-writing.ts";
import { adviceOn } from "./server-settings.ts";
import { COMMIT, ROLLBACK } from "./statements.ts";
import { beginStep } from "./step.ts";

/** How long an entry that came in below a floor may go unnoticed. */
const LOOK_BEHIND_MS = 4_000;
/** Longer than closing connections takes. */
const KEEP_ALIVE_MS = 60_000;

export interface StoreOptions extends Omit<AnnouncementOptions, "clock"> {
  readonly parts: StoreParts;
  /** What waiting goes by; not the store's clock. */
  readonly waitingClock: Clock;
  /** Absent: nobody is told, and nothing is heard. */
  readonly notifications: boolean;
}

export class PostgresStore implements RemoteStore {
  readonly read: RemoteReads;
  readonly #parts: StoreParts;
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #numbers = new RunNumbers();
  readonly #announcements: Announcements | undefined;
  readonly #listening: Listening | undefined;
  #behindAt: number | undefined;
  #behind: Promise<void> | undefined;

  constructor(options: StoreOptions) {
    const { parts, pool, waitingClock, notifications } = options;
    this.#parts = parts;
    this.#pool = pool;
    this.#clock = waitingClock;
    this.read = postgresReads(parts, pool);
    this.#announcements = notifications ? new Announcements({ ...options, clock: waitingClock }) : undefined;
    this.#listening = notifications ? new Listening({ ...options, clock: waitingClock }) : undefined;
  }

  async begin(wants: readonly Want[], rows: LoadedRows): Promise<RemoteStep> {
    this.#lookBehindNowAndThen();
    return await beginStep(this.#parts, this.#numbers, () => this.#pool.connect(), wants, rows);
  }

  async peek(claim: Claim): Promise<Peek> {
    this.#lookBehindNowAndThen();
    const { statements, ns, floors, clock } = this.#parts;
    const statement = peekStatement(statements, ns, claim, floors, clock?.now());
    const results = await this.#together([...statements.begin, statement, ROLLBACK]);
    return readPeek(results[statements.begin.length]?.rows[0] ?? []);
  }

  announce(wakeups: readonly Wakeup[]): void {
    this.#announcements?.announce(wakeups);
  }

  /** Somebody here wants to hear what others do. */
  listen(): void {
    this.#listening?.start();
  }

  async advise(): Promise<readonly Advice[]> {
    return await this.#with(adviceOn);
  }

  async now(): Promise<number> {
    const { statements, clock } = this.#parts;
    if (clock !== undefined) return clock.now();
    const [time] = await this.#together([statements.of(CLOCK)]);
    return numberAt(time?.rows[0] ?? [], 0);
  }

  async close(): Promise<void> {
    // Idle connections keep no program alive; one that awaits their end must not end before it.
    const alive = this.#clock.setTimer(KEEP_ALIVE_MS, () => undefined);
    try {
      await this.#listening?.close();
      await this.#announcements?.close();
      await this.#behind;
      await this.#pool.close();
    } finally {
      alive.cancel();
    }
  }

  /** Beside everything else: what it passes over may be much. */
  #lookBehindNowAndThen(): void {
    const at = this.#clock.monotonic();
    this.#behindAt ??= at;
    if (this.#behind !== undefined || at - this.#behindAt < LOOK_BEHIND_MS) return;
    this.#behind = this.#lookBehind().finally(() => {
      this.#behind = undefined;
      // However long it takes, most of the time goes to other things.
      const now = this.#clock.monotonic();
      this.#behindAt = now + 4 * (now - at);
    });
  }

  async #lookBehind(): Promise<void> {
    const { statements, ns, floors } = this.#parts;
    const looks = lookBehind(statements, ns, floors);
    try {
      const asked = looks.map(({ statement }) => statement);
      const results = await this.#together([...statements.begin, ...asked, COMMIT]);
      for (const [at, { accept }] of looks.entries()) accept(results[at + statements.begin.length]?.rows ?? []);
    } catch {
      // The next one sees what this one did not.
    }
  }

  async #together(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    return await this.#with((session) => session.run(statements));
  }

  async #with<T>(use: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#pool.connect();
    try {
      const result = await use(session);
      session.release();
      return result;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }
}
