import { expect, test } from "vitest";
import { consoleLogger, type LogStream } from "./console-logger.ts";
import type { LogLevel } from "./log-level.ts";

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function logged(
  log: (logger: ReturnType<typeof consoleLogger>) => void,
  options: { readonly level?: LogLevel; readonly isTTY?: boolean; readonly environment?: Record<string, string> } = {},
): string {
  let written = "";
  const stream: LogStream = {
    isTTY: options.isTTY === true,
    write(text) {
      written += text;
      return true;
    },
    once: () => undefined,
    off: () => undefined,
    listenerCount: () => 0,
  };
  const { level = "debug", environment = {} } = options;
  log(consoleLogger({ level, stream, environment, clock: { now: () => AT } }));
  return written;
}

test("what is no terminal gets a line of JSON for each line", () => {
  const text = logged((logger) => {
    logger.info("opened\na store", { kind: "sqlite" });
    logger.debug("bare");
  });
  const [first = "", second = "", rest] = text.split("\n");
  expect(JSON.parse(first)).toEqual({
    time: "2026-01-02T03:04:05.678Z",
    level: "info",
    message: "opened\na store",
    data: { kind: "sqlite" },
  });
  expect(JSON.parse(second)).toEqual({ time: "2026-01-02T03:04:05.678Z", level: "debug", message: "bare" });
  expect(rest).toBe("");
});

test("a terminal gets lines for people, without control characters", () => {
  const say = (logger: ReturnType<typeof consoleLogger>): void => {
    logger.warn("the store\u001b[2J fails\r\nagain\u202e", { error: "a\u009bb" });
  };
  const plain = logged(say, { isTTY: true, environment: { NO_COLOR: "1" } });
  expect(plain).toBe('03:04:05.678 warn  the store\ufffd[2J fails again\ufffd {"error":"a\\u009bb"}\n');
  expect(logged(say, { isTTY: true, environment: { TERM: "dumb" } })).toBe(plain);
  const coloured = logged(say, { isTTY: true });
  expect(coloured).toContain("\u001b[33mwarn \u001b[39m");
  expect(coloured.replace("\u001b[33m", "").replace("\u001b[39m", "")).toBe(plain);
});

test("lines below the level are not written", () => {
  const say = (logger: ReturnType<typeof consoleLogger>): void => {
    for (const severity of ["debug", "info", "warn", "error"] as const) logger[severity](severity);
  };
  const levels = (level: LogLevel): unknown[] =>
    logged(say, { level })
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line).level);
  expect(levels("debug")).toEqual(["debug", "info", "warn", "error"]);
  expect(levels("warn")).toEqual(["warn", "error"]);
  expect(levels("silent")).toEqual([]);
});

test("passwords in URLs and values of secret keys are not written", () => {
  for (const isTTY of [true, false]) {
    const text = logged(
      (logger) => {
        logger.error("cannot reach postgres://app:hunter2@db.example/runs", {
          url: "redis://:hunter2@cache.example",
          apiKey: "hunter2",
        });
      },
      { isTTY },
    );
    expect(text).toContain("postgres://app:[redacted]@db.example/runs");
    expect(text).not.toContain("hunter2");
  }
});

test("data that JSON has no form for is shown or named, and never thrown over", () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const text = logged((logger) => {
    logger.info("a", { error: new TypeError("gone"), count: 5n, bytes: new Uint8Array(3) });
    logger.info("b", cycle);
    logger.info("c", {
      get broken() {
        throw new Error("unreadable");
      },
    });
    logger.info("d", { long: "x".repeat(100_000) });
  });
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).data);
  expect(lines[0]).toMatchObject({ error: { name: "TypeError", message: "gone" }, count: "5", bytes: "[3 bytes]" });
  expect(lines[1]).toEqual({ leftOut: expect.stringContaining("circular") });
  expect(lines[2]).toEqual({ leftOut: "unreadable" });
  expect(lines[3]).toEqual({ leftOut: expect.stringContaining("characters of data") });
});

test("a stream that fails costs its process nothing", () => {
  let listeners = 0;
  let failLater: ((error?: Error | null) => void) | undefined;
  const stream: LogStream = {
    write(_text, written) {
      if (failLater !== undefined) throw new Error("EPIPE");
      failLater = written;
      return false;
    },
    once: () => (listeners += 1),
    off: () => (listeners -= 1),
    listenerCount: () => listeners,
  };
  const logger = consoleLogger({ level: "info", stream, environment: {}, clock: { now: () => AT } });
  logger.info("a");
  expect(listeners).toBe(0);
  failLater?.(new Error("EPIPE"));
  expect(listeners).toBe(1);
  expect(() => logger.info("b")).not.toThrow();
  expect(listeners).toBe(1);
});
