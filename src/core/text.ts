/**
 * Makes text from unknown hands fit for storage, logs and terminals. It refuses nothing: whatever it is given, it gives
 * back well-formed Unicode without control or direction-changing characters and of a bounded size.
 */

import { Buffer } from "node:buffer";

/** Everything that a terminal or a database could take for more than text. Tab and line feed stay. */
const UNSAFE = new RegExp(
  "[" +
    "\\u0000-\\u0008\\u000b-\\u001f" + // C0 without tab and line feed
    "\\u007f-\\u009f" + // DEL and C1
    "\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069" + // direction marks, embeddings, isolates
    "]",
  "gu",
);

/**
 * Text with every control character, direction override and lone surrogate replaced by U+FFFD, and cut to `maxBytes` of
 * UTF-8 with a marker that says how much is missing. Carriage returns before a line feed are dropped.
 */
export function cleanText(text: string, maxBytes: number): string {
  // A character is at least one byte, so nothing beyond maxBytes characters can survive; cut before any other work.
  const head = text.slice(0, maxBytes);
  const clean = head.toWellFormed().replaceAll("\r\n", "\n").replaceAll(UNSAFE, "\ufffd");
  if (head.length === text.length && utf8Length(clean) <= maxBytes) {
    return clean;
  }
  const marker = `\n[cut: ${text.length} characters in all]`;
  return cutToBytes(clean, Math.max(0, maxBytes - marker.length)) + marker;
}

/** Size of a string in UTF-8. A lone surrogate counts as the three bytes of its replacement. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, "utf8");
  let end = Math.min(maxBytes, bytes.length);
  // Step back over continuation bytes, so that no character is cut in half.
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) {
    end -= 1;
  }
  return bytes.toString("utf8", 0, end);
}
