/**
 * A file that runs are written to. It has its name only once all of it is on the disk, so that a file under that name is
 * always whole, and nobody but its owner can read it: payloads may hold secrets. Invariant: an older file of that name is
 * replaced only by a whole one.
 */

import { constants } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { MillraceError } from "../../index.ts";
import { usage } from "../input/option-values.ts";

/** Lines are gathered to writes of about this size. */
const WRITE_CHARACTERS = 262_144;

/** Writes the lines to the file. Resolves once they survive power loss. Throws `USAGE` if there is a file already. */
export async function writeLines(path: string, lines: AsyncIterable<string>, overwrite: boolean): Promise<void> {
  if (!overwrite && (await exists(path))) throw usage(`${path} exists already`, "Add --overwrite to replace it.");
  const partial = `${path}.partial`;
  const file = await opened(partial);
  try {
    let text = "";
    for await (const line of lines) {
      text += `${line}\n`;
      if (text.length < WRITE_CHARACTERS) continue;
      await write(file, text, path);
      text = "";
    }
    await write(file, text, path);
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(partial, { force: true });
    throw error;
  }
  await file.close();
  await rename(partial, path);
  await syncFolder(dirname(path));
}

async function opened(path: string): Promise<FileHandle> {
  try {
    const { O_CREAT, O_TRUNC, O_WRONLY, O_NOFOLLOW = 0 } = constants;
    return await open(path, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function write(file: FileHandle, text: string, path: string): Promise<void> {
  try {
    await file.writeFile(text, "utf8");
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Makes the new name last. Not every file system knows how. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  try {
    await folder?.sync();
  } catch {
    // Then the name lasts when the file system says so.
  } finally {
    await folder?.close();
  }
}

function unwritable(path: string, cause: unknown): MillraceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MillraceError("INVALID_VALUE", `${path} cannot be written: ${reason}`, {
    cause,
    hints: ["Check that its folder exists, can be written to by this user, and has room."],
  });
}
