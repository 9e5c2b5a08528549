/**
 * Rows in memory whose every change is in a journal. Work runs on the rows at once, and many changes share one write to the
 * disk; what they saw, and what reads saw, is answered after it. Invariant: rows that are read from the journal again
 * are those that were answered from.
 */

import { MillraceError } from "millrace";
import { type Executor, memoryRows, type RowStore } from "millrace/backend";
import { explained, JournalFile, type JournalText } from "./journal-file.ts";
import { type Effect, effectOf, LiveLines, perform, readChange, recorded, writeChange } from "./row-changes.ts";

/** Version of the form of a journal. */
const FORMAT = 1;

export interface JournalSettings {
  readonly folder: string;
  readonly namespace: string;
  /** Whether the disk has to confirm what is written. */
  readonly sync: boolean;
  /** The journal is begun anew when it is this long, and twice as long as it was when it was begun. */
  readonly compactBytes: number;
}

export class JournaledRows implements Executor {
  readonly store: RowStore;
  readonly #settings: JournalSettings;
  readonly #rows = memoryRows();
  readonly #live = new LiveLines();
  #file: JournalFile;
  #compactAt = 0;
  /** Changes of the rows that are not known to be in the journal, in their order. */
  readonly #unsaved: { readonly effect: Effect; readonly line: Buffer }[] = [];
  #saving: Promise<void> = Promise.resolve();
  /** The save that begins when the one underway is over. */
  #next: Promise<void> | undefined;

  private constructor(file: JournalFile, settings: JournalSettings) {
    this.#file = file;
    this.#settings = settings;
    this.store = recorded(this.#rows.store, (change) => {
      this.#unsaved.push({ effect: effectOf(change, this.#rows.store), line: Buffer.from(writeChange(change)) });
    });
  }

  /** Takes the journal of the folder over, or begins one. */
  static async open(settings: JournalSettings): Promise<JournaledRows> {
    try {
      const file = await JournalFile.begin(settings.folder, settings.sync);
      try {
        const rows = new JournaledRows(file, settings);
        const before = await file.before();
        if (before !== undefined) await rows.#replay(before);
        await rows.#moveTo(file, before?.bytes ?? Buffer.alloc(0));
        return rows;
      } catch (error) {
        await file.discard();
        throw error;
      }
    } catch (error) {
      throw explained(error, settings.folder);
    }
  }

  write<T>(work: () => T): Promise<T> {
    return this.#answered(() =>
      this.#rows.executor.write(() => {
        const before = this.#unsaved.length;
        try {
          return work();
        } catch (error) {
          // The rows go back to what they were by themselves.
          this.#unsaved.length = before;
          throw error;
        }
      }),
    );
  }

  read<T>(work: () => T): Promise<T> {
    return this.#answered(() => this.#rows.executor.read(work));
  }

  async close(): Promise<void> {
    await this.#saving.catch(() => undefined);
    await this.#file.close();
  }

  /** The answer, or the error, once all that it can have seen is in the journal. */
  async #answered<T>(run: () => Promise<T>): Promise<T> {
    try {
      this.#file.check();
      const answer = run();
      try {
        return await answer;
      } finally {
        await this.#saved();
      }
    } catch (error) {
      throw explained(error, this.#settings.folder);
    }
  }

  /** Resolves when every change until now is in the journal. Changes that come while one write is underway share the next. */
  #saved(): Promise<void> {
    if (this.#unsaved.length === 0) return this.#saving;
    if (this.#next === undefined) {
      this.#next = this.#saving.catch(() => undefined).then(() => this.#save());
      this.#saving = this.#next;
    }
    return this.#next;
  }

  /** A group that could not be written stays, and is written with the next. */
  async #save(): Promise<void> {
    this.#next = undefined;
    const group = [...this.#unsaved];
    if (group.length === 0) return;
    const places = await this.#file.append(group.map(({ line }) => line));
    this.#unsaved.splice(0, group.length);
    for (const [index, place] of places.entries()) {
      const written = group[index];
      if (written !== undefined) this.#live.note(written.effect, place);
    }
    if (this.#file.size >= this.#compactAt) await this.#compact();
  }

  /** Begins the journal anew with the lines that still count. If that fails, it goes on as it is. */
  async #compact(): Promise<void> {
    const old = this.#file;
    this.#compactAt = 2 * old.size;
    const next = await old.successor().catch(() => undefined);
    if (next === undefined) return;
    try {
      await this.#moveTo(next, await old.text());
    } catch {
      await next.discard().catch(() => undefined);
      return;
    }
    await old.close();
  }

  /** Writes what counts of the bytes to the file, as its first group, and goes on in it. */
  async #moveTo(file: JournalFile, bytes: Buffer): Promise<void> {
    const { namespace, compactBytes } = this.#settings;
    const places = this.#live.places();
    const header = Buffer.from(JSON.stringify({ journal: FORMAT, namespace }));
    const [, ...moved] = await file.append([
      header,
      ...places.map(({ at, length }) => bytes.subarray(at, at + length)),
    ]);
    for (const [index, place] of places.entries()) place.at = moved[index]?.at ?? place.at;
    this.#file = file;
    this.#compactAt = Math.max(compactBytes, 2 * file.size);
    // What cannot be removed now is removed by the next one.
    await file.removeOlder().catch(() => undefined);
  }

  async #replay({ bytes, lines: [header, ...lines] }: JournalText): Promise<void> {
    this.#checkHeader(header === undefined ? "" : bytes.toString("utf8", header.at, header.at + header.length));
    const { store, executor } = this.#rows;
    for (const place of lines) {
      const change = readChange(bytes.toString("utf8", place.at, place.at + place.length));
      if (change === undefined) throw this.#tooNew();
      await executor.write(() => perform(store, change));
      this.#live.note(effectOf(change, store), place);
    }
  }

  #checkHeader(text: string): void {
    const { folder, namespace } = this.#settings;
    const header: { readonly journal?: unknown; readonly namespace?: unknown } = JSON.parse(text);
    if (header.journal !== FORMAT) throw this.#tooNew();
    // Where the names of files have no case, two namespaces could mean one folder.
    if (header.namespace !== namespace) {
      throw new MillraceError("INVALID_CONFIG", `${folder} holds the namespace ${String(header.namespace)}`);
    }
  }

  #tooNew(): MillraceError {
    return new MillraceError("BACKEND_TOO_NEW", `${this.#settings.folder} was written by a newer version`);
  }
}
