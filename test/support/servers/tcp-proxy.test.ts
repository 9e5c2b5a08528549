import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { until } from "../../scenarios/harness/until.ts";
import { onOneConnection } from "./private-postgres.ts";
import { callRedis } from "./private-redis.ts";
import { sharedPostgresUrl, sharedRedisUrl } from "./server-urls.ts";
import { type TcpProxy, tcpProxy } from "./tcp-proxy.ts";

/** A server that answers each request with itself in capitals, and keeps what it was asked. */
const asked: string[] = [];
const opened = new Set<Socket>();
const server = createServer((socket) => {
  opened.add(socket.on("close", () => opened.delete(socket)).on("error", () => undefined));
  socket.on("data", (bytes) => {
    asked.push(String(bytes));
    socket.write(String(bytes).toUpperCase());
  });
});

let proxy: TcpProxy;

beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
});
afterAll(() => {
  for (const socket of opened) socket.destroy();
  server.close();
});
beforeEach(async () => {
  asked.length = 0;
  const address = server.address();
  proxy = await tcpProxy(`tcp://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`);
  onTestFinished(() => proxy.end());
});

class Caller {
  readonly socket: Socket;
  readonly chunks: string[] = [];
  failure: string | undefined;
  ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes) => this.chunks.push(String(bytes)));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.failure = error.code;
    });
    socket.on("close", () => {
      this.ended = true;
    });
  }

  static async open(): Promise<Caller> {
    const caller = new Caller(connect(proxy.port, "127.0.0.1"));
    onTestFinished(() => void caller.socket.destroy());
    await once(caller.socket, "connect");
    return caller;
  }

  get heard(): string {
    return this.chunks.join("");
  }

  say(text: string): void {
    this.socket.write(text);
  }

  async hears(text: string): Promise<void> {
    await until(`the caller hears ${text}`, () => this.heard === text, { seen: () => this.heard });
  }

  async ask(text: string): Promise<string> {
    const before = this.heard;
    this.say(text);
    await this.hears(before + text.toUpperCase());
    return text.toUpperCase();
  }

  async fails(): Promise<string | undefined> {
    await until("the caller is cut off", () => this.ended);
    return this.failure;
  }
}

describe("a proxy", () => {
  test("passes on what is said, and its end, and counts no fault", async () => {
    const caller = await Caller.open();
    expect(await caller.ask("hello")).toBe("HELLO");
    caller.socket.end();
    expect(await caller.fails()).toBeUndefined();
    await until("the proxy forgot the connection", () => proxy.connections === 0);
    expect(proxy.faults).toEqual({ delayed: 0, cut: 0, refused: 0, blackHoled: 0, swallowed: 0, sliced: 0 });
  });

  test("holds back each direction for as long as told", async () => {
    const caller = await Caller.open();
    await caller.ask("a");
    proxy.delay(30);
    const started = performance.now();
    await caller.ask("b");
    expect(performance.now() - started).toBeGreaterThanOrEqual(59);
    expect(proxy.faults.delayed).toBe(2);
  });

  test("resets every connection at once", async () => {
    const callers = [await Caller.open(), await Caller.open()];
    for (const caller of callers) await caller.ask("a");
    expect(proxy.cut()).toBe(2);
    expect(await Promise.all(callers.map((caller) => caller.fails()))).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(proxy.faults.cut).toBe(2);
    expect(await (await Caller.open()).ask("b")).toBe("B");
  });

  test("refuses connections until it accepts them again, on the same port", async () => {
    const early = await Caller.open();
    await early.ask("a");
    proxy.refuse();
    await expect(Caller.open()).rejects.toThrow("ECONNREFUSED");
    expect(await early.ask("b")).toBe("B");
    await proxy.accept();
    expect(await (await Caller.open()).ask("c")).toBe("C");
    expect(proxy.faults.refused).toBe(1);
  });

  test("tells the client when the server is gone", async () => {
    const closed = createServer();
    await once(closed.listen(0, "127.0.0.1"), "listening");
    const address = closed.address();
    closed.close();
    proxy = await tcpProxy(`tcp://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`);
    onTestFinished(() => proxy.end());
    const caller = await Caller.open();
    expect(await caller.fails()).toBe("ECONNRESET");
  });
});

describe("a black hole", () => {
  test("of requests keeps them from the server until it heals", async () => {
    const caller = await Caller.open();
    await caller.ask("a");
    proxy.blackHole("requests");
    caller.say("b");
    await until("the proxy got it", () => proxy.faults.blackHoled === 1);
    expect(asked).toEqual(["a"]);
    await proxy.heal();
    await caller.hears("AB");
  });

  test("of answers lets the server do what it is asked", async () => {
    const caller = await Caller.open();
    proxy.blackHole("answers");
    caller.say("a");
    await until("the answer is held", () => proxy.faults.blackHoled === 1);
    expect(asked).toEqual(["a"]);
    expect(caller.heard).toBe("");
    await proxy.heal();
    await caller.hears("A");
  });

  test("hides that the client has gone, and what it said before arrives late", async () => {
    const caller = await Caller.open();
    await caller.ask("a");
    const before = opened.size;
    proxy.blackHole();
    caller.say("b");
    await until("the proxy got it", () => proxy.faults.blackHoled === 1);
    caller.socket.end();
    await once(caller.socket, "finish");
    expect(opened.size).toBe(before);
    await proxy.heal();
    await until("the server got it", () => asked.includes("b"));
    await until("the server saw the end", () => opened.size === before - 1);
  });
});

describe("swallowing", () => {
  test("the next answers lets the server do what it is asked, and cuts the client off", async () => {
    proxy.swallow("answers", { next: 2 });
    for (const text of ["a", "b"]) {
      const caller = await Caller.open();
      caller.say(text);
      expect(await caller.fails()).toBe("ECONNRESET");
      expect(caller.heard).toBe("");
    }
    expect(await (await Caller.open()).ask("c")).toBe("C");
    expect(asked).toEqual(["a", "b", "c"]);
    expect(proxy.faults.swallowed).toBe(2);
  });

  test("the answers of some requests leaves the others alone", async () => {
    proxy.swallow("answers", { of: (request) => request.includes("commit") });
    const caller = await Caller.open();
    await caller.ask("begin");
    caller.say("commit");
    expect(await caller.fails()).toBe("ECONNRESET");
    await proxy.heal();
    expect(await (await Caller.open()).ask("commit")).toBe("COMMIT");
    expect(asked).toEqual(["begin", "commit", "commit"]);
  });

  test("an answer and hanging says nothing more on that connection", async () => {
    proxy.swallow("answers", { next: 1, outcome: "hang" });
    const caller = await Caller.open();
    caller.say("a");
    await until("it was swallowed", () => proxy.faults.swallowed === 1);
    caller.say("b");
    expect(await (await Caller.open()).ask("c")).toBe("C");
    expect(asked).toEqual(["a", "c"]);
    expect([caller.heard, caller.ended]).toEqual(["", false]);
  });

  test("requests keeps them from the server", async () => {
    proxy.swallow("requests");
    const caller = await Caller.open();
    caller.say("a");
    expect(await caller.fails()).toBe("ECONNRESET");
    expect(asked).toEqual([]);
    expect(proxy.faults.swallowed).toBe(1);
  });
});

describe("real clients", () => {
  test("understand what comes in single bytes", async () => {
    const caller = await Caller.open();
    proxy.slice();
    await caller.ask("abcdefghijklmnopqrstuvwxyz");
    expect(caller.chunks.length).toBeGreaterThan(5);

    const redis = await tcpProxy(sharedRedisUrl());
    const postgres = await tcpProxy(sharedPostgresUrl());
    onTestFinished(async () => void (await Promise.all([redis.end(), postgres.end()])));
    redis.slice();
    postgres.slice();
    expect(await callRedis(redis.url, ["ECHO", "piecemeal"])).toBe("piecemeal");
    const { rows } = await onOneConnection(postgres.url, (client) => client.query("select 'piecemeal' as word"));
    expect(rows).toEqual([{ word: "piecemeal" }]);
    expect(Math.min(redis.faults.sliced, postgres.faults.sliced)).toBeGreaterThan(2);
  });

  test("do not learn that PostgreSQL has committed when the answer is swallowed", async () => {
    const postgres = await tcpProxy(sharedPostgresUrl());
    onTestFinished(() => postgres.end());
    const schema = `millrace_proxy_${process.pid}`;
    onTestFinished(() =>
      onOneConnection(sharedPostgresUrl(), async (client) => void (await client.query(`drop schema ${schema}`))),
    );
    postgres.swallow("answers", { of: (request) => request.includes("create schema") });
    const creating = onOneConnection(postgres.url, (client) => client.query(`create schema ${schema}`));
    await expect(creating).rejects.toThrow();
    const { rows } = await onOneConnection(sharedPostgresUrl(), (client) =>
      client.query("select 1 from pg_namespace where nspname = $1", [schema]),
    );
    expect(rows).toHaveLength(1);
  });
});
