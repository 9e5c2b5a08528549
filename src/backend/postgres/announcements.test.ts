import { expect, onTestFinished, test } from "vitest";
import { manualClock } from "../../core/ports.ts";
import type { Wakeup } from "../contract/operations.ts";
import { createWakeupHub } from "../synchronous/wakeups.ts";
import { Announcements, Listening, wakeupsOf } from "./announcements.ts";
import type { ListenerEvents, Pool, Session, Statement } from "./driver.ts";

/** A pool that keeps what it was asked, and answers when it is let. */
function slowPool() {
  const sent: string[] = [];
  const waiting: (() => void)[] = [];
  let events: ListenerEvents | undefined;
  let refusals = 0;
  const session: Session = {
    async run(statements: readonly Statement[]) {
      const text = statements.find(({ values }) => values !== undefined)?.values?.[1];
      sent.push(String(text));
      await new Promise<void>((resolve) => waiting.push(resolve));
      return statements.map(() => ({ rows: [], command: "" }));
    },
    release: () => undefined,
    destroy: () => undefined,
  };
  const pool: Pool = {
    connect: async () => session,
    async listen(_channel, given) {
      if (refusals > 0) {
        refusals -= 1;
        throw new Error("not now");
      }
      events = given;
      return { check: async () => undefined, close: async () => undefined };
    },
    close: async () => undefined,
  };
  return {
    pool,
    sent,
    answer: () => waiting.shift()?.(),
    lose: () => events?.lost(),
    refuse(times: number) {
      refusals = times;
    },
  };
}

function options(pool: Pool) {
  const hub = createWakeupHub();
  const clock = manualClock(0);
  return { pool, hub, channel: "c", sender: "me", clock, warn: () => undefined };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

test("what is announced while a notification is underway goes out in one more", async () => {
  const { pool, sent, answer } = slowPool();
  const given = options(pool);
  const announcements = new Announcements(given);
  announcements.announce([{ kind: "run", runId: "a" }]);
  await turns();
  for (const runId of ["b", "c", "b"]) announcements.announce([{ kind: "work" }, { kind: "run", runId }]);
  await turns();
  expect(sent).toHaveLength(1);
  answer();
  await turns();
  expect(sent).toHaveLength(1);
  await given.clock.advance(5);
  await turns();
  expect(sent.map((text) => JSON.parse(text))).toEqual([
    { sender: "me", work: false, runs: ["a"] },
    { sender: "me", work: true, runs: ["b", "c"] },
  ]);
  answer();
  await announcements.close();
});

test("very many runs, or long names, are said as one word that fits", async () => {
  const { pool, sent, answer } = slowPool();
  const announcements = new Announcements(options(pool));
  announcements.announce(Array.from({ length: 500 }, (_, at): Wakeup => ({ kind: "run", runId: `run-${at}` })));
  await turns();
  expect(wakeupsOf({ channel: "c", payload: sent[0] ?? "" }, "other")).toEqual([{ kind: "any" }]);
  expect(Buffer.byteLength(sent[0] ?? "")).toBeLessThan(8_000);
  answer();
  await announcements.close();
});

test.each([
  ['{"sender":"me","work":true,"runs":["a"]}', []],
  ['{"sender":"you","work":true,"runs":["a"]}', [{ kind: "work" }, { kind: "run", runId: "a" }]],
  [
    '{"sender":"you","work":false,"runs":["a","b"]}',
    [
      { kind: "run", runId: "a" },
      { kind: "run", runId: "b" },
    ],
  ],
  ['{"sender":"you","work":true}', [{ kind: "any" }]],
  ["what others say", [{ kind: "any" }]],
])("%s says what it says", (payload, wakeups) => {
  expect(wakeupsOf({ channel: "c", payload }, "me")).toEqual(wakeups);
});

test("a listener that was lost is made again, later each time, and then anything may have changed", async () => {
  const server = slowPool();
  const given = options(server.pool);
  const heard: Wakeup[] = [];
  given.hub.subscribe((wakeup) => heard.push(wakeup));
  const listening = new Listening(given);
  onTestFinished(() => listening.close());
  listening.start();
  await turns();
  expect(heard).toEqual([]);
  server.refuse(1);
  server.lose();
  await turns();
  await given.clock.advance(100);
  await turns();
  expect(heard).toEqual([]);
  await given.clock.advance(200);
  await turns();
  expect(heard).toEqual([{ kind: "any" }]);
});
