import { expect, test } from "vitest";
import { isShown, readLogLevel } from "./log-level.ts";

test.each([
  [undefined, "silent"],
  ["", "silent"],
  ["silent", "silent"],
  [" DEBUG ", "debug"],
  ["info", "info"],
  ["warn", "warn"],
  ["error", "error"],
])("MILLRACE_LOG %j is the level %s", (text, level) => {
  expect(readLogLevel(text)).toEqual({ level });
});

test("an unknown level is info, with one line that names the levels", () => {
  const { level, complaint } = readLogLevel("verbose\u001b[2J");
  expect(level).toBe("info");
  expect(complaint).toBe(
    'MILLRACE_LOG is "verbose\ufffd[2j", which is none of debug, info, warn, error, silent; taken as info',
  );
  expect(readLogLevel("x".repeat(10_000)).complaint?.length).toBeLessThan(200);
});

test("a level shows its own lines and graver ones", () => {
  expect(isShown("warn", "warn")).toBe(true);
  expect(isShown("error", "warn")).toBe(true);
  expect(isShown("info", "warn")).toBe(false);
  expect(isShown("error", "silent")).toBe(false);
});
