/** How a store on PostgreSQL is opened: the options that a program gives, and what of the driver they may bring along. */

import type { Clock, Logger } from "../../core/ports.ts";
import type { SqlValue } from "./driver.ts";

/** What is used of a client of `pg`. A connected `Client` is one, and so is what a `Pool` hands out. */
export interface PgClient {
  query(query: PgQuery, callback: (error: Error, result: PgResult) => void): void;
  addListener(event: string, listener: PgListener): unknown;
  removeListener(event: string, listener: PgListener): unknown;
}

/** For the events `error`, `end` and `notification`. */
export type PgListener = (() => void) | ((error: Error) => void) | ((message: PgNotification) => void);

export interface PgNotification {
  channel: string;
  payload?: string | undefined;
}

/** What is used of a pool of `pg`. Make it with `pipeline: true`, or each statement takes a round trip of its own. */
export interface PgPool {
  connect(): Promise<PgClient & { release(destroy?: Error | boolean): void }>;
  readonly totalCount: number;
}

/** A query as `pg` takes it. */
export interface PgQuery {
  text: string;
  values?: unknown[];
  name?: string;
  rowMode: "array";
  types: { getTypeParser(oid: number): (value: string) => SqlValue };
}

/** What is used of a result of `pg`. */
export interface PgResult {
  command: string;
  rows: SqlValue[][];
}

/** How a store on PostgreSQL is opened. What is absent comes from the variables of libpq (`PGHOST` and so on), or is its default. */
export interface PostgresOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with options behind a `?`; what is named here beside it wins. */
  readonly url?: string | undefined;
  /** A name or an address, or the folder of a Unix socket. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  /** A function is asked anew for each connection. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  readonly database?: string | undefined;
  /** `true`: verified by the authorities that Node knows. An object goes to `node:tls` as it is. */
  readonly tls?: boolean | Readonly<Record<string, unknown>> | undefined;
  /** An open pool of `pg`, or a connected client, instead of all of the above. It stays the caller's to close. */
  readonly pool?: PgPool | PgClient | undefined;
  /** Worlds that share nothing within one schema. Default `default`. */
  readonly namespace?: string | undefined;
  /** The schema that all tables lie in, made if it is absent. Default `millrace`. */
  readonly schema?: string | undefined;
  /** Connections that are open at most, besides one that listens. Default 10. */
  readonly poolSize?: number | undefined;
  /** How long a connection, or a free one of the pool, is waited for. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long one statement may take, waiting for locks included. Default 30,000. */
  readonly statementTimeoutMs?: number | undefined;
  /** What the server shows of these connections. Default `millrace`. */
  readonly applicationName?: string | undefined;
  /**
   * `power`: what was acknowledged survives power loss; refused if the server is set to less. `process`: it survives the crash of any
   * program; commits then do not wait for the disk. If absent, what the server's settings give.
   */
  readonly durability?: "power" | "process" | undefined;
  /** Prepared statements, on by default. Turn them off behind a pooler of transactions that does not know them. */
  readonly preparedStatements?: boolean | undefined;
  /** Hearing at once of what other processes do, on by default. Turn it off behind a pooler of transactions: there nobody hears anything. */
  readonly notifications?: boolean | undefined;
  /** Hears, as `warn`, what is wrong with the server's settings or the connection that listens. */
  readonly logger?: Logger | undefined;
  /** Instead of the server's clock, for simulations. */
  readonly clock?: Clock | undefined;
}
