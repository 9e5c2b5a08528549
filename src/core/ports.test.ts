import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { isName } from "./names.ts";
import {
  createIds,
  manualClock,
  seededIds,
  seededRandom,
  silentLogger,
  systemClock,
  systemIds,
  systemRandom,
} from "./ports.ts";

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

afterEach(() => {
  vi.useRealTimers();
});

describe("systemClock", () => {
  it("sleeps at least as long as asked", async () => {
    const started = systemClock.monotonic();
    await systemClock.sleep(5);
    expect(systemClock.monotonic() - started).toBeGreaterThanOrEqual(5);
  });

  it.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 12_345, 100 * 86_400_000])("keeps a timer of %i ms exactly", async (ms) => {
    vi.useFakeTimers();
    let fired = 0;
    systemClock.setTimer(ms, () => {
      fired += 1;
    });
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(fired).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(fired).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("fires soon for zero, negative and NaN", async () => {
    for (const ms of [0, -5, Number.NaN, Number.NEGATIVE_INFINITY]) {
      await systemClock.sleep(ms);
    }
  });

  it("cancels, also between chunks, twice, and after firing", async () => {
    vi.useFakeTimers();
    let fired = 0;
    const count = () => {
      fired += 1;
    };
    const long = systemClock.setTimer(2 ** 32, count).unref();
    await vi.advanceTimersByTimeAsync(2 ** 31 + 5);
    long.cancel();
    long.cancel();
    const short = systemClock.setTimer(1, count);
    await vi.advanceTimersByTimeAsync(1);
    short.cancel();
    expect(fired).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects a sleep with the reason of its signal, and leaves no timer behind", async () => {
    vi.useFakeTimers();
    const reason = new Error("enough");
    await expect(systemClock.sleep(10, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleeping = systemClock.sleep(1_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells the time in milliseconds", () => {
    expect(Number.isInteger(systemClock.now())).toBe(true);
    expect(systemClock.now()).toBeGreaterThan(Date.UTC(2024, 0, 1));
  });
});

describe("manualClock", () => {
  it("stands still until it is moved", async () => {
    const clock = manualClock(1_000);
    expect([clock.now(), clock.monotonic(), clock.untilNext()]).toEqual([1_000, 0, undefined]);
    await clock.advance(50);
    expect([clock.now(), clock.monotonic()]).toEqual([1_050, 50]);
  });

  it("fires timers at their own instants, in order of due time and then of setting", async () => {
    const clock = manualClock();
    const seen: [string, number][] = [];
    const note = (name: string) => () => seen.push([name, clock.now()]);
    clock.setTimer(20, note("c"));
    clock.setTimer(10, note("a"));
    clock.setTimer(10, note("b"));
    const cancelled = clock.setTimer(5, note("never")).unref();
    cancelled.cancel();
    expect(clock.untilNext()).toBe(10);
    await clock.advance(19);
    expect(seen).toEqual([
      ["a", 10],
      ["b", 10],
    ]);
    await clock.advance(1);
    expect(seen).toHaveLength(3);
  });

  it("lets what a timer sets off run before the next instant", async () => {
    const clock = manualClock();
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for (let round = 0; round < 3; round += 1) {
        await clock.sleep(10);
        seen.push(clock.now());
      }
    };
    const done = loop();
    await clock.advance(30);
    await done;
    expect(seen).toEqual([10, 20, 30]);
  });

  it("jumps its wall clock without firing anything", async () => {
    const clock = manualClock(1_000);
    let fired = false;
    clock.setTimer(10, () => {
      fired = true;
    });
    clock.jump(-500);
    expect([clock.now(), clock.monotonic(), fired]).toEqual([500, 0, false]);
    await clock.advance(10);
    expect([clock.now(), fired]).toEqual([510, true]);
  });

  it("rejects an aborted sleep and forgets its timer", async () => {
    const clock = manualClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(10, controller.signal);
    controller.abort(new Error("stop"));
    await expect(sleeping).rejects.toThrow("stop");
    expect(clock.untilNext()).toBeUndefined();
  });
});

describe("random numbers", () => {
  it("lie from 0, included, to 1, excluded", () => {
    const seeded = seededRandom(7);
    for (let round = 0; round < 1_000; round += 1) {
      for (const number of [seeded.next(), systemRandom.next()]) {
        expect(number >= 0 && number < 1).toBe(true);
      }
    }
  });

  it("depend on the seed alone", () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 20 }, () => random.next());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(new Set(draw(3)).size).toBe(20);
  });
});

describe("ids", () => {
  it("run ids are UUIDv7 that carry their time", () => {
    const id = systemIds.runId(1_700_000_000_000);
    expect(id).toMatch(UUID7);
    const now = Date.UTC(2100, 0, 1);
    expect(Number.parseInt(seededIds(seededRandom(1)).runId(now).replace("-", "").slice(0, 12), 16)).toBe(now);
  });

  it("run ids grow, whatever the clock does", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(fc.oneof(fc.nat(5), fc.nat(2 ** 31), fc.double()), { minLength: 2 }),
        (seed, times) => {
          const ids = seededIds(seededRandom(seed));
          const made = times.map((now) => ids.runId(now));
          expect(made.every((id) => UUID7.test(id))).toBe(true);
          expect(made).toEqual([...new Set(made)].toSorted());
        },
      ),
    );
  });

  it("run ids grow over many in one millisecond", () => {
    const made = Array.from({ length: 20_000 }, () => systemIds.runId(5));
    expect(new Set(made).size).toBe(made.length);
    expect(made.toSorted()).toEqual(made);
  });

  it("tokens are random names", () => {
    const made = Array.from({ length: 2_000 }, () => systemIds.token());
    expect(new Set(made).size).toBe(made.length);
    expect(made.every((token) => /^[0-9a-f]{32}$/.test(token) && isName(token))).toBe(true);
  });

  it("come from the given bytes", () => {
    const ids = createIds((bytes) => bytes.fill(0xff));
    expect(ids.token()).toBe("f".repeat(32));
    expect(ids.runId(0)).toBe("00000000-0000-77ff-bfff-ffffffffffff");
  });
});

it("the silent logger takes every line", () => {
  for (const level of ["debug", "info", "warn", "error"] as const) {
    expect(silentLogger[level]("x", { a: 1 })).toBeUndefined();
  }
});
