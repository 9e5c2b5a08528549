/**
 * A file or a stream as lines with their numbers. Chunks may end anywhere, also inside of a character. A line that would
 * never end is refused before it fills the memory.
 */

import { Buffer } from "node:buffer";
import { MillraceError } from "../core/errors.ts";
import { LINE_BYTES } from "./part-lines.ts";

export interface FileLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

const NEWLINE = 0x0a;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The lines that are not empty. Throws `INVALID_VALUE` for what is no text, or no line. */
export async function* fileLines(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<FileLine, void> {
  let number = 1;
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    const bytes = bytesOf(chunk);
    let start = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, start)) {
      held.push(bytes.subarray(start, at));
      const text = textOf(held, number);
      if (text.trim() !== "") yield { number, text };
      number += 1;
      held = [];
      size = 0;
      start = at + 1;
    }
    held.push(bytes.subarray(start));
    size += bytes.length - start;
    if (size > LINE_BYTES) throw invalidLine(number, `is longer than ${LINE_BYTES} bytes`);
  }
  const text = textOf(held, number);
  if (text.trim() !== "") yield { number, text };
}

export function invalidLine(line: number, problem: string, cause?: unknown): MillraceError {
  return new MillraceError("INVALID_VALUE", `line ${line}: ${problem}`, {
    cause,
    details: { line },
    hints: ["Export the runs again; what was imported before this line stays, and is not imported twice."],
  });
}

function bytesOf(chunk: Uint8Array | string): Buffer {
  if (typeof chunk === "string") return Buffer.from(chunk, "utf8");
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function textOf(parts: readonly Buffer[], number: number): string {
  try {
    const text = decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    return text.endsWith("\r") ? text.slice(0, -1) : text;
  } catch (cause) {
    throw invalidLine(number, "is not UTF-8", cause);
  }
}
