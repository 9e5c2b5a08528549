import { expect, test } from "vitest";
import type { RenewalAnswer } from "../backend/contract/session.ts";
import { manualClock } from "../core/ports.ts";
import { renewUntilStopped } from "./renewal-loop.ts";

const renewed: RenewalAnswer = { kind: "renewed", until: 1, now: 0, revoked: [] };

function loop(answer: () => Promise<RenewalAnswer> = () => Promise.resolve(renewed)) {
  const clock = manualClock();
  const stop = new AbortController();
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const renewals: number[] = [];
  const renew = async (): Promise<RenewalAnswer> => {
    renewals.push(clock.monotonic());
    return await answer();
  };
  const ended = renewUntilStopped({ renew }, { session: "s", everyMs: 10_000, beats }, clock, stop.signal);
  return { clock, stop, beats, renewals, ended };
}

test("the session is renewed while the main loop moves, and for a while when it stands still", async () => {
  const { clock, stop, beats, renewals, ended } = loop();
  await clock.advance(100_000);
  expect(renewals).toHaveLength(10);
  Atomics.add(beats, 0, 1);
  await clock.advance(1_000_000);
  expect(renewals.at(-1)).toBe(410_000);
  Atomics.add(beats, 0, 1);
  await clock.advance(10_000);
  expect(renewals.at(-1)).toBe(1_110_000);
  stop.abort();
  await ended;
});

test("a store that fails is asked again, and a session that is gone ends it", async () => {
  let asked = 0;
  const { clock, renewals, ended } = loop(async () => {
    asked += 1;
    if (asked < 3) throw new Error("down");
    return asked === 5 ? { kind: "gone" } : renewed;
  });
  await clock.advance(200_000);
  await ended;
  expect(renewals).toHaveLength(5);
});
