import { expect, test } from "vitest";
import type { RenewalAnswer } from "../backend/contract/session.ts";
import { MillraceError } from "../core/errors.ts";
import { manualClock, seededRandom } from "../core/ports.ts";
import { type RenewalWord, renewUntilStopped } from "./renewal-loop.ts";

const renewed: RenewalAnswer = { kind: "renewed", until: 1, now: 0, revoked: [] };

interface LoopOptions {
  /** What the n-th renewal, from 1, comes to. */
  readonly answer?: (renewal: number) => RenewalAnswer;
  /** What the n-th try to open, from 1, throws. */
  readonly refusal?: (opening: number) => Error | undefined;
  /** How long each renewal takes. */
  readonly takesMs?: number;
}

function loop({ answer = () => renewed, refusal = () => undefined, takesMs = 0 }: LoopOptions = {}) {
  const clock = manualClock();
  const stop = new AbortController();
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const renewals: number[] = [];
  const words: RenewalWord[] = [];
  const seen = { openings: 0, closings: 0 };
  const ports = {
    async open() {
      seen.openings += 1;
      const error = refusal(seen.openings);
      if (error !== undefined) throw error;
      const renew = async (): Promise<RenewalAnswer> => {
        renewals.push(clock.monotonic());
        if (takesMs > 0) await clock.sleep(takesMs);
        return answer(renewals.length);
      };
      const close = async () => {
        seen.closings += 1;
      };
      return { operations: { renew }, close };
    },
    clock,
    random: seededRandom(1),
    tell: (word: RenewalWord) => words.push(word),
  };
  const ended = renewUntilStopped(ports, { session: "s", everyMs: 10_000, beats }, stop.signal);
  return { clock, stop, beats, renewals, words, seen, ended };
}

function unavailable(): MillraceError {
  return new MillraceError("BACKEND_UNAVAILABLE", "nobody at postgres://anna:geheim@db/runs");
}

test("the session is renewed at once, which is told, and then again and again", async () => {
  const { clock, renewals, words, stop, seen, ended } = loop();
  await clock.advance(0);
  expect([renewals, words]).toEqual([[0], [{ kind: "renewing" }]]);
  await clock.advance(100_000);
  expect(renewals).toHaveLength(11);
  expect(words).toHaveLength(1);
  stop.abort();
  await ended;
  expect(seen).toEqual({ openings: 1, closings: 1 });
});

test("it is renewed while the main loop moves, and for a while when it stands still", async () => {
  const { clock, stop, beats, renewals, ended } = loop();
  await clock.advance(100_000);
  Atomics.add(beats, 0, 1);
  await clock.advance(1_000_000);
  expect(renewals.at(-1)).toBe(410_000);
  Atomics.add(beats, 0, 1);
  await clock.advance(10_000);
  expect(renewals.at(-1)).toBe(1_110_000);
  stop.abort();
  await ended;
});

test("a store that fails is asked again soon, which is told once, and a session that is gone ends it", async () => {
  const { clock, renewals, words, seen, ended } = loop({
    answer(renewal) {
      if (renewal > 1 && renewal < 6) throw unavailable();
      return renewal === 8 ? { kind: "gone" } : renewed;
    },
  });
  await clock.advance(9_999);
  await clock.advance(5_000);
  // The store was asked four times in vain within two seconds, not every ten.
  expect(renewals).toHaveLength(6);
  await clock.advance(20_000);
  await ended;
  expect(words.map(({ kind }) => kind)).toEqual(["renewing", "failing", "renewing"]);
  expect(seen).toEqual({ openings: 1, closings: 1 });
});

test("a store that cannot be reached is opened again, and no password is told", async () => {
  const { clock, renewals, words, stop, ended } = loop({
    refusal: (opening) => (opening < 4 ? unavailable() : undefined),
  });
  await clock.advance(2_000);
  expect(renewals).toHaveLength(1);
  const why = "nobody at postgres://anna:[redacted]@db/runs";
  expect(words).toEqual([{ kind: "failing", why }, { kind: "renewing" }]);
  stop.abort();
  await ended;
});

test("a store that can never be opened from here ends it", async () => {
  const { ended } = loop({ refusal: () => new MillraceError("MISSING_DEPENDENCY", "install it") });
  await expect(ended).rejects.toMatchObject({ code: "MISSING_DEPENDENCY" });
});

test("a store that takes its time to answer makes no lease shorter", async () => {
  const { clock, renewals, stop, ended } = loop({ takesMs: 2_000 });
  await clock.advance(40_000);
  expect(renewals).toEqual([0, 10_000, 20_000, 30_000, 40_000]);
  stop.abort();
  await clock.advance(2_000);
  await ended;
});
