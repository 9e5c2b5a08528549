/**
 * The driver `pg`, loaded only here and only when needed, behind the interface of driver.ts: a pool of connections, or one
 * that the caller opened. It decides nothing about tables. Invariant: a connection on which something went wrong that the
 * server did not answer is closed, never used again.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Listener, ListenerEvents, Pool, Session, Statement, StatementResult } from "./driver.ts";
import type { PgClient, PgNotification, PgPool, PgQuery, PgResult } from "./options.ts";
import { isConnectionSound, toStoreError } from "./store-errors.ts";
import type { Target } from "./target.ts";

/** How much longer than its own timeout the server may take to answer before a connection counts as dead. */
const SPARE_MS = 5_000;
const IDLE_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;

/** Opens a pool. Nothing is connected yet. Throws `MISSING_DEPENDENCY` without the package. */
export async function openPool(target: Target, warn: (message: string) => void): Promise<Pool> {
  const { Client, Pool: PgPoolOfClients } = await loadDriver();
  const config = {
    host: target.host,
    port: target.port,
    user: target.user,
    password: target.password,
    database: target.database,
    ...(target.tls === undefined ? {} : { ssl: target.tls }),
    application_name: target.applicationName,
    connectionTimeoutMillis: target.connectTimeoutMs,
    query_timeout: target.statementTimeoutMs + SPARE_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  };
  const { poolSize, location } = target;
  const pool = new PgPoolOfClients({
    ...config,
    pipeline: true,
    max: poolSize,
    idleTimeoutMillis: IDLE_MS,
    allowExitOnIdle: true,
  });
  // Of a connection that fails while nobody holds it: it is out of the pool already.
  pool.on("error", () => warn("an idle connection was lost"));
  return {
    connect: () => sessionOf(pool, location),
    async listen(channel, events) {
      const client = new Client(config);
      // Said before it is connected, too; what it means is told by the attempt to use it.
      client.addListener("error", () => undefined);
      try {
        await client.connect();
        const listener = await listenOn(client, channel, events, location);
        unref(client);
        return { check: listener.check, close: () => client.end() };
      } catch (error) {
        void client.end();
        throw toStoreError(error, location);
      }
    },
    close: () => pool.end(),
  };
}

/** A pool or a client that the caller opened and goes on owning. Throws `INVALID_CONFIG` for anything else. */
export function adoptPool(given: PgPool | PgClient, location: string): Pool {
  if (isPool(given)) return adoptedPool(given, location);
  if (typeof given === "object" && given !== null && "query" in given) return adoptedClient(given, location);
  throw new MillraceError("INVALID_CONFIG", "pool must be a pool or a connected client of the package pg");
}

function adoptedPool(given: PgPool, location: string): Pool {
  return {
    connect: () => sessionOf(given, location),
    async listen(channel, events) {
      const session = await given.connect().catch((error: unknown) => {
        throw toStoreError(error, location);
      });
      const listener = await listenOn(session, channel, events, location);
      return {
        check: listener.check,
        // It still listens, so nobody else should get it.
        close: async () => session.release(true),
      };
    },
    close: async () => undefined,
  };
}

/** One connection for everything: whoever wants it waits for the one before. */
function adoptedClient(client: PgClient, location: string): Pool {
  let last: Promise<void> = Promise.resolve();
  return {
    async connect() {
      const before = last;
      let free = (): void => undefined;
      last = new Promise((resolve) => {
        free = resolve;
      });
      await before;
      return new ClientSession(client, location, free);
    },
    listen: (channel, events) => listenOn(client, channel, events, location),
    close: async () => undefined,
  };
}

async function loadDriver(): Promise<typeof import("pg")> {
  try {
    const driver = await import("pg");
    return driver;
  } catch (cause) {
    throw new MillraceError(
      "MISSING_DEPENDENCY",
      "a store on PostgreSQL needs the package pg, which is not installed",
      {
        cause,
        hints: ["npm install pg"],
      },
    );
  }
}

async function sessionOf(pool: PgPool, location: string): Promise<Session> {
  try {
    const client = await pool.connect();
    return new ClientSession(client, location, (destroy) => client.release(destroy));
  } catch (error) {
    throw toStoreError(error, location);
  }
}

class ClientSession implements Session {
  readonly #client: PgClient;
  readonly #location: string;
  readonly #free: (destroy: boolean) => void;
  #isSound = true;
  #isHeld = true;

  constructor(client: PgClient, location: string, free: (destroy: boolean) => void) {
    this.#client = client;
    this.#location = location;
    this.#free = free;
    client.addListener("error", this.#failed);
  }

  async run(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    try {
      if (isPipelined(this.#client)) return await this.#runAtOnce(statements);
      const results: StatementResult[] = [];
      for (const statement of statements) results.push(...(await this.#runAtOnce([statement])));
      return results;
    } catch (error) {
      if (!isConnectionSound(error)) this.#isSound = false;
      throw toStoreError(error, this.#location);
    }
  }

  release(): void {
    this.#end(!this.#isSound);
  }

  destroy(): void {
    this.#end(true);
  }

  #end(destroy: boolean): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    // One that is closed may still say why it was cut off, and nobody else listens then.
    if (!destroy) this.#client.removeListener("error", this.#failed);
    this.#free(destroy);
  }

  readonly #failed = (): void => {
    this.#isSound = false;
  };

  /** All are sent before the first is answered, and all are answered before this is over, whatever became of them. */
  #runAtOnce(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    return new Promise((resolve, reject) => {
      const results: StatementResult[] = [];
      let open = statements.length;
      let failure: { readonly error: unknown } | undefined;
      const answered = (error: unknown, result: PgResult | readonly PgResult[] | undefined): void => {
        if (error === null || error === undefined) results.push(resultOf(result));
        else failure ??= { error };
        open -= 1;
        if (open > 0) return;
        if (failure === undefined) resolve(results);
        else reject(failure.error);
      };
      together(this.#client, () => {
        for (const statement of statements) this.#client.query(queryOf(statement), answered);
      });
      if (open === 0) resolve(results);
    });
  }
}

async function listenOn(
  client: PgClient,
  channel: string,
  events: ListenerEvents,
  location: string,
): Promise<Listener> {
  const heard = (message: PgNotification): void => {
    if (message.channel === channel) events.heard({ channel, payload: message.payload ?? "" });
  };
  let lost = (): void => {
    lost = (): void => undefined;
    events.lost();
  };
  client.addListener("error", () => lost());
  client.addListener("end", () => lost());
  client.addListener("notification", heard);
  const ask = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      client.query(queryOf({ text }), (error) => {
        if (error === null || error === undefined) resolve();
        else reject(toStoreError(error, location));
      });
    });
  await ask(`LISTEN "${channel}"`);
  return {
    check: () => ask("SELECT 1"),
    async close() {
      lost = (): void => undefined;
      client.removeListener("notification", heard);
      await ask(`UNLISTEN "${channel}"`).catch(() => undefined);
    },
  };
}

function queryOf({ text, values, name }: Statement): PgQuery {
  return {
    text,
    rowMode: "array",
    types: TYPES,
    ...(values === undefined ? {} : { values: [...values] }),
    ...(name === undefined ? {} : { name }),
  };
}

/** Of a text with several statements, the last one's. */
function resultOf(result: PgResult | readonly PgResult[] | undefined): StatementResult {
  const last = isList(result) ? result.at(-1) : result;
  return last === undefined ? NO_RESULT : last;
}

function isList(result: PgResult | readonly PgResult[] | undefined): result is readonly PgResult[] {
  return Array.isArray(result);
}

const NO_RESULT: StatementResult = { command: "", rows: [] };

const OID = { boolean: 16, bytes: 17, bigint: 20, smallint: 21, integer: 23, real: 700, double: 701 } as const;

const TYPES: PgQuery["types"] = {
  getTypeParser(oid) {
    switch (oid) {
      case OID.bigint:
      case OID.smallint:
      case OID.integer:
      case OID.real:
      case OID.double:
        return Number;
      case OID.boolean:
        return (value) => value === "t";
      case OID.bytes:
        return bytesOf;
      default:
        return (value) => value;
    }
  },
};

/** `\x` and two digits for each byte: the one form that servers of today give. */
function bytesOf(value: string): Uint8Array {
  const bytes = Buffer.from(value.slice(2), "hex");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isPool(given: PgPool | PgClient): given is PgPool {
  return typeof given === "object" && given !== null && "totalCount" in given && "connect" in given;
}

/** Lets the process end while it is open. */
function unref(client: PgClient): void {
  const unrefClient: unknown = Reflect.get(client, "unref");
  if (typeof unrefClient === "function") unrefClient.call(client);
}

function isPipelined(client: PgClient): boolean {
  return Reflect.get(client, "pipeline") === true;
}

/** Everything that is sent meanwhile goes out in one piece. */
function together(client: PgClient, send: () => void): void {
  const stream = streamOf(client);
  stream?.cork();
  try {
    send();
  } finally {
    stream?.uncork();
  }
}

interface Corked {
  cork(): void;
  uncork(): void;
}

function streamOf(client: PgClient): Corked | undefined {
  const connection: unknown = Reflect.get(client, "connection");
  const stream: unknown =
    typeof connection === "object" && connection !== null ? Reflect.get(connection, "stream") : undefined;
  return isCorked(stream) ? stream : undefined;
}

function isCorked(stream: unknown): stream is Corked {
  return (
    typeof stream === "object" &&
    stream !== null &&
    typeof Reflect.get(stream, "cork") === "function" &&
    typeof Reflect.get(stream, "uncork") === "function"
  );
}
