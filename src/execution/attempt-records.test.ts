import { expect, test } from "vitest";
import { LIMITS } from "../core/limits.ts";
import { silentLogger } from "../core/ports.ts";
import { AttemptRecords } from "./attempt-records.ts";

function recordsAt(clock: { now: number }): AttemptRecords {
  return new AttemptRecords({}, silentLogger, () => clock.now);
}

test("an attempt keeps so many lines, and says at the end how many it dropped", () => {
  const clock = { now: 1_000 };
  const records = recordsAt(clock);
  for (let line = 0; line < LIMITS.attemptLogLines + 5; line += 1) {
    records.logger.info(`line ${line}`);
    clock.now += 100;
  }
  const lines = records.logs();
  expect(lines).toHaveLength(LIMITS.attemptLogLines + 1);
  expect(lines.at(-2)).toMatchObject({ message: `line ${LIMITS.attemptLogLines - 1}` });
  expect(lines.at(-1)).toMatchObject({
    at: clock.now,
    level: "warn",
    message: expect.stringMatching(/^\[5 lines were/),
  });
});

test("what is kept is measured in bytes, the data too", () => {
  const clock = { now: 1_000 };
  const records = recordsAt(clock);
  const message = "é".repeat(2_000);
  const data = { note: "é".repeat(2_000) };
  for (let line = 0; line < 100; line += 1) {
    records.logger.info(message, data);
    clock.now += 100;
  }
  const kept = records.logs().slice(0, -1);
  const bytes = kept.reduce(
    (sum, line) => sum + Buffer.byteLength(line.message) + Buffer.byteLength(line.data ?? ""),
    0,
  );
  expect(bytes).toBeLessThanOrEqual(LIMITS.attemptLogBytes);
  expect(bytes).toBeGreaterThan(LIMITS.attemptLogBytes - 8_100);
});

test("lines come through at a rate, so that a burst leaves room for what follows", () => {
  const clock = { now: 1_000 };
  const records = recordsAt(clock);
  const burst = (): void => {
    for (let line = 0; line < 1_000; line += 1) records.logger.debug("again");
  };
  burst();
  expect(records.logs()).toHaveLength(LIMITS.attemptLogLinesPerSecond + 1);
  clock.now += 500;
  burst();
  expect(records.logs()).toHaveLength(LIMITS.attemptLogLinesPerSecond * 1.5 + 1);
  clock.now += 60_000;
  records.logger.error("the reason");
  expect(records.logs().at(-2)).toMatchObject({ level: "error", message: "the reason" });
  clock.now -= 3_600_000;
  burst();
  const dropped = 3_001 - LIMITS.attemptLogLinesPerSecond * 2.5;
  expect(records.logs().at(-1)?.message).toContain(`[${dropped} lines were dropped`);
});

test("a logger that throws costs no line that is kept", () => {
  const thrower = (): never => {
    throw new Error("full disk");
  };
  const records = new AttemptRecords({}, { ...silentLogger, info: thrower }, () => 0);
  records.logger.info("kept");
  expect(records.logs()).toMatchObject([{ message: "kept" }]);
});
