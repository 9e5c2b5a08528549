/**
 * Stands between a client and a server on the loopback and does what networks do: delays, cuts, goes silent, loses an
 * answer after the request went through, refuses, crumbles what is sent. It never changes a byte. Every fault it makes
 * is counted, so that a test can tell that what it asked for did happen.
 */

import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as passed, setImmediate as turn } from "node:timers/promises";
import { freePort } from "./free-port.ts";

/** `requests` go to the server, `answers` come from it. */
export type Direction = "requests" | "answers";

export interface Swallowing {
  /** How many; unless told, every one until `heal`. */
  readonly next?: number;
  /** Of which requests. Unless told, of all. A request is what arrives at once. */
  readonly of?: (request: Buffer) => boolean;
  /** What the client sees: a broken connection, or nothing ever again on this one. `cut` unless told. */
  readonly outcome?: "cut" | "hang";
}

/** How often each fault was made, by what arrived at once; `cut` and `swallowed` by connection, `refused` by call. */
const none = { delayed: 0, cut: 0, refused: 0, blackHoled: 0, swallowed: 0, sliced: 0 };

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** What awaits the next answer. */
  doomed: "cut" | "hang" | undefined;
  hung: boolean;
}

const defaultPorts = new Map([
  ["postgres:", 5432],
  ["redis:", 6379],
]);

/** Opens one before the server of a URL (`redis://…`, `postgres://…`); its own `url` leads through it. */
export async function tcpProxy(target: string): Promise<TcpProxy> {
  const proxy = new TcpProxy(target, await freePort());
  await proxy.accept();
  return proxy;
}

export class TcpProxy implements AsyncDisposable {
  readonly url: string;
  readonly port: number;
  #target: { readonly host: string; readonly port: number };
  readonly #counts = { ...none };
  readonly #pairs = new Set<Pair>();
  readonly #latencyMs: Record<Direction, number> = { requests: 0, answers: 0 };
  readonly #silence: Partial<Record<Direction, PromiseWithResolvers<void>>> = {};
  readonly #swallowing: Partial<Record<Direction, Swallowing & { left: number }>> = {};
  #sliceBytes = 0;
  #listener: Server | undefined;

  constructor(target: string, port: number) {
    const url = new URL(target);
    this.#target = placeOf(url);
    url.hostname = "127.0.0.1";
    url.port = String(port);
    this.url = url.href;
    this.port = port;
  }

  get faults(): Readonly<typeof none> {
    return { ...this.#counts };
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Whoever connects from now on reaches another server; connections that there are stay. */
  lead(target: string): void {
    this.#target = placeOf(new URL(target));
  }

  /** Holds back what is sent. */
  delay(ms: number, ...directions: Direction[]): void {
    for (const one of orBoth(directions)) this.#latencyMs[one] = ms;
  }

  /** Resets every connection, as a crash of the other side does. Says how many there were. */
  cut(): number {
    const count = this.#pairs.size;
    for (const pair of this.#pairs) reset(pair);
    this.#counts.cut += count;
    return count;
  }

  /** Lets nothing through, ends of connections included. As TCP repeats itself, all of it arrives after `heal`. */
  blackHole(...directions: Direction[]): void {
    for (const one of orBoth(directions)) this.#silence[one] ??= Promise.withResolvers();
  }

  /**
   * `answers`: the server gets the request and does it; its answer is lost. `requests`: the request never arrives. The
   * connection is of no use afterwards, so that each fault costs one.
   */
  swallow(direction: Direction, options: Swallowing = {}): void {
    this.#swallowing[direction] = { ...options, left: options.next ?? Number.POSITIVE_INFINITY };
  }

  /** Passes everything on in pieces of that many bytes. */
  slice(bytes = 1): void {
    this.#sliceBytes = bytes;
  }

  /** Nobody can connect any more. Connections that there are stay. */
  refuse(): void {
    if (this.#listener === undefined) return;
    this.#counts.refused += 1;
    this.#listener.close();
    this.#listener = undefined;
  }

  /** Lets clients connect again. */
  accept(): Promise<void> {
    if (this.#listener !== undefined) return Promise.resolve();
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#open(client));
    this.#listener = listener;
    return new Promise((resolve, reject) => {
      listener.once("error", reject).listen(this.port, "127.0.0.1", resolve);
    });
  }

  /** Ends every fault. Only a connection that hangs after a lost answer stays so. */
  async heal(): Promise<void> {
    this.delay(0);
    this.#sliceBytes = 0;
    for (const one of orBoth([])) {
      this.#silence[one]?.resolve();
      delete this.#silence[one];
      delete this.#swallowing[one];
    }
    await this.accept();
  }

  /** Closes everything. */
  async end(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    const closed = listener === undefined ? undefined : new Promise((resolve) => listener.close(resolve));
    for (const pair of this.#pairs) reset(pair);
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  #open(client: Socket): void {
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const pair: Pair = { client, server, doomed: undefined, hung: false };
    this.#pairs.add(pair);
    this.#carry(pair, "requests", client, server);
    this.#carry(pair, "answers", server, client);
  }

  #carry(pair: Pair, direction: Direction, from: Socket, to: Socket): void {
    // One after the other, the end of a connection too: nothing overtakes what was held back.
    let last: Promise<void> = Promise.resolve();
    const inTurn = (pass: () => void | Promise<void>): void => {
      const dueAt = performance.now() + this.#latencyMs[direction];
      last = last.then(async () => {
        const early = dueAt - performance.now();
        if (early > 0) await passed(early);
        await this.#silence[direction]?.promise;
        if (!to.destroyed) await pass();
      });
    };
    from.on("data", (bytes: Buffer) => {
      if (this.#latencyMs[direction] > 0) this.#counts.delayed += 1;
      if (this.#silence[direction] !== undefined) this.#counts.blackHoled += 1;
      inTurn(() => this.#pass(pair, direction, bytes, to));
    });
    from.on("end", () => inTurn(() => void to.end()));
    from.on("error", () => inTurn(() => reset(pair)));
    from.on("close", () => {
      if (to.destroyed) this.#pairs.delete(pair);
    });
  }

  async #pass(pair: Pair, direction: Direction, bytes: Buffer, to: Socket): Promise<void> {
    if (pair.hung) return;
    const lost = direction === "answers" ? pair.doomed : this.#takes("requests", bytes);
    if (lost !== undefined) {
      this.#counts.swallowed += 1;
      if (lost === "hang") pair.hung = true;
      else reset(pair);
      return;
    }
    if (direction === "requests") pair.doomed ??= this.#takes("answers", bytes);
    if (this.#sliceBytes === 0) to.write(bytes);
    else await this.#crumble(bytes, to);
  }

  /** What is to become of the connection, if this request is one to lose something of. */
  #takes(direction: Direction, request: Buffer): "cut" | "hang" | undefined {
    const swallowing = this.#swallowing[direction];
    if (swallowing === undefined || swallowing.left === 0 || swallowing.of?.(request) === false) return undefined;
    swallowing.left -= 1;
    return swallowing.outcome ?? "cut";
  }

  async #crumble(bytes: Buffer, to: Socket): Promise<void> {
    const size = this.#sliceBytes;
    this.#counts.sliced += 1;
    for (let at = 0; at < bytes.length && !to.destroyed; at += size) {
      to.write(bytes.subarray(at, at + size));
      await turn();
    }
  }
}

function placeOf(url: URL): { readonly host: string; readonly port: number } {
  return { host: url.hostname, port: Number(url.port) || (defaultPorts.get(url.protocol) ?? 0) };
}

function orBoth(directions: readonly Direction[]): readonly Direction[] {
  return directions.length === 0 ? ["requests", "answers"] : directions;
}

function reset({ client, server }: Pair): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
