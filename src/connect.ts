/**
 * Opening a backend by its URL. A backend's code is loaded only when its URL asks for it, so that whoever uses one store
 * loads no other. It refuses what gives less durability than was asked for, and never shows what may be secret in a URL.
 * Invariant: `connect` either gives an open backend or leaves nothing open.
 */

import { env } from "node:process";
import type { BackendOperations } from "./backend/contract/operations.ts";
import { type MemoryOptions, memoryOperations } from "./backend/memory/index.ts";
import { MillraceError } from "./core/errors.ts";
import { checkName } from "./core/names.ts";
import type { Clock, Logger } from "./core/ports.ts";
import { loggerFor } from "./logging/logger-option.ts";
import { type Backend, defineBackend } from "./stores/backend.ts";

/** What an acknowledged write survives: nothing, the crash of any program, or power loss. */
export type Durability = "none" | "process" | "power";

/** How to open a backend. */
export interface ConnectOptions {
  /** An isolated world in the same store; `default` if absent. */
  readonly namespace?: string | undefined;
  /**
   * The least that is accepted; `DURABILITY_TOO_WEAK` for a store that gives less. If absent, what the kind of store
   * promises by default: `power` for a SQLite file, what a server of PostgreSQL is set to, `process` for Redis, nothing for
   * what is kept in memory.
   */
  readonly durability?: Durability | undefined;
  /** Hears, as `debug`, which store was opened. What `MILLRACE_LOG` asks for if absent, which is nothing unless it is set. */
  readonly logger?: Logger | undefined;
  /** For simulations; the system's clock if absent. */
  readonly clock?: Clock | undefined;
}

/** Where runs are kept when nobody says otherwise. */
const DEFAULT_URL = "sqlite:./.millrace/millrace.db";

/**
 * Opens the backend that the URL names: `memory:`, `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/DATABASE`, or
 * `redis://HOST` (`rediss:` for TLS, `redis://A,B/?cluster=true` for a cluster). Without a URL that of `MILLRACE_URL`, or else the file `.millrace/millrace.db` in the current directory. Throws `INVALID_VALUE` for a URL or namespace that is none,
 * `INVALID_CONFIG` for a server that cannot be a store, or for what is no logger, `DURABILITY_TOO_WEAK`, `BACKEND_UNAVAILABLE`,
 * `BACKEND_CORRUPT`, `BACKEND_TOO_NEW`.
 */
export async function connect(url?: string, options: ConnectOptions = {}): Promise<Backend> {
  const namespace = checkName(options.namespace ?? "default", "the namespace");
  checkDurability(options.durability);
  const logger = loggerFor(options.logger);
  const operations = await open(readUrl(url ?? (env.MILLRACE_URL || DEFAULT_URL)), { ...options, namespace, logger });
  const { durability } = operations.capabilities;
  if (options.durability !== undefined && RANK[durability] < RANK[options.durability]) {
    await operations.close();
    throw tooWeak(operations, options.durability);
  }
  const { kind, location } = operations;
  logger.debug("opened a store", { kind, location, namespace, durability });
  return defineBackend(operations);
}

/** A backend in memory: nothing outlives its world. Throws `INVALID_VALUE` for what is no namespace. */
export function memory(options: MemoryOptions = {}): Backend {
  return defineBackend(memoryOperations(options));
}

const RANK: Readonly<Record<Durability, number>> = { none: 0, process: 1, power: 2 };

interface Target {
  readonly scheme: string;
  /** What follows the colon. */
  readonly rest: string;
}

function readUrl(url: string): Target {
  const match = typeof url === "string" ? /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/su.exec(url) : null;
  if (match === null) {
    throw new MillraceError("INVALID_VALUE", "the URL of a backend begins with its kind and a colon", { hints: FORMS });
  }
  const [, scheme = "", rest = ""] = match;
  return { scheme: scheme.toLowerCase(), rest };
}

const FORMS = [
  `Write "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE", "redis://HOST" or "memory:"; without a URL it is ${DEFAULT_URL}.`,
];

type OpenOptions = ConnectOptions & { readonly namespace: string };

async function open({ scheme, rest }: Target, options: OpenOptions): Promise<BackendOperations> {
  switch (scheme) {
    case "memory":
      if (rest !== "") throw new MillraceError("INVALID_VALUE", 'the URL "memory:" takes nothing after the colon');
      return memoryOperations({ namespace: options.namespace, clock: options.clock });
    case "sqlite": {
      const path = sqlitePath(rest);
      const { openSqlite } = await import("./backend/sqlite/index.ts");
      const { namespace, durability, clock } = options;
      return await openSqlite({ path, namespace, durability: durability === "none" ? "process" : durability, clock });
    }
    case "postgres":
    case "postgresql": {
      const { openPostgres } = await import("./backend/postgres/index.ts");
      const { namespace, durability, clock, logger } = options;
      const asked = durability === "none" ? "process" : durability;
      return await openPostgres({ url: `${scheme}:${rest}`, namespace, durability: asked, clock, logger });
    }
    case "redis":
    case "rediss":
    case "redis+cluster":
    case "rediss+cluster": {
      const { openRedis } = await import("./backend/redis/index.ts");
      const { namespace, durability, clock, logger } = options;
      return await openRedis({ url: `${scheme}:${rest}`, namespace, durability, clock, logger });
    }
    default:
      // The scheme alone: anything after it may hold a password.
      throw new MillraceError("INVALID_VALUE", `there is no backend for URLs that begin with ${scheme}:`, {
        hints: FORMS,
      });
  }
}

/** `sqlite:PATH`, with `//` before an absolute path allowed as other tools write it. */
function sqlitePath(rest: string): string {
  const path = rest.startsWith("///") ? rest.slice(2) : rest;
  if (path === "" || path.startsWith("//") || path.includes("\0")) {
    throw new MillraceError(
      "INVALID_VALUE",
      "the URL of a SQLite file is sqlite: and its path, such as sqlite:./runs.db",
      {
        hints: FORMS,
      },
    );
  }
  return path;
}

function checkDurability(durability: unknown): void {
  if (durability === undefined || durability === "none" || durability === "process" || durability === "power") return;
  throw new MillraceError("INVALID_VALUE", 'durability must be "none", "process" or "power"');
}

function tooWeak({ kind, location, capabilities }: BackendOperations, asked: Durability): MillraceError {
  const given = capabilities.durability;
  return new MillraceError(
    "DURABILITY_TOO_WEAK",
    `${kind} at ${location} gives the durability "${given}", not "${asked}"`,
    {
      hints: [`Use a store that gives it, or ask for durability: "${given}" by name.`],
    },
  );
}
