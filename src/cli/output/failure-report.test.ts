import { expect, it } from "vitest";
import { keptOutput } from "../../../test/support/cli-surroundings.ts";
import { ERRORS, type ErrorCode, MillraceError } from "../../index.ts";
import { exitCodeOf, reportFailure } from "./failure-report.ts";

function report(thrown: unknown, json = false): string {
  const { output, text } = keptOutput();
  reportFailure(output, thrown, json);
  return text();
}

it("tells message, code, place and hints in one block", () => {
  const error = new MillraceError("RUN_FAILED", "it failed\nbadly", {
    runId: "r",
    node: "n",
    attempt: 2,
    hints: ["do this", "or that"],
  });
  expect(report(error)).toBe(
    [
      "error: it failed",
      "  badly",
      "  code: RUN_FAILED",
      "  run: r",
      "  node: n",
      "  attempt: 2",
      "  hint: do this",
      "  hint: or that",
      "",
    ].join("\n"),
  );
});

it("tells the same as one line of JSON", () => {
  const error = new MillraceError("RUN_NOT_FOUND", "no run", { runId: "r", details: { password: "p" } });
  expect(JSON.parse(report(error, true))).toEqual({
    error: {
      code: "RUN_NOT_FOUND",
      message: "no run",
      hints: error.hints,
      runId: "r",
      details: { password: "[redacted]" },
    },
  });
});

it("shows neither secrets nor control characters", () => {
  const error = new MillraceError("BACKEND_UNAVAILABLE", "postgres://u:secret@h/ \u001b]0;x\u0007\u001b[2J failed");
  for (const text of [report(error), report(error, true)]) {
    expect(text).not.toContain("secret@");
    expect(text).not.toContain("\u001b");
  }
});

it("takes whatever is thrown for a bug, and shows where it was", () => {
  for (const thrown of [
    new TypeError("oops"),
    "text",
    undefined,
    null,
    Object.create(null),
    Symbol("s"),
    { toString: null },
  ]) {
    expect(report(thrown)).toContain("code: INTERNAL");
    expect(exitCodeOf(thrown)).toBe(ERRORS.INTERNAL.exit);
  }
  expect(report(new TypeError("oops"))).toMatch(/^error: oops\n(?:.+\n)+ {4}at /);
});

it("gives every code the exit code of the table", () => {
  for (const [code, { exit }] of Object.entries(ERRORS)) {
    expect(exitCodeOf(new MillraceError(code as ErrorCode, "x"))).toBe(exit);
    expect(exit).toBeGreaterThan(0);
  }
});
