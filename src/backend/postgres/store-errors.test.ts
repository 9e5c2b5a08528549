import { expect, test } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { isConnectionSound, isTrouble, toStoreError } from "./store-errors.ts";

/** As the driver throws what a server says. */
function serverError(code: string, message = "it went wrong"): Error {
  return Object.assign(new Error(message), {
    code,
    severity: "ERROR",
    detail: "Key (name)=(s3cret) already exists.",
    where: "s3cret",
  });
}

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:5432`), { code });
}

test.each([
  ["08006", "BACKEND_UNAVAILABLE"],
  ["25006", "BACKEND_UNAVAILABLE"],
  ["25P03", "BACKEND_UNAVAILABLE"],
  ["28P01", "INVALID_CONFIG"],
  ["28000", "INVALID_CONFIG"],
  ["3D000", "INVALID_CONFIG"],
  ["40001", "BACKEND_UNAVAILABLE"],
  ["40P01", "BACKEND_UNAVAILABLE"],
  ["42501", "INVALID_CONFIG"],
  ["42P01", "BACKEND_CORRUPT"],
  ["42703", "BACKEND_CORRUPT"],
  ["53100", "STORE_FULL"],
  ["53200", "BACKEND_UNAVAILABLE"],
  ["53300", "BACKEND_UNAVAILABLE"],
  ["54000", "PAYLOAD_TOO_LARGE"],
  ["55P03", "BACKEND_UNAVAILABLE"],
  ["57014", "BACKEND_UNAVAILABLE"],
  ["57P01", "BACKEND_UNAVAILABLE"],
  ["57P03", "BACKEND_UNAVAILABLE"],
  ["58030", "BACKEND_UNAVAILABLE"],
  ["XX001", "BACKEND_CORRUPT"],
  ["XX002", "BACKEND_CORRUPT"],
  ["42601", "INTERNAL"],
])("what the server says with %s is %s", (state, code) => {
  expect(toStoreError(serverError(state), "postgres://host/db")).toMatchObject({ code });
});

test.each(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ENOTFOUND", "ETIMEDOUT", "EAI_AGAIN"])(
  "a server that is %s is unavailable",
  (code) => {
    expect(toStoreError(systemError(code), "there")).toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  },
);

test.each([
  ["Connection terminated unexpectedly", "BACKEND_UNAVAILABLE"],
  ["timeout exceeded when trying to connect", "BACKEND_UNAVAILABLE"],
  ["Query read timeout", "BACKEND_UNAVAILABLE"],
  ["SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string", "INVALID_CONFIG"],
  ["The server does not support SSL connections", "INVALID_CONFIG"],
  ["self-signed certificate", "INVALID_CONFIG"],
])("what the driver says as %j is %s", (message, code) => {
  expect(toStoreError(new Error(message), "there")).toMatchObject({ code });
});

test("nothing of a row or a connection is shown, and every error has a hint", () => {
  const error = toStoreError(serverError("23505"), "there");
  const shown = JSON.stringify(error) + String(error.stack) + JSON.stringify(error.cause) + String(error.cause);
  expect(shown).not.toContain("s3cret");
  expect(error.hints.length).toBeGreaterThan(0);
});

test("a connection is sound after what the server answers, but not after what it does not", () => {
  expect(isConnectionSound(serverError("23505"))).toBe(true);
  expect(isConnectionSound(serverError("57014"))).toBe(true);
  expect(isConnectionSound(serverError("57P01"))).toBe(false);
  expect(isConnectionSound(systemError("EPIPE"))).toBe(false);
  expect(isConnectionSound(new Error("Query read timeout"))).toBe(false);
});

test("what can be done again is told from what it became", () => {
  expect(isTrouble(toStoreError(serverError("40P01"), "there"), "conflict")).toBe(true);
  expect(isTrouble(toStoreError(serverError("22012"), "there"), "changed")).toBe(true);
  expect(isTrouble(toStoreError(serverError("57014"), "there"), "conflict", "changed")).toBe(false);
  expect(isTrouble(new MillraceError("INTERNAL", "other"), "conflict")).toBe(false);
});

test("errors of the engine pass through as they are", () => {
  const error = new MillraceError("BACKEND_TOO_NEW", "newer");
  expect(toStoreError(error, "there")).toBe(error);
});
