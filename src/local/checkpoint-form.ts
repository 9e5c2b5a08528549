/**
 * The form in which a run in one process is saved: lines of JSON, in parts. The first part begins with a line that says what
 * it is (format number, run, workflow, hash of the definition) and holds one line for each row (`checkpoint-lines.ts`); each
 * further part holds the rows that are new since, some of which take the place of older ones. A part ends with the digest of
 * all up to there. Invariant: what is not whole, or of a format that is not known here, is refused.
 */

import { Buffer } from "node:buffer";
import type { RunImage } from "../backend/memory/run-image.ts";
import { digest } from "../core/digest.ts";
import { MillraceError } from "../core/errors.ts";
import { ImageBuilder, type Line, writeLines } from "./checkpoint-lines.ts";

/** The version of this form. */
export const CHECKPOINT_FORMAT = 1;

const NAME = "millrace-checkpoint";
const END = Buffer.from('["end",', "utf8");
const NEWLINE = 0x0a;

/** Writes checkpoints of one run: a whole one first, then what is new since the one before. */
export class CheckpointWriter {
  /** Rows that what was saved has in it. Rows whose place others took stay here until everything is saved anew. */
  readonly #written = new Set<object>();
  #digest = "";

  /** Everything, to be saved in place of whatever there was. */
  whole(image: RunImage): Uint8Array {
    const { id: run, definition } = image.state;
    const { workflow, version } = image.details;
    this.#written.clear();
    this.#digest = "";
    return this.#part([JSON.stringify([NAME, CHECKPOINT_FORMAT, { run, workflow, version, definition }])], image);
  }

  /** What has changed since the last part, to be added to what was saved. */
  addition(image: RunImage): Uint8Array {
    return this.#part([], image);
  }

  #part(lines: string[], image: RunImage): Uint8Array {
    const written = this.#written;
    const isNew = (row: object): boolean => {
      if (written.has(row)) return false;
      written.add(row);
      return true;
    };
    writeLines(image, isNew, (line) => lines.push(JSON.stringify(line)));
    const text = Buffer.from(lines.map((line) => `${line}\n`).join(""), "utf8");
    this.#digest = digestAfter(this.#digest, text);
    return Buffer.concat([text, Buffer.from(endLine(this.#digest), "utf8")]);
  }
}

/**
 * The run that was saved. `what` names it in messages. Throws `BACKEND_TOO_NEW` for the form of a later release, and
 * `BACKEND_CORRUPT` for what is no checkpoint or not whole.
 */
export function readCheckpoint(body: Uint8Array, what: string): RunImage {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  checkHeader(bytes, what);
  const [, ...lines] = partsOf(bytes, what).flatMap((part) => part.toString("utf8").split("\n").slice(0, -1));
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
  const header = parse(bytes.toString("utf8", 0, Math.max(0, bytes.indexOf(NEWLINE))));
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

/** The parts without their last lines, once those have said that everything is as it was written. */
function partsOf(bytes: Buffer, what: string): readonly Buffer[] {
  const parts: Buffer[] = [];
  let before = "";
  let start = 0;
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, at);
    if (newline < 0) break;
    if (bytes.subarray(at, at + END.length).equals(END)) {
      const part = bytes.subarray(start, at);
      before = digestAfter(before, part);
      if (bytes.toString("utf8", at, newline + 1) !== endLine(before)) break;
      parts.push(part);
      start = newline + 1;
    }
    at = newline + 1;
  }
  if (start !== bytes.length) throw corrupt(what, "it is not whole");
  return parts;
}

function digestAfter(before: string, part: Uint8Array): string {
  return digest(`${before}${digest(part)}`);
}

function endLine(digestOfAll: string): string {
  return `${JSON.stringify(["end", digestOfAll])}\n`;
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
