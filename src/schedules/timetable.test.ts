import { describe, expect, test } from "vitest";
import { isMillraceError } from "../core/errors.ts";
import { seededRandom } from "../core/ports.ts";
import { type Bounds, type Timing, timetable } from "./timetable.ts";

function utc(text: string): number {
  return Date.parse(text);
}

function instants(timing: Timing, after: string, count: number, bounds?: Bounds): readonly string[] {
  const table = timetable(timing, bounds);
  const found: string[] = [];
  let at = table.next(utc(after));
  while (at !== undefined && found.length < count) {
    found.push(new Date(at).toISOString().replace(":00.000Z", "Z").replace(".000Z", "Z"));
    at = table.next(at);
  }
  return found;
}

function cron(pattern: string, timezone = "UTC"): Timing {
  return { kind: "cron", cron: pattern, timezone };
}

describe("a cron pattern", () => {
  test("fires at its times, later than the instant that is asked about", () => {
    expect(instants(cron("30 2 * * *"), "2026-01-01T02:30:00Z", 2)).toEqual(["2026-01-02T02:30Z", "2026-01-03T02:30Z"]);
    expect(instants(cron("*/20 * * * * *"), "2026-01-01T00:00:39Z", 3)).toEqual([
      "2026-01-01T00:00:40Z",
      "2026-01-01T00:01Z",
      "2026-01-01T00:01:20Z",
    ]);
    expect(instants(cron("@daily"), "2026-01-01T12:00:00Z", 1)).toEqual(["2026-01-02T00:00Z"]);
    expect(instants(cron("0 9 1 1 *", "Asia/Kolkata"), "2026-06-01T00:00:00Z", 1)).toEqual(["2027-01-01T03:30Z"]);
  });

  test("fires by day of the month or of the week where both are named, and by both after a plus", () => {
    expect(instants(cron("0 0 13 * FRI"), "2026-01-01T00:00:00Z", 3)).toEqual([
      "2026-01-02T00:00Z",
      "2026-01-09T00:00Z",
      "2026-01-13T00:00Z",
    ]);
    expect(instants(cron("0 0 13 * +FRI"), "2026-01-01T00:00:00Z", 2)).toEqual([
      "2026-02-13T00:00Z",
      "2026-03-13T00:00Z",
    ]);
  });

  test("fires on the 29th of February in the years that have one", () => {
    expect(instants(cron("0 0 29 2 *"), "2026-01-01T00:00:00Z", 2)).toEqual(["2028-02-29T00:00Z", "2032-02-29T00:00Z"]);
  });

  test("that matches no day has no instants", () => {
    for (const pattern of ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 29 2 * 2027"]) {
      expect(timetable(cron(pattern)).next(utc("2026-01-01T00:00:00Z"))).toBeUndefined();
      expect(timetable(cron(pattern, "Europe/Berlin")).last(utc("2026-01-01T00:00:00Z"))).toBeUndefined();
    }
  });

  test.each(
    [
      "",
      " ",
      "x",
      "* * * *",
      "* * * * * * * *",
      "60 * * * *",
      "-1 * * * *",
      "*/0 * * * *",
      "5-1 * * * *",
      "0 0 32 * *",
    ].concat(
      [
        "0 0 * 13 *",
        "0 0 * * 8",
        "@reboot",
        "@never",
        "2026-01-01T00:00:00Z",
        "\0 * * * *",
        "0 0 * * *\n",
        "0 0 * * MOON",
      ],
      [`${"1,".repeat(500)}1 * * * *`, "a".repeat(100_000), "TZ=UTC 0 0 * * *", "0 0 $(1) * *"],
    ),
  )("is refused where it is %j", (pattern) => {
    expect(() => timetable(cron(pattern))).toThrow(expect.objectContaining({ code: "INVALID_SCHEDULE" }));
  });

  test.each(["Mars/Phobos", "", " ", "UTC\0", "Europe", "../etc/localtime"])(
    "is refused in the time zone %j",
    (timezone) => {
      expect(() => timetable(cron("0 0 * * *", timezone))).toThrow(
        expect.objectContaining({ code: "INVALID_SCHEDULE" }),
      );
    },
  );

  test("that is refused says why, and how to write one", () => {
    try {
      timetable(cron("61 * * * *"));
      expect.unreachable();
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      expect([error.message, error.hints]).toEqual([
        '"61 * * * *" is no cron pattern: Invalid value for minute: 61',
        [expect.stringContaining("[second] minute hour")],
      ]);
    }
  });
});

describe("when clocks are put forward", () => {
  test("a time that is skipped fires at the end of the gap, once", () => {
    expect(instants(cron("30 2 * * *", "Europe/Berlin"), "2026-03-28T00:00:00Z", 3)).toEqual([
      "2026-03-28T01:30Z",
      "2026-03-29T01:00Z",
      "2026-03-30T00:30Z",
    ]);
    expect(instants(cron("0,20,40 2 * * *", "Europe/Berlin"), "2026-03-28T23:00:00Z", 2)).toEqual([
      "2026-03-29T01:00Z",
      "2026-03-30T00:00Z",
    ]);
  });

  test("a pattern with several named times loses none of them", () => {
    expect(instants(cron("30 2,14 * * *", "Europe/Berlin"), "2026-03-28T23:00:00Z", 3)).toEqual([
      "2026-03-29T01:00Z",
      "2026-03-29T12:30Z",
      "2026-03-30T00:30Z",
    ]);
  });

  test("a midnight that does not exist fires at the first moment of its day", () => {
    expect(instants(cron("0 0 * * *", "America/Sao_Paulo"), "2018-11-03T12:00:00Z", 2)).toEqual([
      "2018-11-04T03:00Z",
      "2018-11-05T02:00Z",
    ]);
  });

  test("a pattern that goes by the clock fires neither more nor less often", () => {
    expect(instants(cron("*/30 * * * *", "Europe/Berlin"), "2026-03-29T00:00:00Z", 4)).toEqual([
      "2026-03-29T00:30Z",
      "2026-03-29T01:00Z",
      "2026-03-29T01:30Z",
      "2026-03-29T02:00Z",
    ]);
  });
});

describe("when clocks are put back", () => {
  test("a time that comes twice fires at the first", () => {
    expect(instants(cron("30 2 * * *", "Europe/Berlin"), "2026-10-24T12:00:00Z", 2)).toEqual([
      "2026-10-25T00:30Z",
      "2026-10-26T01:30Z",
    ]);
    expect(instants(cron("30 2,14 * * *", "Europe/Berlin"), "2026-10-24T13:00:00Z", 2)).toEqual([
      "2026-10-25T00:30Z",
      "2026-10-25T13:30Z",
    ]);
  });

  test("a pattern that goes by the clock fires at both", () => {
    expect(instants(cron("*/30 * * * *", "Europe/Berlin"), "2026-10-24T23:30:00Z", 5)).toEqual([
      "2026-10-25T00:00Z",
      "2026-10-25T00:30Z",
      "2026-10-25T01:00Z",
      "2026-10-25T01:30Z",
      "2026-10-25T02:00Z",
    ]);
  });

  test("a shift of half an hour is a shift as well", () => {
    expect(instants(cron("45 1 * * *", "Australia/Lord_Howe"), "2026-04-03T20:00:00Z", 2)).toEqual([
      "2026-04-04T14:45Z",
      "2026-04-05T15:15Z",
    ]);
  });
});

/** Wall clocks of a zone, read from the platform alone. */
function wallClock(timezone: string): (at: number) => { readonly day: string; readonly minute: number } {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: timezone,
    hourCycle: "h23",
    ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
  });
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const day = `${parts.get("year")}-${parts.get("month")}-${parts.get("day")}`;
    return { day, minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
  };
}

describe("through a year of any zone", () => {
  const zones = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Beirut",
  ];

  test.each(zones)(
    "a daily time fires on every day of %s exactly once, as soon as the clock has reached it",
    (timezone) => {
      const random = seededRandom(timezone.length);
      const read = wallClock(timezone);
      for (const minute of [0, 30, 60, 90, 120, 150, 180, Math.floor(random.next() * 1_440)]) {
        const table = timetable(cron(`${minute % 60} ${Math.floor(minute / 60)} * * *`, timezone));
        const seen = new Set<string>();
        let at = table.next(utc("2026-01-01T12:00:00Z"));
        while (at !== undefined && at < utc("2027-01-01T12:00:00Z")) {
          const { day, minute: shown } = read(at);
          expect(seen.has(day), `${day} has two`).toBe(false);
          seen.add(day);
          const before = read(at - 60_000);
          const isReached = shown === minute || (shown > minute && (before.day !== day || before.minute < minute));
          expect(isReached, `${day} at ${shown} for ${minute}`).toBe(true);
          at = table.next(at);
        }
        expect(seen.size, `${timezone} at ${minute}`).toBe(365);
      }
    },
  );

  test.each(zones)("the last instant is the one before the next, everywhere in %s", (timezone) => {
    const random = seededRandom(7);
    for (const pattern of ["30 2 * * *", "*/15 * * * *", "0 0 1 * *"]) {
      const table = timetable(cron(pattern, timezone));
      for (let round = 0; round < 30; round += 1) {
        const at = table.next(utc("2026-03-01T00:00:00Z") + Math.floor(random.next() * 86_400_000 * 300));
        expect(at).toBeDefined();
        if (at === undefined) continue;
        expect([table.last(at), table.next(at - 1), table.next(table.last(at - 1) ?? 0)]).toEqual([at, at, at]);
      }
    }
  });
});

test("an interval counts from its beginning, whoever asks when", () => {
  const timing = { kind: "every", everyMs: 90_000, from: utc("2026-01-01T00:00:10Z") } as const;
  expect(instants(timing, "2020-01-01T00:00:00Z", 2)).toEqual(["2026-01-01T00:01:40Z", "2026-01-01T00:03:10Z"]);
  expect(instants(timing, "2026-01-01T00:01:40Z", 1)).toEqual(["2026-01-01T00:03:10Z"]);
  const table = timetable(timing);
  expect(table.last(timing.from + 89_999)).toBeUndefined();
  expect(table.last(timing.from + 180_001)).toBe(timing.from + 180_000);
  expect(table.count(timing.from + 90_000, timing.from + 900_000, 1_000)).toBe(9);
  expect(table.next(8_640_000_000_000_000)).toBeUndefined();
});

test("a single instant fires once", () => {
  const timing = { kind: "at", at: 1_000 } as const;
  const table = timetable(timing);
  expect([
    table.next(999),
    table.next(1_000),
    table.last(999),
    table.last(1_000),
    table.count(1_000, 2_000, 9),
  ]).toEqual([1_000, undefined, undefined, 1_000, 1]);
});

test("only instants within the bounds count, the end included", () => {
  const timing = { kind: "every", everyMs: 1_000, from: 0 } as const;
  const table = timetable(timing, { after: 2_000, until: 5_000 });
  expect([table.next(0), table.next(4_999), table.next(5_000)]).toEqual([3_000, 5_000, undefined]);
  expect([table.last(2_500), table.last(3_500), table.last(9_000)]).toEqual([undefined, 3_000, 5_000]);
  const hourly = timetable(cron("0 * * * *"), { until: utc("2026-01-01T02:30:00Z") });
  expect(hourly.count(utc("2026-01-01T00:00:00Z"), utc("2026-01-02T00:00:00Z"), 1_000)).toBe(3);
  expect(hourly.count(utc("2025-01-01T00:00:00Z"), utc("2026-01-02T00:00:00Z"), 10)).toBe(10);
});
