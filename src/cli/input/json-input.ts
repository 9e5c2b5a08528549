/**
 * JSON that is typed, kept in a file (`@file`) or piped in (`-`), read in the engine's own strict way: a number that
 * would change, a key that could harm, or too much of anything is refused with its place, before it is used.
 */

import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { MillraceError, parseJson } from "../../index.ts";
import type { Surroundings } from "../surroundings.ts";
import { usage } from "./option-values.ts";

/** More than any payload may have; the engine's own limit comes after it, with its own words. */
const MOST_BYTES = 16_777_216;

/** The value that the option's text stands for. Throws `INVALID_INPUT`, `USAGE`, or what the engine has against it. */
export async function readJsonOption(option: string, text: string, around: Surroundings): Promise<unknown> {
  const json = await readText(option, text, around);
  const what = text === "-" ? `${option} (standard input)` : text.startsWith("@") ? `${option} ${text}` : option;
  if (json.trim() === "") throw usage(`${what} is empty; it takes JSON`);
  return parseJson(json, { what, code: "INVALID_INPUT" });
}

async function readText(option: string, text: string, around: Surroundings): Promise<string> {
  if (text === "-") return readBounded(around.stdin, MOST_BYTES, `${option} (standard input)`);
  if (!text.startsWith("@")) return text;
  const path = text.slice(1);
  if (path === "") throw usage(`${option} takes JSON, @FILE, or - for standard input`);
  try {
    return await readBounded(createReadStream(resolve(around.directory, path)), MOST_BYTES, `${option} ${text}`);
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    throw usage(`${option}: ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

async function readBounded(stream: AsyncIterable<unknown>, maxBytes: number, what: string): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let size = 0;
  try {
    for await (const chunk of stream) {
      const bytes = chunk instanceof Uint8Array ? chunk : new TextEncoder().encode(String(chunk));
      size += bytes.length;
      if (size > maxBytes) throw new MillraceError("PAYLOAD_TOO_LARGE", `${what} has more than ${maxBytes} bytes`);
      text += decoder.decode(bytes, { stream: true });
    }
    return text + decoder.decode();
  } catch (cause) {
    if (cause instanceof TypeError) throw new MillraceError("INVALID_INPUT", `${what} is not text in UTF-8`, { cause });
    throw cause;
  }
}
