/**
 * Looks over JSON text of strangers before it is parsed: how deep, how many keys, and whether a number would change its
 * value. One pass, no recursion, so that text of any depth is refused and not obeyed. It does not check the syntax;
 * that is the parser's work, which comes after.
 */

/** The first thing found wrong with a text, and where. */
export interface JsonProblem {
  readonly code: "TOO_DEEP" | "TOO_MANY_KEYS" | "INVALID_VALUE";
  readonly message: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The first problem of the text, or `undefined`. */
export function scanJson(text: string, limits: { maxDepth: number; maxKeys: number }): JsonProblem | undefined {
  let depth = 0;
  let keys = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = endOfString(text, at);
    } else if (unit === 0x5b || unit === 0x7b) {
      depth += 1;
      if (depth > limits.maxDepth) {
        return { code: "TOO_DEEP", message: `is nested more than ${limits.maxDepth} deep` };
      }
    } else if (unit === 0x5d || unit === 0x7d) {
      depth -= 1;
    } else if (unit === 0x3a) {
      keys += 1;
      if (keys > limits.maxKeys) {
        return { code: "TOO_MANY_KEYS", message: `has more than ${limits.maxKeys} keys` };
      }
    } else if (unit === 0x2d || (unit >= 0x30 && unit <= 0x39)) {
      const end = endOfNumber(text, at);
      const number = text.slice(at, end);
      if (changesValue(number)) {
        return {
          code: "INVALID_VALUE",
          message: `has the number ${number.slice(0, 40)}, which would change its value; send it as a string`,
        };
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** Whether a number of the text is another number once parsed: an integer without exact form, or one out of range. */
function changesValue(number: string): boolean {
  if (number.length <= 15) {
    // Short integers and decimals are exact or as near as can be; only an exponent leads out of range.
    if (!/[eE]/.test(number)) {
      return false;
    }
  }
  const value = Number(number);
  if (!Number.isFinite(value)) {
    return !Number.isNaN(value); // what is no number at all is for the parser to refuse
  }
  if (/^-?\d+$/.test(number)) {
    // What JavaScript itself writes for a large double is its shortest text, not its exact digits; that is no change.
    return `${value}` !== number && (number.length > 400 || BigInt(number) !== BigInt(value));
  }
  return value === 0 && /[1-9]/.test(number.split(/[eE]/)[0] ?? "");
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      return at;
    }
    at += unit === BACKSLASH ? 2 : 1;
  }
  return at;
}

function endOfNumber(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    const partOfNumber =
      (unit >= 0x30 && unit <= 0x39) ||
      unit === 0x2e ||
      unit === 0x2b ||
      unit === 0x2d ||
      unit === 0x65 ||
      unit === 0x45;
    if (!partOfNumber) {
      return at;
    }
    at += 1;
  }
  return at;
}
