/**
 * The SQLite backend: one file, or memory, behind the operations that every backend is. This file opens the database, makes
 * sure that it is ours and as durable as asked, and puts the parts together. It decides nothing about runs.
 */

import { realpathSync } from "node:fs";
import { MillraceError } from "../../core/errors.ts";
import { checkName } from "../../core/names.ts";
import { type Clock, systemClock, systemRandom } from "../../core/ports.ts";
import type { Capabilities } from "../contract/capabilities.ts";
import type { BackendOperations } from "../contract/operations.ts";
import { type AttachedSessions, createAttachedSessions } from "../synchronous/attached-sessions.ts";
import { synchronousOperations } from "../synchronous/operations.ts";
import { createWakeupHub, type WakeupHub } from "../synchronous/wakeups.ts";
import { sharedHub, watchingHub } from "./changes.ts";
import { adoptHandle, openNodeSqlite } from "./connection.ts";
import { Database } from "./database.ts";
import type { Driver, SqliteHandle } from "./driver.ts";
import { SqliteExecutor } from "./executor.ts";
import { preparePlace } from "./file-place.ts";
import { Identities } from "./identities.ts";
import { emptyLog, idleCheckpoints } from "./idle-checkpoints.ts";
import { type LockWaiting, waitForLock } from "./lock-waiting.ts";
import { RecentRows } from "./recent-rows.ts";
import { sqliteRowStore } from "./row-store.ts";
import { checkOwner, checkSchema, migrate, namespaceNumber } from "./schema.ts";

export type {
  BetterSqliteDatabase,
  BetterSqliteStatement,
  NodeSqliteDatabase,
  NodeSqliteStatement,
  SqliteHandle,
} from "./driver.ts";

/** How a SQLite store is opened. */
export interface SqliteOptions {
  /** The file, made if it is absent, or `:memory:`. Exactly one of `path` and `database` must be given. */
  readonly path?: string | undefined;
  /**
   * An open handle of `better-sqlite3` 13 or later, or of `node:sqlite`. It stays the caller's to close, and gets the
   * settings of this store. Several stores may share one handle.
   */
  readonly database?: SqliteHandle | undefined;
  /** Worlds that share nothing within one file. Default `default`. */
  readonly namespace?: string | undefined;
  /** `power` (default): what was acknowledged survives power loss. `process`: it survives the crash of any program. */
  readonly durability?: "power" | "process" | undefined;
  /** The backend's clock. */
  readonly clock?: Clock | undefined;
  /** What waiting for locks and looking for changes of other processes goes by: real time, unless a test says otherwise. */
  readonly waitingClock?: Clock | undefined;
  /** How long a lock of another program is waited for before an operation fails with `BACKEND_UNAVAILABLE`. */
  readonly lockWaitMs?: number | undefined;
  /** Bound on the size of the file, in pages; for tests. */
  readonly maxPages?: number | undefined;
}

const MEMORY = ":memory:";
const LOCK_WAIT_MS = 10_000;
/** Pages in the log after which a commit moves them into the file. */
const CHECKPOINT_PAGES = 4_000;
const LOG_BYTES = 33_554_432;
const CACHE_KIB = 16_384;

/** `PRAGMA synchronous`, by tier. */
const SYNCHRONOUS = { power: 2, process: 1 } as const;

/**
 * Opens a store. Throws `INVALID_CONFIG` for a place that cannot be one, `BACKEND_CORRUPT`, `BACKEND_TOO_NEW`,
 * `DURABILITY_TOO_WEAK`, or `BACKEND_UNAVAILABLE` when the file cannot be opened or stays locked.
 */
export async function openSqlite(options: SqliteOptions): Promise<BackendOperations> {
  const namespace = checkName(options.namespace ?? "default", "the namespace");
  const waitingClock = options.waitingClock ?? systemClock;
  const waiting = { clock: waitingClock, random: systemRandom, totalMs: options.lockWaitMs ?? LOCK_WAIT_MS };
  const opened = open(options);
  const { db, file } = opened;
  try {
    const durability = await prepare(opened, options, waiting);
    const ns = await namespaceNumber(db, namespace, waiting);
    const world = worldOf(opened, ns);
    const checkpoints = idleCheckpoints(db, waitingClock);
    const changes = file === undefined ? undefined : watchChanges(db, file, namespace, waitingClock);
    const executor = new SqliteExecutor({
      db,
      waiting,
      onBegin() {
        const version = db.dataVersion();
        if (world.recent.isFrom(version)) return;
        checkSchema(db);
        world.recent.renew(version);
      },
      onRollback() {
        world.ids.forget();
        world.recent.forget();
      },
      onCommit: file === undefined ? () => undefined : checkpoints.written,
      makeRoom: () => file === undefined || emptyLog(db),
      onClose() {
        checkpoints.stop();
        changes?.stop();
        opened.free();
      },
    });
    return synchronousOperations({
      kind: "sqlite",
      location: db.location,
      namespace,
      capabilities: capabilitiesOf(opened, durability),
      renewalUrl: opened.reopenable ? `sqlite:${db.location}` : undefined,
      store: sqliteRowStore({ db, ns, ids: world.ids, recent: world.recent }),
      executor,
      clock: monotone(options.clock ?? systemClock),
      wakeups: changes ?? world.hub,
      attached: world.attached,
    });
  } catch (error) {
    const explained = db.explain(error);
    opened.free();
    throw explained;
  }
}

interface Connected {
  readonly db: Database;
  /** By number of namespace. */
  readonly worlds: Map<number, World>;
}

interface Opened extends Connected {
  /** The one name of the file; `undefined` in memory. */
  readonly file: string | undefined;
  /** A second connection can be made to it. */
  readonly reopenable: boolean;
  /** Closes what we opened. */
  readonly free: () => void;
}

/** What stores that share a connection share of a namespace: what is known of its rows, and who listens. */
interface World {
  readonly ids: Identities;
  readonly recent: RecentRows;
  readonly hub: WakeupHub;
  readonly attached: AttachedSessions;
}

const HANDLES = new WeakMap<SqliteHandle, Connected>();

function open(options: SqliteOptions): Opened {
  const { path, database } = options;
  if ((path === undefined) === (database === undefined)) {
    throw new MillraceError(
      "INVALID_CONFIG",
      "a SQLite store is opened by a path or by a handle; give exactly one of the two",
    );
  }
  if (database !== undefined) return openHandle(database);
  if (path === undefined || path === "")
    throw new MillraceError("INVALID_CONFIG", "the path of a SQLite store must not be empty");
  const isMemory = path === MEMORY;
  const place = isMemory ? MEMORY : preparePlace(path);
  const db = new Database(openPath(place), place);
  return {
    db,
    worlds: new Map(),
    file: isMemory ? undefined : realpathSync(place),
    reopenable: !isMemory,
    free: () => db.close(),
  };
}

function openHandle(handle: SqliteHandle): Opened {
  const { driver, path } = adoptHandle(handle);
  const place = path === undefined ? MEMORY : preparePlace(path);
  const connected = HANDLES.get(handle) ?? { db: new Database(driver, place), worlds: new Map<number, World>() };
  HANDLES.set(handle, connected);
  return {
    ...connected,
    file: path === undefined ? undefined : realpathSync(place),
    reopenable: false,
    free: () => undefined,
  };
}

function openPath(place: string): Driver {
  try {
    return openNodeSqlite(place);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError("BACKEND_UNAVAILABLE", `${place} cannot be opened: ${text}`, {
      cause,
      hints: ["Check that the file and its folder exist and can be written by this user."],
    });
  }
}

/** Checks the file, sets it up, and tells how durable it really is. */
async function prepare(
  { db, file }: Opened,
  options: SqliteOptions,
  waiting: LockWaiting,
): Promise<Capabilities["durability"]> {
  db.exec("PRAGMA busy_timeout = 0");
  await waitForLock(() => checkOwner(db), waiting);
  const asked = options.durability ?? "power";
  if (file !== undefined) {
    const mode = await waitForLock(() => db.pragma("journal_mode = WAL"), waiting);
    if (mode !== "wal")
      throw new MillraceError(
        "BACKEND_UNAVAILABLE",
        `${db.location} cannot be put into WAL mode; it stays in mode ${String(mode)}`,
      );
  }
  db.exec(`PRAGMA synchronous = ${SYNCHRONOUS[asked]}; PRAGMA fullfsync = ${asked === "power" ? 1 : 0};
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = ${LOG_BYTES};
    PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF`);
  if (options.maxPages !== undefined) db.pragma(`max_page_count = ${Math.trunc(options.maxPages)}`);
  await migrate(db, waiting);
  return file === undefined ? "none" : durabilityOf(db, asked);
}

function durabilityOf(db: Database, asked: "power" | "process"): "power" | "process" {
  const synchronous = Number(db.pragma("synchronous") ?? 0);
  if (synchronous < SYNCHRONOUS[asked]) {
    throw new MillraceError(
      "DURABILITY_TOO_WEAK",
      `${db.location} has PRAGMA synchronous = ${synchronous}, which is less than the tier "${asked}" needs`,
    );
  }
  return synchronous >= SYNCHRONOUS.power ? "power" : "process";
}

function capabilitiesOf({ file, reopenable }: Opened, durability: Capabilities["durability"]): Capabilities {
  const renewal = file === undefined ? "inProcess" : reopenable ? "thread" : "main";
  return { durability, shared: file !== undefined, pushWakeups: false, renewal };
}

function worldOf({ db, worlds }: Opened, ns: number): World {
  const known = worlds.get(ns);
  if (known !== undefined) return known;
  const fresh = {
    ids: new Identities(db, ns),
    recent: new RecentRows(),
    hub: createWakeupHub(),
    attached: createAttachedSessions(),
  };
  worlds.set(ns, fresh);
  return fresh;
}

function watchChanges(db: Database, file: string, namespace: string, clock: Clock) {
  const shared = sharedHub(file, namespace);
  const watching = watchingHub(shared.hub, () => db.dataVersion(), clock);
  return {
    subscribe: watching.subscribe,
    notify: watching.notify,
    get active() {
      return watching.active;
    },
    stop() {
      watching.stop();
      shared.release();
    },
  };
}

/** The backend's clock as this handle sees it: it never goes back. */
function monotone(clock: Clock): Clock {
  let last = Number.NEGATIVE_INFINITY;
  return {
    now() {
      last = Math.max(last, clock.now());
      return last;
    },
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    setTimer: (ms, fn) => clock.setTimer(ms, fn),
  };
}
