/**
 * Turns what is typed into values: numbers, lists, tags, instants. A word that is not exactly one is refused with
 * `USAGE` and the name of the option; nothing is guessed. Durations are read by the engine, everywhere in the same way.
 */

import { type Duration, MillraceError, toMilliseconds } from "../../index.ts";
import { plainLine } from "../output/plain-text.ts";

/** A refusal of what was typed. */
export function usage(message: string, ...hints: readonly string[]): MillraceError {
  return new MillraceError("USAGE", message, {
    hints: [...hints, "Run the command with --help for its options and an example."],
  });
}

/** A whole number of at least `least`, for the option named. */
export function wholeNumber(option: string, least = Number.MIN_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const number = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= least) return number;
    const from = least === Number.MIN_SAFE_INTEGER ? "" : ` from ${least}`;
    throw usage(`${option} takes a whole number${from}, not ${shown(text)}`);
  };
}

/** A length of time, such as `30s`; a bare number is milliseconds. The engine's own reader says what is one. */
export function durationText(option: string): (text: string) => Duration {
  return (text) => toMilliseconds(/^\d+$/.test(text) ? Number(text) : (text as Duration), option);
}

/** Words separated by commas; the option may also be given several times. */
export function wordList(option: string): (text: string, before?: readonly string[]) => readonly string[] {
  return (text, before = []) => {
    const words = text.split(",").map((word) => word.trim());
    if (words.some((word) => word === "")) throw usage(`${option} takes words separated by commas, not ${shown(text)}`);
    return [...before, ...words];
  };
}

/** As `wordList`, of the given words only. */
export function choiceList<T extends string>(
  option: string,
  choices: readonly T[],
): (text: string, before?: readonly T[]) => readonly T[] {
  const read = wordList(option);
  return (text, before = []) => [
    ...before,
    ...read(text).map((word) => {
      const choice = choices.find((one) => one === word);
      if (choice !== undefined) return choice;
      throw usage(`${option} takes ${choices.join(", ")}, not ${shown(word)}`);
    }),
  ];
}

/** `name=value`, gathered over several uses of the option. A name given twice is refused. */
export function tagList(
  option: string,
): (text: string, before?: Readonly<Record<string, string>>) => Readonly<Record<string, string>> {
  return (text, before = {}) => {
    const at = text.indexOf("=");
    if (at <= 0) throw usage(`${option} takes name=value, not ${shown(text)}`);
    const name = text.slice(0, at);
    if (Object.hasOwn(before, name)) throw usage(`${option} ${shown(name)} is given twice`);
    return Object.fromEntries([...Object.entries(before), [name, text.slice(at + 1)]]);
  };
}

function shown(text: string): string {
  return JSON.stringify(plainLine(text).slice(0, 80));
}
