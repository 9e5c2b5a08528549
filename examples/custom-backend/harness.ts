/**
 * What the conformance suite needs to know of a journal: how empty ones are made and opened, and the clock that they go by.
 * Each case gets a folder of its own, which is removed after it.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualClock } from "millrace";
import type { ConformanceFactory, NamespaceOption } from "millrace/testing";
import { openJournal } from "./journal.ts";

export const journals: ConformanceFactory = async () => {
  const clock = manualClock(Date.UTC(2026, 0, 1));
  const folder = await mkdtemp(join(tmpdir(), "journal-"));
  // Folders go away with their case, so they need not survive power loss. Short, so that journals are often begun anew.
  const open = async ({ namespace }: NamespaceOption = {}) => {
    const backend = await openJournal({ folder, namespace, clock, durability: "process", compactBytes: 4_096 });
    return backend.operations;
  };
  return { clock, open, reopen: open, dispose: () => rm(folder, { recursive: true, force: true }) };
};
