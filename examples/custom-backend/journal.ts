/**
 * A backend of one process: its rows are in memory, its truth is a journal on disk, in which every change of a row is a
 * line of JSON. It needs no package and no server, and holds what fits into memory. This file opens it; what it adds to
 * the parts of `millrace/backend` is in the files beside it. Invariant: of the processes that open a journal, the last one has it.
 */

import { join, resolve } from "node:path";
import { type Backend, type Clock, MillraceError } from "millrace";
import {
  type AttachedSessions,
  backendOverRows,
  checkName,
  createAttachedSessions,
  createWakeupHub,
  type WakeupHub,
} from "millrace/backend";
import { prepareFolder } from "./journal-file.ts";
import { JournaledRows } from "./journaled-rows.ts";

const COMPACT_BYTES = 1_048_576;

export interface JournalOptions {
  /** Made if it is absent. Each namespace has a folder of its own in it. */
  readonly folder: string;
  readonly namespace?: string | undefined;
  /** `power` (default): what was acknowledged survives power loss. `process`: it survives the crash of the program. */
  readonly durability?: "power" | "process" | undefined;
  readonly clock?: Clock | undefined;
  /** Length from which the journal is begun anew once it has doubled; 1 MiB if absent. */
  readonly compactBytes?: number | undefined;
}

/** What the handles of this process on one journal share. */
interface World {
  readonly rows: JournaledRows;
  readonly sync: boolean;
  readonly wakeups: WakeupHub;
  readonly attached: AttachedSessions;
}

/** By folder. A world lasts as long as it has handles. */
const worlds = new Map<string, { readonly world: Promise<World>; handles: number }>();

/**
 * Opens a journal, or begins one. Throws `BACKEND_CORRUPT`, `BACKEND_TOO_NEW`, `DURABILITY_TOO_WEAK` if a handle of this
 * process has opened it with less, or `BACKEND_UNAVAILABLE` when its folder cannot be used.
 */
export async function openJournal(options: JournalOptions): Promise<Backend> {
  const { durability = "power", compactBytes = COMPACT_BYTES } = options;
  const namespace = checkName(options.namespace ?? "default", "the namespace");
  const sync = durability === "power";
  const folder = await prepareFolder(join(resolve(options.folder), namespace), sync);
  const entry = worlds.get(folder) ?? { world: openWorld({ folder, namespace, sync, compactBytes }), handles: 0 };
  worlds.set(folder, entry);
  entry.handles += 1;
  const leave = async (): Promise<void> => {
    entry.handles -= 1;
    if (entry.handles > 0) return;
    worlds.delete(folder);
    await (await entry.world).rows.close();
  };
  try {
    const { rows, wakeups, attached, ...world } = await entry.world;
    if (sync && !world.sync) throw new MillraceError("DURABILITY_TOO_WEAK", `${folder} is open without syncs`);
    return backendOverRows({
      kind: "journal",
      location: folder,
      namespace,
      capabilities: {
        durability: world.sync ? "power" : "process",
        shared: false,
        pushWakeups: true,
        renewal: "inProcess",
      },
      store: rows.store,
      executor: { write: (work) => rows.write(work), read: (work) => rows.read(work), close: leave },
      clock: options.clock,
      wakeups,
      attached,
    });
  } catch (error) {
    await leave().catch(() => undefined);
    throw error;
  }
}

async function openWorld(settings: Parameters<typeof JournaledRows.open>[0]): Promise<World> {
  const rows = await JournaledRows.open(settings);
  return { rows, sync: settings.sync, wakeups: createWakeupHub(), attached: createAttachedSessions() };
}
