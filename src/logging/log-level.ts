/**
 * How much of the log is wanted, as `MILLRACE_LOG` says it. It only reads text: a word that is no level is told apart
 * from silence, so that whoever asked for a log gets one, and hears what was wrong.
 */

import { cleanText } from "../core/text.ts";

/** The severity of a line. */
export type Severity = "debug" | "info" | "warn" | "error";

/** The least severity that is shown; `silent` shows nothing. */
export type LogLevel = Severity | "silent";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** A level, and what is to be said about how it was written. */
export interface ReadLevel {
  readonly level: LogLevel;
  readonly complaint?: string | undefined;
}

/** Nothing is `silent`; an unknown word is `info`, with a complaint that names the levels. Case does not matter. */
export function readLogLevel(text: string | undefined): ReadLevel {
  const word = (text ?? "").trim().toLowerCase();
  if (word === "") return { level: "silent" };
  const level = LEVELS.find((known) => known === word);
  if (level !== undefined) return { level };
  const shown = JSON.stringify(cleanText(word, LONGEST_WORD));
  return { level: "info", complaint: `MILLRACE_LOG is ${shown}, which is none of ${LEVELS.join(", ")}; taken as info` };
}

const LONGEST_WORD = 64;

/** Whether lines of this severity are shown. */
export function isShown(severity: Severity, level: LogLevel): boolean {
  return LEVELS.indexOf(severity) >= LEVELS.indexOf(level);
}
