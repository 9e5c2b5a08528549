import { expect, test } from "vitest";
import { isMillraceError } from "../../core/errors.ts";
import { fromStoredFailure, toStoredFailure } from "./stored-failure.ts";

test.each([
  [{ code: "ERROR", message: "plain" }],
  [{ code: "ERROR", message: "NUL \0, half a pair \ud800, and \u202e", stack: "Error: x\n    at \udfff" }],
  [{ code: "ERROR", message: "", details: { list: [1, null, "\0"], bytes: new Uint8Array([0, 255]), zero: -0 } }],
  [{ code: "ERROR", message: "m", details: null }],
  [{ code: "E", message: "m", node: "a", item: 3, attempt: 2 }],
])("a failure comes back as it was: %j", (failure) => {
  const stored = toStoredFailure(failure);
  expect(stored.isWellFormed()).toBe(true);
  expect(stored).not.toContain("\0");
  expect(fromStoredFailure(stored)).toEqual(failure);
});

test("details that cannot be stored are left out, and the failure is kept", () => {
  const circular: { self?: unknown } = {};
  circular.self = circular;
  expect(fromStoredFailure(toStoredFailure({ code: "E", message: "m", details: circular }))).toEqual({
    code: "E",
    message: "m",
    details: { leftOut: "they could not be stored" },
  });
});

test("a failure cannot reach any prototype", () => {
  const details: unknown = JSON.parse('{"constructor": 1}');
  const failure = fromStoredFailure(toStoredFailure({ code: "E", message: "m", details }));
  expect(Reflect.get({}, "polluted")).toBeUndefined();
  expect(failure.code).toBe("E");
});

test.each(["", "5", "[]", '{"code":1,"message":"m"}', '{"code":"E"}'])("%j is no failure", (stored) => {
  expect(() => fromStoredFailure(stored)).toThrow(
    expect.toSatisfy((error) => isMillraceError(error, "BACKEND_CORRUPT")),
  );
});
