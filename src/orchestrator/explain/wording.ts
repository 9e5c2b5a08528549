/**
 * How explanations put times, counts and lists into words. Pure: every function that speaks of now is given it. All
 * text from users has been cleaned when it was stored; names are quoted so that a sentence stays readable whatever they
 * are.
 */

import { formatDuration } from "../../core/duration.ts";

/** An instant and how far it is from now: `2026-03-01T09:00:00.000Z (5m ago)`. */
export function instant(at: number, now: number): string {
  const distanceMs = at - now;
  const iso = Math.abs(at) <= LAST_MS ? new Date(at).toISOString() : `${at} ms`;
  if (distanceMs === 0) return `${iso} (now)`;
  return distanceMs > 0 ? `${iso} (in ${formatDuration(distanceMs)})` : `${iso} (${formatDuration(-distanceMs)} ago)`;
}

const LAST_MS = 8_640_000_000_000_000;

/** `1 item`, `3 items`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** `a`, `a and b`, `a, b and c`; the rest counted beyond five. */
export function list(parts: readonly string[]): string {
  const shown = parts.length > LISTED ? [...parts.slice(0, LISTED), `${parts.length - LISTED} more`] : parts;
  const last = shown.at(-1) ?? "";
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} and ${last}`;
}

const LISTED = 5;

/** A name in quotes. */
export function quoted(name: string): string {
  return JSON.stringify(name);
}

/** A word of a command line, in quotes where a shell would take it for more. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The first line of a message, cut, without the full stop: it goes into the middle of a sentence. */
export function brief(message: string): string {
  const [line = ""] = message.split("\n");
  const cut = line.length > BRIEF ? `${line.slice(0, BRIEF)}…` : line;
  return cut.replace(/[.\s]+$/u, "");
}

const BRIEF = 200;
