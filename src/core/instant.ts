/**
 * Points in time as users write them, turned into milliseconds since 1970 (UTC) once, at the edge. Refuses whatever
 * could mean two things: a text without an offset from UTC, or a day that the calendar does not have.
 */

import { MillraceError } from "./millrace-error.ts";

/** A point in time: a `Date`, milliseconds since 1970, or ISO 8601 with an offset, such as `"2026-03-01T09:00:00Z"`. */
export type Instant = Date | number | string;

const PATTERN = /^(\d{4}|[+-]\d{6})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})$/;

const LAST_MS = 8_640_000_000_000_000;

/**
 * The instant in whole milliseconds since 1970. `what` names the value in the message. Throws `INVALID_VALUE` for
 * anything that is no instant, or one outside the range of `Date`.
 */
export function toInstant(instant: Instant, what: string): number {
  const ms = read(instant);
  if (ms === undefined || !Number.isFinite(ms) || Math.abs(ms) > LAST_MS) {
    const shown = typeof instant === "string" ? JSON.stringify(instant.slice(0, 40)) : String(ms ?? typeof instant);
    throw new MillraceError(
      "INVALID_VALUE",
      `${what} must be a Date, milliseconds since 1970, or ISO 8601 with an offset; it is ${shown}`,
      { hints: ['Write instants as "2026-03-01T09:00:00Z" or "2026-03-01T10:00:00+01:00".'] },
    );
  }
  return Math.round(ms) + 0;
}

function read(instant: unknown): number | undefined {
  if (typeof instant === "number") {
    return instant;
  }
  if (typeof instant === "string") {
    return readText(instant);
  }
  return instant instanceof Date ? instant.getTime() : undefined;
}

function readText(text: string): number | undefined {
  const match = PATTERN.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, year = "", month = "", day = "", hour = "", minute = "", second = "0", fraction = "", offset = ""] = match;
  const local = new Date(0);
  local.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  local.setUTCHours(Number(hour), Number(minute), Number(second), Math.floor(Number(`0.${fraction}0`) * 1_000));
  // A field out of range would have carried into the next one: 30 February is refused, not taken for 2 March.
  const same =
    local.getUTCMonth() + 1 === Number(month) &&
    local.getUTCDate() === Number(day) &&
    local.getUTCHours() === Number(hour) &&
    local.getUTCMinutes() === Number(minute) &&
    local.getUTCSeconds() === Number(second);
  const offsetMs = readOffset(offset);
  return same && offsetMs !== undefined ? local.getTime() - offsetMs : undefined;
}

function readOffset(offset: string): number | undefined {
  if (offset === "Z") {
    return 0;
  }
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(4, 6));
  if (hours > 23 || minutes > 59) {
    return undefined;
  }
  return (hours * 60 + minutes) * 60_000 * (offset.startsWith("-") ? -1 : 1);
}
