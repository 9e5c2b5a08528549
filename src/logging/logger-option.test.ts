import { afterEach, expect, test, vi } from "vitest";
import type { Logger } from "../core/ports.ts";
import { loggerFor } from "./logger-option.ts";
import { pinoLogger } from "./pino-logger.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function standardError(): string[] {
  const lines: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
  return lines;
}

/** Notes what it is given, in the order of its arguments. */
function noting(calls: unknown[][]): Record<"debug" | "info" | "warn" | "error", (...given: unknown[]) => void> {
  const at =
    (severity: string) =>
    (...given: unknown[]): void => {
      calls.push([severity, ...given]);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

test("without a logger and without MILLRACE_LOG nothing is written", () => {
  const lines = standardError();
  vi.stubEnv("MILLRACE_LOG", undefined);
  loggerFor(undefined).error("lost");
  vi.stubEnv("MILLRACE_LOG", "silent");
  loggerFor(undefined).error("lost");
  expect(lines).toEqual([]);
});

test("MILLRACE_LOG writes to standard error, from its level on", () => {
  const lines = standardError();
  vi.stubEnv("MILLRACE_LOG", "warn");
  loggerFor(undefined).info("too little");
  loggerFor(undefined).warn("enough");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("enough");
});

test("an unknown level is complained of once, however many loggers are made", () => {
  const lines = standardError();
  vi.stubEnv("MILLRACE_LOG", "loud");
  loggerFor(undefined);
  loggerFor(undefined).info("shown");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain("none of debug, info, warn, error, silent");
  expect(lines[1]).toContain("shown");
});

test("a logger that is given comes before MILLRACE_LOG, and gets the message first", () => {
  const lines = standardError();
  vi.stubEnv("MILLRACE_LOG", "debug");
  const calls: unknown[][] = [];
  loggerFor(noting(calls)).info("hello", { a: 1 });
  expect(calls).toEqual([["info", "hello", { a: 1 }]]);
  expect(lines).toEqual([]);
});

test("a pino logger gets the data first, given as it is or by the adapter", () => {
  const calls: unknown[][] = [];
  const pino = Object.assign(noting(calls), { [Symbol.for("pino.serializers")]: {} });
  loggerFor(pino).warn("hello", { a: 1 });
  loggerFor(Object.create(pino)).debug("a child");
  loggerFor(pinoLogger(noting(calls))).error("adapted", { b: 2 });
  expect(calls).toEqual([
    ["warn", { a: 1 }, "hello"],
    ["debug", {}, "a child"],
    ["error", { b: 2 }, "adapted"],
  ]);
});

test("a logger that throws loses its lines alone", () => {
  const broken = (): never => {
    throw new Error("full disk");
  };
  const logger = loggerFor({ debug: broken, info: broken, warn: broken, error: broken });
  expect(() => logger.error("lost")).not.toThrow();
});

test.each([[null], ["console"], [{}], [{ info: () => undefined }]])("%j is refused as no logger", (given: unknown) => {
  const options: { readonly logger?: Logger } = JSON.parse(JSON.stringify({ logger: given }));
  expect(() => loggerFor(options.logger)).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
});
