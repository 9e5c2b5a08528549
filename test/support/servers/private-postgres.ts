/**
 * A PostgreSQL of the test's own, to be stopped, crashed and started again: on a free port of the loopback, in a temporary
 * folder, as superuser `postgres` without a password, and with what a plain server has (fsync on). It ends with the
 * process that started it at the latest. Making the files of a server takes most of a second, so that this is done once a
 * machine and copied.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { chmod, chown, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getuid } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "pg";
import { until } from "../../scenarios/harness/until.ts";
import { freePort } from "./free-port.ts";
import { type Identity, serverFolder, unprivileged } from "./server-folder.ts";
import { ServerProcess } from "./server-process.ts";
import { missingPrograms, postgresFolder } from "./server-programs.ts";

export interface PrivatePostgresOptions {
  /** As in `postgresql.conf`: `{ max_connections: "20" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Files of its data folder, by name: `pg_hba.conf`, `server.key`. Only the server may read them. */
  readonly files?: Readonly<Record<string, string>>;
  /** The folder of its programs, where it is not the machine's. */
  readonly programs?: string | undefined;
}

export interface PrivatePostgres extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Of the process that accepts connections; `undefined` while it is down. */
  readonly pid: number | undefined;
  /** Its data folder. */
  readonly folder: string;
  /** Resolves when it answers. Does nothing while it runs. */
  start(): Promise<void>;
  /** `immediate` is a crash: everybody is cut off, nothing is written, and the next start recovers from the log. */
  stop(how: "immediate" | "fast"): Promise<void>;
  restart(how: "immediate" | "fast"): Promise<void>;
  /** Runs one statement on a connection of its own. */
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Ends it and removes its folder. Idempotent. */
  end(): Promise<void>;
}

const signals = { immediate: "SIGQUIT", fast: "SIGINT" } as const;
const WITHIN_MS = 20_000;
const PID_LINE = 0;
const STATUS_LINE = 7;

const run = promisify(execFile);

/** Starts one; it answers when this resolves. */
export async function privatePostgres(options: PrivatePostgresOptions = {}): Promise<PrivatePostgres> {
  const programs = options.programs ?? postgresFolder();
  if (programs === undefined) throw new Error(missingPrograms("PostgreSQL"));
  const identity = unprivileged();
  const folder = serverFolder("postgres", identity);
  const data = join(folder, "data");
  const port = await freePort();
  const server = new ServerProcess({
    program: join(programs, "postgres"),
    args: argumentsOf(data, port, options.settings ?? {}),
    folder,
    identity,
    lastSignal: "QUIT",
  });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const postgres = new RunningPostgres(server, url, port, data);
  try {
    await run("cp", ["-pR", await template(programs, identity), data]);
    await writeFiles(data, options.files ?? {}, identity);
    await postgres.start();
  } catch (error) {
    await postgres.end();
    throw error;
  }
  return postgres;
}

class RunningPostgres implements PrivatePostgres {
  readonly #server: ServerProcess;
  readonly url: string;
  readonly port: number;
  readonly folder: string;

  constructor(server: ServerProcess, url: string, port: number, folder: string) {
    this.#server = server;
    this.url = url;
    this.port = port;
    this.folder = folder;
  }

  get pid(): number | undefined {
    return this.#server.pid;
  }

  async start(): Promise<void> {
    this.#server.start();
    const ready = (): boolean => {
      this.#server.assertRunning();
      return isReady(this.folder, this.pid);
    };
    await until("PostgreSQL is ready", ready, { everyMs: 10, seen: () => this.#server.lastLines() });
  }

  stop(how: "immediate" | "fast"): Promise<void> {
    return this.#server.end(signals[how]);
  }

  async restart(how: "immediate" | "fast"): Promise<void> {
    await this.stop(how);
    await this.start();
  }

  async sql(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return await onOneConnection(this.url, async (client) => (await client.query(text, [...values])).rows);
  }

  end(): Promise<void> {
    return this.#server.close(signals.immediate);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

/** Runs the body on a connection that is closed after it. A server that does not let it in is an error in time. */
export async function onOneConnection<T>(
  url: string,
  body: (client: Client) => Promise<T>,
  withinMs = WITHIN_MS,
): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: withinMs });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await body(client);
  } finally {
    await client.end();
  }
}

/** Whether the server says in its pid file that it takes connections; what a crash left there has another pid. */
function isReady(data: string, pid: number | undefined): boolean {
  const path = join(data, "postmaster.pid");
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  return lines[PID_LINE] === String(pid) && lines[STATUS_LINE]?.trim() === "ready";
}

function argumentsOf(data: string, port: number, settings: Readonly<Record<string, string>>): string[] {
  const all = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    port: String(port),
    ...settings,
  };
  return ["-D", data, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}

/** The files of a server that never ran, made by the first who asks. Small segments of the log make them cheap to copy. */
async function template(programs: string, identity: Identity | undefined): Promise<string> {
  const options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--wal-segsize=1"];
  const { stdout: version } = await run(join(programs, "postgres"), ["--version"]);
  const key = createHash("sha256")
    .update([version, getuid?.(), identity?.uid, ...options].join(" "))
    .digest("hex");
  const cache = fileURLToPath(new URL("../../../node_modules/.cache/millrace/", import.meta.url));
  const made = join(cache, `postgres-${key.slice(0, 16)}`);
  if (existsSync(made)) return made;
  const folder = serverFolder("template", identity);
  try {
    const data = join(folder, "data");
    await run(join(programs, "initdb"), ["-D", data, "--no-sync", ...options], { cwd: folder, ...identity });
    await mkdir(cache, { recursive: true });
    const copy = `${made}.${process.pid}`;
    await run("cp", ["-pR", data, copy]);
    // Whoever comes second finds the name taken: theirs is as good.
    await rename(copy, made).catch(() => rm(copy, { recursive: true, force: true }));
    return made;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeFiles(
  data: string,
  files: Readonly<Record<string, string>>,
  identity: Identity | undefined,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(data, name);
    await writeFile(path, text);
    await chmod(path, 0o600);
    if (identity !== undefined) await chown(path, identity.uid, identity.gid);
  }
}
