import { expect, test } from "vitest";
import { isMillraceError } from "../../core/errors.ts";
import { RUN_TRANSITIONS, WORK_ITEM_TRANSITIONS } from "../../core/status.ts";
import { CLAIM_REASON, COMPLETION, ITEM_KIND, ITEM_STATUS, RUN_STATUS } from "./stored-code.ts";

test("every status has a number of its own and comes back from it", () => {
  const runs = Object.keys(RUN_TRANSITIONS);
  const items = Object.keys(WORK_ITEM_TRANSITIONS);
  expect(runs.map((_, code) => RUN_STATUS.decode(code)).sort()).toEqual([...runs].sort());
  expect(items.map((_, code) => ITEM_STATUS.decode(code)).sort()).toEqual([...items].sort());
});

test("numbers never change, since files are full of them", () => {
  expect([RUN_STATUS.encode("running"), RUN_STATUS.encode("waiting"), RUN_STATUS.encode("cancelled")]).toEqual([
    0, 1, 6,
  ]);
  expect([ITEM_STATUS.encode("pending"), ITEM_STATUS.encode("in_progress"), ITEM_STATUS.encode("cancelled")]).toEqual([
    0, 1, 8,
  ]);
  expect([ITEM_KIND.encode("join"), COMPLETION.encode("all"), CLAIM_REASON.encode("deadline")]).toEqual([1, 2, 3]);
});

test.each([-1, 7, 1.5, "running", null, undefined])("%j is no status of a run", (code) => {
  expect(() => RUN_STATUS.decode(code)).toThrow(expect.toSatisfy((error) => isMillraceError(error, "BACKEND_CORRUPT")));
});
