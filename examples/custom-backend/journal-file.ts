/**
 * A journal on disk: a file that is only ever added to, in groups of lines, each group whole or not there. What is not
 * needed any more goes when the next generation of the file is begun. Whoever has made the newest generation owns the
 * journal. Invariant: a group counts as written only once it is on disk and its file was still the newest after that.
 */

import { type FileHandle, mkdir, open, readdir, readFile, realpath, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { isMillraceError, MillraceError } from "millrace";
import type { Place } from "./row-changes.ts";

const NEWLINE = 10;
/** The last line of a group: the checksum of everything before it in the file. */
const GROUP_END = /^\{"crc":(\d+)\}$/;
const LONGEST_END = 32;

/** The lines of a file, without those of a group that was never finished. */
export interface JournalText {
  readonly bytes: Buffer;
  readonly lines: readonly Place[];
}

export class JournalFile {
  readonly #folder: string;
  readonly #generation: number;
  readonly #handle: FileHandle;
  /** Whether a group is written through to the disk, or left to the operating system. */
  readonly #sync: boolean;
  #size = 0;
  #crc = 0;
  /** Why nothing can be written any more. */
  #broken: unknown;

  private constructor(folder: string, generation: number, handle: FileHandle, sync: boolean) {
    this.#folder = folder;
    this.#generation = generation;
    this.#handle = handle;
    this.#sync = sync;
  }

  /** Makes the newest generation, which is empty. From here on nobody else's groups count. */
  static async begin(folder: string, sync: boolean): Promise<JournalFile> {
    for (;;) {
      const file = await JournalFile.#make(folder, ((await generations(folder)).at(-1) ?? 0) + 1, sync);
      if (file !== undefined) return file;
    }
  }

  /** Makes the generation after this one, by its owner. Throws `CLOSED` when somebody else has taken the journal over. */
  async successor(): Promise<JournalFile> {
    const file = await JournalFile.#make(this.#folder, this.#generation + 1, this.#sync);
    if (file === undefined) throw this.#lost();
    return file;
  }

  /** Nothing, if the number is taken, or was used up since somebody looked into the folder. */
  static async #make(folder: string, generation: number, sync: boolean): Promise<JournalFile | undefined> {
    const handle = await open(pathOf(folder, generation), "wx", 0o600).catch(unlessTaken);
    if (handle === undefined) return undefined;
    const file = new JournalFile(folder, generation, handle, sync);
    if (await file.#isNewest()) return file;
    await file.discard();
    return undefined;
  }

  get size(): number {
    return this.#size;
  }

  /** Throws why nothing can be written any more, if so. */
  check(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** What the newest older generation holds that was finished; `undefined` if the journal is new. Throws `BACKEND_CORRUPT`. */
  async before(): Promise<JournalText | undefined> {
    const older = (await generations(this.#folder)).filter((generation) => generation < this.#generation);
    for (const generation of older.toReversed()) {
      const text = journalText(await readFile(pathOf(this.#folder, generation)), pathOf(this.#folder, generation));
      if (text.lines.length > 0) return text;
    }
    // The first one may have been interrupted before there was anything. Others begin with what they took over.
    if (older.length === 0 || older[0] === 1) return undefined;
    throw new MillraceError("BACKEND_CORRUPT", `${this.#folder} has no journal that was finished`);
  }

  /** The lines that were written to this one. */
  async text(): Promise<Buffer> {
    return (await readFile(pathOf(this.#folder, this.#generation))).subarray(0, this.#size);
  }

  /**
   * Writes a group, and gives the places of its lines. After any other error than `CLOSED` it may or may not be there, and
   * can be written again, with more after it. Throws `CLOSED` for good when somebody else has taken the journal over.
   */
  async append(lines: readonly Uint8Array[]): Promise<readonly Place[]> {
    this.check();
    const body = Buffer.concat(lines.flatMap((line) => [line, Buffer.of(NEWLINE)]));
    const crc = crc32(body, this.#crc);
    const group = Buffer.concat([body, Buffer.from(`{"crc":${crc}}\n`)]);
    await this.#write(group);
    if (!(await this.#isNewest())) throw this.#lost();
    const places = placesOf(lines, this.#size);
    this.#size += group.length;
    this.#crc = crc;
    return places;
  }

  /** Removes the generations that this one has taken the place of. */
  async removeOlder(): Promise<void> {
    for (const generation of await generations(this.#folder)) {
      if (generation < this.#generation) await rm(pathOf(this.#folder, generation), { force: true });
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Gives up a generation that was not finished. */
  async discard(): Promise<void> {
    await this.close();
    await rm(pathOf(this.#folder, this.#generation), { force: true });
  }

  /** Always at the same place until it counts, so that what a failed try left behind is written over. */
  async #write(group: Uint8Array): Promise<void> {
    for (let done = 0; done < group.length; ) {
      const { bytesWritten } = await this.#handle.write(group, done, group.length - done, this.#size + done);
      done += bytesWritten;
    }
    if (!this.#sync) return;
    try {
      await this.#handle.datasync();
      if (this.#size === 0) await syncFolder(this.#folder);
    } catch (error) {
      // What the disk has refused to confirm may be lost though a later sync succeeds: only a new file can be trusted.
      this.#broken = error;
      throw error;
    }
  }

  #lost(): MillraceError {
    const lost = new MillraceError("CLOSED", `the journal in ${this.#folder} was taken over by another process`);
    this.#broken = lost;
    return lost;
  }

  async #isNewest(): Promise<boolean> {
    return (await generations(this.#folder)).at(-1) === this.#generation;
  }
}

/** Makes the folder of a journal if it is absent, and gives its one name. Throws `BACKEND_UNAVAILABLE`. */
export async function prepareFolder(path: string, sync: boolean): Promise<string> {
  try {
    const made = await mkdir(path, { recursive: true, mode: 0o700 });
    if (sync && made !== undefined) {
      for (let at = path; at.length >= made.length; at = dirname(at)) await syncFolder(dirname(at));
    }
    return await realpath(path);
  } catch (error) {
    throw explained(error, path);
  }
}

/** What the system says of files becomes an error that workers know: they wait, and try again. */
export function explained(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || isMillraceError(error) || !("syscall" in error)) return error;
  return new MillraceError("BACKEND_UNAVAILABLE", `the journal in ${folder} cannot be used: ${error.message}`, {
    cause: error,
    hints: ["Check that there is space, and that the folder can be written by this user."],
  });
}

/** Numbers of the generations that are there, ascending. */
async function generations(folder: string): Promise<readonly number[]> {
  const numbers = (await readdir(folder)).map((name) => /^(\d+)\.jsonl$/.exec(name)?.[1]);
  return numbers.flatMap((digits) => (digits === undefined ? [] : [Number(digits)])).sort((a, b) => a - b);
}

function pathOf(folder: string, generation: number): string {
  return join(folder, `${generation}.jsonl`);
}

/** Reads the groups. The last one may be torn; a torn one with another after it was damaged later. */
function journalText(bytes: Buffer, path: string): JournalText {
  const lines: Place[] = [];
  let [group, groupAt, crc]: [Place[], number, number] = [[], 0, 0];
  let torn = false;
  for (let at = 0, end = bytes.indexOf(NEWLINE); end >= 0; at = end + 1, end = bytes.indexOf(NEWLINE, at)) {
    const given = end - at > LONGEST_END ? null : GROUP_END.exec(bytes.toString("latin1", at, end));
    if (given === null) {
      group.push({ at, length: end - at });
      continue;
    }
    if (torn) throw new MillraceError("BACKEND_CORRUPT", `${path} is damaged before byte ${groupAt}`);
    crc = crc32(bytes.subarray(groupAt, at), crc);
    torn = crc !== Number(given[1]);
    if (!torn) lines.push(...group);
    [group, groupAt] = [[], end + 1];
  }
  return { bytes, lines };
}

function placesOf(lines: readonly Uint8Array[], from: number): readonly Place[] {
  let at = from;
  return lines.map(({ length }) => {
    const place = { at, length };
    at += length + 1;
    return place;
  });
}

/** So that the name of a new file is as durable as what is in it. Windows has no such call, and does it by itself. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessTaken(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "EEXIST") return undefined;
  throw error;
}
