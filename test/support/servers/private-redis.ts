/**
 * A Redis of the test's own, to be killed and started again: on a free port of the loopback, its data in a temporary
 * folder. It ends with the process that started it at the latest. A replica is one too, and so is a node of a cluster.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "redis";
import { until } from "../../scenarios/harness/until.ts";
import { freePort } from "./free-port.ts";
import { serverFolder } from "./server-folder.ts";
import { ServerProcess } from "./server-process.ts";
import { missingPrograms, redisProgram } from "./server-programs.ts";

export interface PrivateRedisOptions {
  /** How its log is written; `no` keeps nothing over a kill. `everysec` unless told. */
  readonly appendonly?: "everysec" | "always" | "no";
  /** As in `redis.conf`: `{ maxmemory: "2mb", "maxmemory-policy": "allkeys-lru" }`. */
  readonly config?: Readonly<Record<string, string>>;
  /** The path of the program, where it is not the machine's. */
  readonly program?: string | undefined;
  /** Ports this much above its own must be free too. */
  readonly portsAbove?: readonly number[];
}

/** What `CONFIG SET`, `DEBUG` and other commands answer, as the driver gives it. */
export type RedisAnswer = string | number | boolean | null | readonly RedisAnswer[];

export interface PrivateRedis extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** `undefined` while it is down. */
  readonly pid: number | undefined;
  /** Where its append-only files are. */
  readonly folder: string;
  /** Resolves when it has loaded its data and answers. Does nothing while it runs. */
  start(): Promise<void>;
  /** Ends it as an operator does: what it holds is written first, unless `appendonly` is `no`. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Kills it and starts it again, with the data that its log has. */
  restart(): Promise<void>;
  /** Sends one command on a connection of its own. */
  call(...command: readonly string[]): Promise<RedisAnswer>;
  /** The fields of `INFO`, of one section or of all. */
  info(section?: string): Promise<Readonly<Record<string, string>>>;
  /** Ends it and removes its folder. Idempotent. */
  end(): Promise<void>;
}

const WITHIN_MS = 20_000;

/** Starts one; it answers when this resolves. */
export async function privateRedis(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
  const program = options.program ?? redisProgram();
  if (program === undefined) throw new Error(missingPrograms("Redis"));
  const folder = serverFolder("redis");
  const port = await freePort(...(options.portsAbove ?? []));
  writeFileSync(join(folder, "redis.conf"), configurationOf(port, folder, options));
  const server = new ServerProcess({ program, args: [join(folder, "redis.conf")], folder, lastSignal: "KILL" });
  const redis = new RunningRedis(server, port, folder, options.config?.requirepass);
  try {
    await redis.start();
  } catch (error) {
    await redis.end();
    throw error;
  }
  return redis;
}

/** A replica that has caught up with a server; `promote` cuts it loose and lets it be written to. */
export interface RedisReplica extends PrivateRedis {
  promote(): Promise<void>;
}

/**
 * Starts a replica of a server that has no password. Give it the port of a proxy before that server, and the two can be
 * separated.
 */
export async function redisReplica(
  of: { readonly port: number },
  options: PrivateRedisOptions = {},
): Promise<RedisReplica> {
  const config = { ...options.config, replicaof: `127.0.0.1 ${of.port}` };
  const redis = await privateRedis({ ...options, config });
  try {
    await until("the replica has caught up", async () => (await redis.info("replication")).master_link_status === "up");
  } catch (error) {
    await redis.end();
    throw error;
  }
  return Object.assign(redis, {
    async promote() {
      await redis.call("REPLICAOF", "NO", "ONE");
      await redis.call("CONFIG", "REWRITE");
    },
  });
}

class RunningRedis implements PrivateRedis {
  readonly #server: ServerProcess;
  readonly url: string;
  readonly port: number;
  readonly folder: string;

  constructor(server: ServerProcess, port: number, folder: string, password: string | undefined) {
    this.#server = server;
    this.url = `redis://${password === undefined ? "" : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`;
    this.port = port;
    this.folder = folder;
  }

  get pid(): number | undefined {
    return this.#server.pid;
  }

  async start(): Promise<void> {
    this.#server.start();
    const answers = async (): Promise<boolean> => {
      this.#server.assertRunning();
      return await this.call("PING").then(
        (answer) => answer === "PONG",
        () => false,
      );
    };
    await until("Redis answers", answers, { everyMs: 10, seen: () => this.#server.lastLines() });
  }

  stop(): Promise<void> {
    return this.#server.end("SIGTERM");
  }

  kill(): Promise<void> {
    return this.#server.end("SIGKILL");
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  call(...command: readonly string[]): Promise<RedisAnswer> {
    return callRedis(this.url, command);
  }

  async info(section = "everything"): Promise<Readonly<Record<string, string>>> {
    return fieldsOf(String(await this.call("INFO", section)));
  }

  end(): Promise<void> {
    return this.#server.close("SIGKILL");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

/** One command on a connection that is closed after it. A server that says nothing is an error in time. */
export async function callRedis(url: string, command: readonly string[], withinMs = WITHIN_MS): Promise<RedisAnswer> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  const silent = Promise.withResolvers<never>();
  const timer = setTimeout(() => silent.reject(new Error(`no answer within ${withinMs} ms`)), withinMs);
  client.on("error", () => undefined);
  const work = client.connect().then(() => client.sendCommand<RedisAnswer>([...command]));
  try {
    return await Promise.race([work, silent.promise]);
  } finally {
    clearTimeout(timer);
    client.destroy();
  }
}

/** The `name:value` lines that `INFO` and `CLUSTER INFO` answer. */
export function fieldsOf(text: string): Readonly<Record<string, string>> {
  const lines = text.split("\r\n").filter((line) => line.includes(":"));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

function configurationOf(
  port: number,
  folder: string,
  { appendonly = "everysec", config }: PrivateRedisOptions,
): string {
  const all = {
    bind: "127.0.0.1",
    port: String(port),
    dir: folder,
    save: '""',
    "repl-diskless-sync-delay": "0",
    "enable-debug-command": "yes",
    appendonly: appendonly === "no" ? "no" : "yes",
    ...(appendonly === "no" ? {} : { appendfsync: appendonly }),
    ...config,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name} ${value}\n`)
    .join("");
}
