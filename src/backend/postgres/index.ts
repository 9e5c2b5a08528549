/**
 * The PostgreSQL backend: one schema of a database, behind the operations that every backend is. This file reaches the
 * server, makes sure that the schema is ours and the server as durable as asked, and puts the parts together. It decides
 * nothing about runs.
 */

import { digest } from "../../core/digest.ts";
import { checkName } from "../../core/names.ts";
import { systemClock, systemIds, systemRandom } from "../../core/ports.ts";
import type { Capabilities } from "../contract/capabilities.ts";
import type { BackendOperations } from "../contract/operations.ts";
import { remoteOperations } from "../remote/remote-operations.ts";
import { createWakeupHub, type WakeupHub } from "../synchronous/wakeups.ts";
import { adoptPool, openPool } from "./connection.ts";
import type { Pool } from "./driver.ts";
import { Floors } from "./floors.ts";
import { Lanes } from "./lanes.ts";
import type { PostgresOptions } from "./options.ts";
import { RecentRows } from "./recent-rows.ts";
import { openSchema } from "./schema.ts";
import { durabilityOf } from "./server-settings.ts";
import { Statements } from "./statements.ts";
import { PostgresStore } from "./store.ts";
import { type Target, targetOf } from "./target.ts";

export type { PgClient, PgListener, PgNotification, PgPool, PgQuery, PgResult, PostgresOptions } from "./options.ts";

/**
 * Opens a store. Throws `INVALID_CONFIG` for what cannot be a server or a schema of ours, `MISSING_DEPENDENCY` without the
 * driver, `BACKEND_UNAVAILABLE`, `BACKEND_TOO_NEW`, or `DURABILITY_TOO_WEAK`.
 */
export async function openPostgres(options: PostgresOptions): Promise<BackendOperations> {
  const namespace = checkName(options.namespace ?? "default", "the namespace");
  const target = targetOf(options);
  const warn = (message: string): void => options.logger?.warn(message, { location: target.location });
  if (target.ignored.length > 0) warn(`the URL has parameters that mean nothing here: ${target.ignored.join(", ")}`);
  const { pool } = options;
  const connections = pool === undefined ? await openPool(target, warn) : adoptPool(pool, target.location);
  try {
    return await openOn(connections, target, namespace, options, warn);
  } catch (error) {
    await connections.close();
    throw error;
  }
}

async function openOn(
  pool: Pool,
  target: Target,
  namespace: string,
  options: PostgresOptions,
  warn: (message: string) => void,
): Promise<BackendOperations> {
  const { location, renewalUrl, notifications } = target;
  const statements = new Statements({
    schema: target.schema,
    prepared: target.preparedStatements,
    timeoutMs: target.statementTimeoutMs,
    // Commits that do not wait for the log would not survive the server's own crash, which "process" promises.
    relaxed: false,
  });
  const { ns, durability } = await prepare(pool, statements, namespace, options, location);
  const hub = createWakeupHub();
  const store = new PostgresStore({
    parts: {
      statements,
      ns,
      lanes: new Lanes(statements, ns),
      floors: new Floors(),
      recent: new RecentRows(),
      clock: options.clock,
      location,
    },
    pool,
    hub,
    channel: `millrace_${digest(`${target.schema}\n${namespace}`)}`,
    sender: systemIds.token(),
    waitingClock: systemClock,
    notifications,
    warn,
  });
  const renewal: Capabilities["renewal"] = renewalUrl === undefined ? "main" : "thread";
  const operations = remoteOperations({
    kind: "postgres",
    location,
    namespace,
    capabilities: { durability, shared: true, pushWakeups: notifications, renewal },
    store,
    wakeups: listeningHub(hub, () => store.listen()),
    clock: systemClock,
    random: systemRandom,
  });
  // It holds the password, so nobody who prints the operations should see it.
  if (renewalUrl !== undefined)
    Object.defineProperty(operations, "renewalUrl", { value: renewalUrl, enumerable: false });
  return operations;
}

async function prepare(
  pool: Pool,
  statements: Statements,
  namespace: string,
  options: PostgresOptions,
  location: string,
): Promise<{ readonly ns: number; readonly durability: Exclude<Capabilities["durability"], "none"> }> {
  const session = await pool.connect();
  try {
    const durability = await durabilityOf(session, options.durability, location);
    const ns = await openSchema(session, statements, namespace, location);
    session.release();
    return { ns, durability };
  } catch (error) {
    session.destroy();
    throw error;
  }
}

/** The hub, which begins to listen to others once somebody here wants to hear of them. */
function listeningHub(hub: WakeupHub, listen: () => void): WakeupHub {
  return {
    subscribe(listener) {
      listen();
      return hub.subscribe(listener);
    },
    notify: (wakeup) => hub.notify(wakeup),
    get active() {
      return hub.active;
    },
  };
}
