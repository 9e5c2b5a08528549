/**
 * How a wrong value is named in a message: short, without control characters, and without calling anything of the value.
 */

import { cleanText } from "../../core/text.ts";

const SHOWN_CHARACTERS = 64;

/** A value in a few words, such as `NaN`, `"abc"`, `an array` or `a function`. Never throws. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(cleanText(value, SHOWN_CHARACTERS));
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return "a BigInt";
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object";
    default:
      return `a ${typeof value}`;
  }
}
