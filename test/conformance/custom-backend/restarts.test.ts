import { expect, test } from "vitest";
import { compareWithModel } from "../model/comparison.ts";
import { restlessJournal } from "./scratch-journal.ts";

test.each([
  ["every command", 1, 15, { completed: 60 }],
  ["every fifth command", 5, 50, { completed: 200, "claimed a join": 10, "delete done": 1, "sent again": 20 }],
])(
  "A journal that is read again before %s does what memory does",
  async (_name, every, sequences, happens) => {
    const tally = await compareWithModel(restlessJournal(every), sequences, { part: 10 + every });
    const rare = Object.entries(happens).filter(([what, count]) => (tally.get(what) ?? 0) < count);
    expect(rare.map(([what]) => `${what}: ${tally.get(what) ?? 0}`)).toEqual([]);
  },
  300_000,
);
