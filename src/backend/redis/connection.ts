/**
 * The connection to a server or a cluster: the one file that knows the driver. It sends commands, says of each that fails
 * what it means, reconnects, and gives up on a server that says nothing any more. It never sends a command twice: whoever
 * asked is told that it is unknown whether it happened.
 */

import { Buffer } from "node:buffer";
import { MillraceError } from "../../core/errors.ts";
import type { Clock, Random, Timer } from "../../core/ports.ts";
import type { Node } from "./address.ts";
import {
  type Argument,
  type CommandOptions,
  isCluster,
  type RedisClientHandle,
  type RedisClusterHandle,
  type RedisHandle,
} from "./driver.ts";
import { asReply, type Reply } from "./reply.ts";
import { toStoreError } from "./store-errors.ts";

export interface Target {
  readonly nodes: readonly [Node, ...Node[]];
  readonly cluster: boolean;
  /** `true`, or what `tls.connect` of Node takes. */
  readonly tls: boolean | Readonly<Record<string, unknown>>;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

export interface ConnectionOptions {
  readonly target: Target | { readonly handle: RedisHandle };
  readonly location: string;
  readonly connectTimeoutMs: number;
  /** How long an answer is waited for. */
  readonly commandTimeoutMs: number;
  readonly clock: Pick<Clock, "monotonic" | "setTimer">;
  readonly random: Random;
}

/** How long a command waits for a connection that is being made anew, at most. */
const RECONNECT_PATIENCE_MS = 1_000;
const LONGEST_RECONNECT_MS = 1_000;
/** Listening that begins later than this may have missed something that its listener counts on. */
const LATE_MS = 1_000;
/** Types of the protocol: `$`, bytes, come as bytes, and `%`, a map, as a flat list. */
const BYTES: CommandOptions = { typeMapping: { 36: Buffer, 37: Array } };

interface Pending {
  readonly since: number;
  readonly fail: (error: MillraceError) => void;
}

export class Connection {
  readonly location: string;
  readonly isCluster: boolean;
  readonly #options: ConnectionOptions;
  readonly #handle: RedisHandle;
  readonly #isOwn: boolean;
  /** In the order in which they were sent. */
  readonly #pending = new Set<Pending>();
  readonly #wakingUp = new Set<() => void>();
  #watch: Timer | undefined;
  #isClosed = false;
  #lastError: unknown;

  private constructor(options: ConnectionOptions, handle: RedisHandle, isOwn: boolean) {
    this.#options = options;
    this.#handle = handle;
    this.#isOwn = isOwn;
    this.location = options.location;
    this.isCluster = isCluster(handle);
    handle.on("ready", this.#ready);
    if (isOwn) {
      handle.on("error", (error: unknown) => {
        this.#lastError = error;
      });
    }
  }

  /** Throws `BACKEND_UNAVAILABLE`, `INVALID_CONFIG` for what the server does not let in, or `MISSING_DEPENDENCY`. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { target } = options;
    if ("handle" in target) {
      if (!target.handle.isOpen) {
        throw new MillraceError("INVALID_CONFIG", "the client that is passed in is not connected", {
          hints: ["Call connect() on it, and wait for it, before it is passed in."],
        });
      }
      return new Connection(options, target.handle, false);
    }
    const isFirst = { connecting: true };
    const connection = new Connection(options, await createHandle(target, options, isFirst), true);
    try {
      await connection.#handle.connect();
    } catch (error) {
      await connection.close();
      throw toStoreError(error, options.location);
    }
    isFirst.connecting = false;
    return connection;
  }

  /** Sends a command to whoever has the key. Throws errors of the engine, except for a script that is not known. */
  async call(key: string, args: readonly Argument[]): Promise<Reply> {
    const handle = this.#handle;
    await this.#whenReady();
    return asReply(
      await this.#answered(
        isCluster(handle) ? handle.sendCommand(key, false, args, BYTES) : handle.sendCommand(args, BYTES),
      ),
    );
  }

  /** Sends a command that names no key to the server that has the key, over the connection that `call` uses. */
  async callAt(key: string, args: readonly Argument[]): Promise<Reply> {
    const handle = this.#handle;
    await this.#whenReady();
    const node = isCluster(handle) ? await this.#answered(nodeOf(handle, key)) : handle;
    return asReply(await this.#answered(node.sendCommand(args, BYTES)));
  }

  /**
   * Hears what is published, and `undefined` whenever something may have been missed: after each interruption, and if it took
   * long to begin. Gives what ends it.
   */
  listen(channel: string, heard: (message: string | undefined) => void): () => Promise<void> {
    const handle = this.#handle;
    const { clock } = this.#options;
    const begun = clock.monotonic();
    const own = isCluster(handle) ? handle : handle.duplicate();
    const listener = (message: unknown): void => heard(String(message));
    let isListening = false;
    const again = (): void => {
      if (isListening) heard(undefined);
    };
    const listen = async (): Promise<void> => {
      if (own !== handle) await own.connect();
      await own.subscribe(channel, listener);
      isListening = true;
      if (clock.monotonic() - begun > LATE_MS) heard(undefined);
    };
    own.on("ready", again);
    if (own !== handle) own.on("error", () => undefined);
    listen().catch(() => undefined);
    return async () => {
      own.off("ready", again);
      if (own === handle) await own.unsubscribe(channel, listener).catch(() => undefined);
      else if (own.isOpen) own.destroy();
    };
  }

  /** Ends what was opened here; a client that was passed in stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watch?.cancel();
    for (const wake of this.#wakingUp) wake();
    if (!this.#isOwn) this.#handle.off("ready", this.#ready);
    else if (this.#handle.isOpen) this.#handle.destroy();
  }

  async #whenReady(): Promise<void> {
    if (this.#handle.isReady) return;
    if (!this.#isClosed) await this.#nextReady();
    if (this.#isClosed) throw new MillraceError("CLOSED", "the backend has been closed");
    if (!this.#handle.isReady) {
      throw toStoreError(this.#lastError ?? new Error("it was interrupted"), this.location);
    }
  }

  #nextReady(): Promise<void> {
    const { clock, connectTimeoutMs } = this.#options;
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#wakingUp.delete(wake);
        resolve();
      };
      const timer = clock.setTimer(Math.min(RECONNECT_PATIENCE_MS, connectTimeoutMs), wake);
      this.#wakingUp.add(wake);
    });
  }

  readonly #ready = (): void => {
    for (const wake of this.#wakingUp) wake();
  };

  /** The reply, or an error: also when none comes. One timer watches over all that is underway. */
  #answered<T>(sent: Promise<T>): Promise<T> {
    const { clock, commandTimeoutMs } = this.#options;
    return new Promise<T>((resolve, reject) => {
      const pending: Pending = { since: clock.monotonic(), fail: reject };
      this.#pending.add(pending);
      this.#watch ??= clock.setTimer(commandTimeoutMs, () => this.#checkSilence()).unref();
      sent.then(
        (reply) => {
          this.#pending.delete(pending);
          resolve(reply);
        },
        (error: unknown) => {
          this.#pending.delete(pending);
          reject(error);
        },
      );
    });
  }

  #checkSilence(): void {
    this.#watch = undefined;
    const { clock, commandTimeoutMs } = this.#options;
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    const left = oldest.since + commandTimeoutMs - clock.monotonic();
    if (left > 0) {
      this.#watch = clock.setTimer(left, () => this.#checkSilence()).unref();
      return;
    }
    const error = toStoreError(new Error(`no answer within ${commandTimeoutMs} ms`), this.location);
    const silent = [...this.#pending];
    this.#pending.clear();
    for (const { fail } of silent) fail(error);
    // What was sent may still be answered, and then everything after it would get the answer of something else.
    if (this.#isOwn && !this.#isClosed) {
      this.#handle.destroy();
      this.#handle.connect().catch((reason: unknown) => {
        this.#lastError = reason;
      });
    }
  }
}

/** The driver knows it; its types are not ours. */
function nodeOf(cluster: RedisClusterHandle, key: string): Promise<RedisClientHandle> {
  return cluster.getNodeClientForKey(key);
}

async function createHandle(
  target: Target,
  { connectTimeoutMs, random }: ConnectionOptions,
  first: { readonly connecting: boolean },
): Promise<RedisHandle> {
  const { createClient, createCluster } = await loadDriver();
  const { tls, username, password, database } = target;
  const reconnectStrategy = (retries: number): number | false => {
    if (first.connecting) return false;
    return Math.min(LONGEST_RECONNECT_MS, 25 * 2 ** Math.min(retries, 10)) * (0.5 + random.next() / 2);
  };
  const shared = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    // Otherwise each command gets an abort signal of its own, which costs more than the rest of it.
    commandOptions: { timeout: 0 },
    disableOfflineQueue: true,
    maintNotifications: "disabled" as const,
    name: "millrace",
  };
  const [{ host, port }] = target.nodes;
  const tlsOptions = tls === false ? {} : { tls: true as const, ...(tls === true ? {} : tls) };
  if (!target.cluster) {
    const socket = { host, port, connectTimeout: connectTimeoutMs, reconnectStrategy, ...tlsOptions };
    return createClient({ ...shared, database, socket });
  }
  const socket = { connectTimeout: connectTimeoutMs, reconnectStrategy, ...tlsOptions };
  const rootNodes = target.nodes.map((node) => ({ socket: { ...node, ...socket } }));
  return createCluster({ rootNodes, defaults: { ...shared, socket } });
}

async function loadDriver() {
  try {
    return await import("redis");
  } catch (cause) {
    throw new MillraceError(
      "MISSING_DEPENDENCY",
      'a store on Redis needs the package "redis", which is not installed',
      {
        cause,
        hints: ["npm install redis"],
      },
    );
  }
}
