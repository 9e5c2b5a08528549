import { expect, test } from "vitest";
import { decodeAnswer, encodeAnswer, type StoredAnswer } from "./stored-answer.ts";

test("a stored answer reads back as it was", () => {
  const answer: StoredAnswer = {
    answers: [
      { kind: "committed", sequence: 3, appended: true, at: 5, runStatus: "running", itemStatus: "held" },
      { kind: "refused", code: "STALE_LEASE", message: 'too "late"\u0000', sequence: 3 },
    ],
    references: [{ runId: "r\n1", item: 2, epoch: 4, reason: "timeout", generation: 1, sequence: 9 }],
    now: 5,
    nextDueAt: undefined,
  };
  expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer);
  expect(decodeAnswer(encodeAnswer({ ...answer, nextDueAt: 7 })).nextDueAt).toBe(7);
});

test.each(["", "{", "{}", "[1,2]", "[1,null,3,[]]"])("what nobody stored, as %j, is corruption", (text) => {
  expect(() => decodeAnswer(text)).toThrow(expect.objectContaining({ code: "BACKEND_CORRUPT" }));
});
