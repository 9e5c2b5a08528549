import { expect, test } from "vitest";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { isUnknownScript, toStoreError } from "./store-errors.ts";

/** As the driver throws what a server answers. */
class SimpleError extends Error {}

test.each([
  ["LOADING Redis is loading the dataset in memory", "BACKEND_UNAVAILABLE"],
  ["BUSY Redis is busy running a script.", "BACKEND_UNAVAILABLE"],
  ["CLUSTERDOWN The cluster is down", "BACKEND_UNAVAILABLE"],
  ["TRYAGAIN Multiple keys request during rehashing of slot", "BACKEND_UNAVAILABLE"],
  ["MASTERDOWN Link with MASTER is down", "BACKEND_UNAVAILABLE"],
  ["READONLY You can't write against a read only replica.", "BACKEND_UNAVAILABLE"],
  ["MISCONF Errors writing to the AOF file: No space left on device", "BACKEND_UNAVAILABLE"],
  ["NOREPLICAS Not enough good replicas to write.", "BACKEND_UNAVAILABLE"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "STORE_FULL"],
  ["NOAUTH Authentication required.", "INVALID_CONFIG"],
  ["WRONGPASS invalid username-password pair or user is disabled.", "INVALID_CONFIG"],
  ["NOPERM this user has no permissions to run the 'eval' command", "INVALID_CONFIG"],
  ["WRONGTYPE Operation against a key holding the wrong kind of value", "BACKEND_CORRUPT"],
  ["ERR unknown command 'WAITAOF'", "INTERNAL"],
])("%j means %s", (message, code) => {
  const error = new SimpleError(message);
  const told = toStoreError(error, "redis://db:6379");
  expect(told).toMatchObject({ code, cause: error });
  expect(told.message).toMatch(/^redis:\/\/db:6379: /);
  expect(told.hints.length).toBeGreaterThan(0);
});

test.each(["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENOTFOUND", "EPIPE", "DEPTH_ZERO_SELF_SIGNED_CERT"])(
  "the platform's error %s is an outage",
  (code) => {
    const told = toStoreError(Object.assign(new Error("connect to secret"), { code }), "redis://db:6379");
    expect(told).toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    expect(told.message).toBe(`redis://db:6379: there is no connection (${code})`);
  },
);

test("errors of the engine pass through, and what is no error is told too", () => {
  const own = new MillraceError("CLOSED", "closed");
  expect(toStoreError(own, "redis:")).toBe(own);
  expect(isMillraceError(toStoreError("boom", "redis:"), "INTERNAL")).toBe(true);
});

test("a script that a server does not know is no trouble", () => {
  expect(isUnknownScript(new SimpleError("NOSCRIPT No matching script. Please use EVAL."))).toBe(true);
  expect(isUnknownScript(new SimpleError("ERR NOSCRIPT"))).toBe(false);
});
