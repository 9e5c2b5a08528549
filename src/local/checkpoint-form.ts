/**
 * The form in which a run in one process is saved: lines of JSON. The first says what it is: format number, run, workflow,
 * hash of the definition, status. The last holds the digest of all before it. Between them is one line for each row
 * (`checkpoint-lines.ts`). Invariant: what is not whole, or of a format that is not known here, is refused
 * before any of it is used.
 */

import { Buffer } from "node:buffer";
import type { RunImage } from "../backend/memory/run-image.ts";
import { digest } from "../core/digest.ts";
import { MillraceError } from "../core/errors.ts";
import { ImageBuilder, type Line, lineSources } from "./checkpoint-lines.ts";

/** The version of this form. */
export const CHECKPOINT_FORMAT = 1;

const NAME = "millrace-checkpoint";

/** Writes checkpoints. Keeps the lines of rows that stay as they are, so that a save costs little more than its bytes. */
export class CheckpointWriter {
  readonly #lines = new WeakMap<object, string>();

  write(image: RunImage): Uint8Array {
    const { id: run, definition, status } = image.state;
    const { workflow, version } = image.details;
    const lines = [JSON.stringify([NAME, CHECKPOINT_FORMAT, { run, workflow, version, definition, status }])];
    for (const { row, make } of lineSources(image)) {
      const line = this.#lines.get(row) ?? JSON.stringify(make());
      this.#lines.set(row, line);
      lines.push(line);
    }
    const text = Buffer.from(`${lines.join("\n")}\n`, "utf8");
    return Buffer.concat([text, Buffer.from(endOf(text), "utf8")]);
  }
}

/**
 * The run that was saved. `what` names it in messages. Throws `BACKEND_TOO_NEW` for the form of a later release, and
 * `BACKEND_CORRUPT` for what is no checkpoint or not whole.
 */
export function readCheckpoint(body: Uint8Array, what: string): RunImage {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  checkHeader(bytes, what);
  const [, ...lines] = wholeLines(bytes, what);
  const builder = new ImageBuilder();
  for (const text of lines) {
    // The digest says that this is what a writer of this format wrote.
    const line: Line = JSON.parse(text);
    builder.add(line);
  }
  const image = builder.build();
  if (image === undefined) throw corrupt(what, "a part of its run is missing");
  return image;
}

function checkHeader(bytes: Buffer, what: string): void {
  const header = parse(bytes.toString("utf8", 0, Math.max(0, bytes.indexOf("\n"))));
  if (!Array.isArray(header) || header[0] !== NAME || !Number.isInteger(header[1])) {
    throw corrupt(what, "it is not a saved run");
  }
  const [, format] = header;
  if (format === CHECKPOINT_FORMAT) return;
  throw new MillraceError(
    "BACKEND_TOO_NEW",
    `${what} has the format ${String(format)}; this release of millrace knows ${CHECKPOINT_FORMAT}`,
    { hints: ["Upgrade the millrace package of this program to at least the release that saved it."] },
  );
}

/** All lines but the last one, once it has said that they are as they were written. */
function wholeLines(bytes: Buffer, what: string): readonly string[] {
  const start = bytes.lastIndexOf("\n", bytes.length - 2) + 1;
  if (bytes.toString("utf8", start) !== endOf(bytes.subarray(0, start))) throw corrupt(what, "it is not whole");
  return bytes.toString("utf8", 0, start - 1).split("\n");
}

function endOf(text: Uint8Array): string {
  return `${JSON.stringify(["end", digest(text)])}\n`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function corrupt(what: string, why: string): MillraceError {
  return new MillraceError("BACKEND_CORRUPT", `${what} cannot be read: ${why}`, {
    hints: ["Restore it from a backup, or delete it and start the run anew."],
  });
}
