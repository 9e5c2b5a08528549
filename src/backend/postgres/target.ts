/**
 * Where a server is and how to reach it, told from the options and the URL. Invariant: what is shown of it, in messages,
 * logs and `location`, holds no password, no user and no parameter of the URL but the schema.
 */

import { readFileSync } from "node:fs";
import { env } from "node:process";
import { MillraceError } from "../../core/errors.ts";
import type { PostgresOptions } from "./options.ts";

/** What the driver is told. Absent: what it takes from the environment by itself. */
interface ServerAddress {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly password: PostgresOptions["password"];
  readonly database: string | undefined;
  readonly tls: boolean | Readonly<Record<string, unknown>> | undefined;
}

export interface Target extends ServerAddress {
  readonly schema: string;
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly applicationName: string;
  /** Whether statements are prepared, and others heard. */
  readonly preparedStatements: boolean;
  readonly notifications: boolean;
  readonly location: string;
  /** What another thread connects by; absent where a URL cannot say all of it. */
  readonly renewalUrl: string | undefined;
  /** Names of parameters of the URL that mean nothing here. */
  readonly ignored: readonly string[];
}

const SCHEMA = "millrace";
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,62}$/;
const DEFAULT_PORT = 5432;

/** Throws `INVALID_CONFIG` for what cannot be a target. */
export function targetOf(options: PostgresOptions): Target {
  const given = options.url === undefined ? NOTHING : readUrl(options.url);
  const { fields, parameters } = given;
  const schema = options.schema ?? parameters.get("schema") ?? SCHEMA;
  if (!SCHEMA_NAME.test(schema) || schema.startsWith("pg_")) {
    throw invalid("the schema of a store is a lower-case name of at most 63 letters, digits and underscores");
  }
  const address: ServerAddress = {
    host: options.host ?? fields.host,
    port: wholeNumber(options.port ?? fields.port, "the port", 1, 65_535),
    user: options.user ?? fields.user,
    password: options.password ?? fields.password,
    database: options.database ?? fields.database,
    tls: options.tls ?? tlsOf(parameters),
  };
  const settings = {
    schema,
    poolSize: wholeNumber(options.poolSize ?? numeric(parameters, "pool_size"), "poolSize", 1, 1_000) ?? 10,
    connectTimeoutMs: milliseconds(options.connectTimeoutMs ?? seconds(parameters), "connectTimeoutMs") ?? 10_000,
    statementTimeoutMs:
      milliseconds(options.statementTimeoutMs ?? numeric(parameters, "statement_timeout"), "statementTimeoutMs") ??
      30_000,
    applicationName: options.applicationName ?? parameters.get("application_name") ?? "millrace",
    preparedStatements: options.preparedStatements ?? parameters.get("prepared_statements") !== "off",
    notifications: options.notifications ?? parameters.get("notifications") !== "off",
  };
  return {
    ...address,
    ...settings,
    location: locationOf(address, schema),
    renewalUrl: options.pool === undefined ? renewalUrlOf(address, settings, parameters, options) : undefined,
    ignored: [...parameters.keys()].filter((name) => !KNOWN.has(name)),
  };
}

type Settings = Pick<
  Target,
  "schema" | "connectTimeoutMs" | "statementTimeoutMs" | "applicationName" | "preparedStatements"
>;

interface UrlParts {
  readonly fields: Partial<Omit<ServerAddress, "password">> & { readonly password?: string | undefined };
  readonly parameters: URLSearchParams;
}

const NOTHING: UrlParts = { fields: {}, parameters: new URLSearchParams() };

const TLS_PARAMETERS = ["sslmode", "sslrootcert", "sslcert", "sslkey"];
const KNOWN: ReadonlySet<string> = new Set([
  ...["host", "port", "user", "password", "dbname", "schema", "pool_size", "connect_timeout", "statement_timeout"],
  ...["application_name", "prepared_statements", "notifications", ...TLS_PARAMETERS],
]);

/** Nothing of the URL is shown when it cannot be read: it may be the password that is wrong in it. */
function readUrl(url: string): UrlParts {
  try {
    const { protocol, hostname, port, username, password, pathname, search, hash, searchParams } = new URL(url);
    // A special character of a password that is not written as %XX ends up here, and part of the password with it.
    const isTorn = hash !== "" || pathname.includes("@") || search.includes("@");
    if (isTorn || (protocol !== "postgres:" && protocol !== "postgresql:")) throw new Error("another kind");
    const part = (text: string): string | undefined => (text === "" ? undefined : decodeURIComponent(text));
    const host = part(hostname.replace(/^\[(.*)\]$/, "$1")) ?? searchParams.get("host") ?? undefined;
    return {
      fields: {
        host,
        port: port === "" ? numeric(searchParams, "port") : Number(port),
        user: part(username) ?? searchParams.get("user") ?? undefined,
        password: part(password) ?? searchParams.get("password") ?? undefined,
        database: part(pathname.replace(/^\//, "")) ?? searchParams.get("dbname") ?? undefined,
      },
      parameters: searchParams,
    };
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw invalid("the URL of a PostgreSQL server cannot be read");
  }
}

function tlsOf(parameters: URLSearchParams): ServerAddress["tls"] {
  const mode = parameters.get("sslmode");
  if (mode === null) return undefined;
  const files = {
    ca: fileOf(parameters, "sslrootcert"),
    cert: fileOf(parameters, "sslcert"),
    key: fileOf(parameters, "sslkey"),
  };
  const given = Object.fromEntries(Object.entries(files).filter(([, content]) => content !== undefined));
  switch (mode) {
    case "disable":
    case "allow":
    case "prefer":
      return false;
    case "require":
      // As everywhere with PostgreSQL: encrypted, and verified only if an authority is named.
      return files.ca === undefined ? { ...given, rejectUnauthorized: false } : anyHost(given);
    case "no-verify":
      return { ...given, rejectUnauthorized: false };
    case "verify-ca":
      return anyHost(given);
    case "verify-full":
      return given;
    default:
      throw invalid("sslmode is one of disable, allow, prefer, require, no-verify, verify-ca and verify-full");
  }
}

function anyHost(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { ...given, checkServerIdentity: () => undefined };
}

function fileOf(parameters: URLSearchParams, name: string): string | undefined {
  const path = parameters.get(name);
  if (path === null) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw invalid(`the file that ${name} names cannot be read`, cause);
  }
}

function locationOf({ host, port, database, user }: ServerAddress, schema: string): string {
  const place = host ?? env.PGHOST ?? "localhost";
  const shown = place.includes(":") ? `[${place}]` : place.startsWith("/") ? encodeURIComponent(place) : place;
  const name = database ?? env.PGDATABASE ?? user ?? env.PGUSER ?? env.USER ?? "";
  const url = `postgres://${shown}:${port ?? env.PGPORT ?? DEFAULT_PORT}/${encodeURIComponent(name)}`;
  return schema === SCHEMA ? url : `${url}?schema=${schema}`;
}

function renewalUrlOf(
  { host, port, user, password, database }: ServerAddress,
  settings: Settings,
  parameters: URLSearchParams,
  options: PostgresOptions,
): string | undefined {
  if (typeof password === "function" || typeof options.tls === "object") return undefined;
  const url = new URL("postgres:///");
  const set = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) url.searchParams.set(name, String(value));
  };
  set("host", host);
  set("port", port);
  set("user", user);
  set("password", password);
  set("dbname", database);
  set("schema", settings.schema);
  // One connection renews, and nobody listens there.
  set("pool_size", 1);
  set("connect_timeout", settings.connectTimeoutMs / 1_000);
  set("statement_timeout", settings.statementTimeoutMs);
  set("application_name", settings.applicationName);
  if (!settings.preparedStatements) set("prepared_statements", "off");
  set("notifications", "off");
  for (const name of TLS_PARAMETERS) set(name, parameters.get(name) ?? undefined);
  if (options.tls !== undefined) set("sslmode", options.tls ? "verify-full" : "disable");
  return url.href;
}

function numeric(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  return text === null ? undefined : Number(text);
}

function seconds(parameters: URLSearchParams): number | undefined {
  const given = numeric(parameters, "connect_timeout");
  return given === undefined ? undefined : given * 1_000;
}

function milliseconds(value: number | undefined, what: string): number | undefined {
  return wholeNumber(value, what, 1, 86_400_000);
}

function wholeNumber(value: number | undefined, what: string, least: number, most: number): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return value;
  throw invalid(`${what} of a PostgreSQL server is a whole number from ${least} to ${most}`);
}

function invalid(message: string, cause?: unknown): MillraceError {
  return new MillraceError("INVALID_CONFIG", message, {
    cause,
    hints: ["Write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters as %XX."],
  });
}
