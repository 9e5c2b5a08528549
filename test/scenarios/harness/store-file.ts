/**
 * The store's file looked at from outside the engine, by SQLite itself: whether it is whole, and how large it
 * is.
 */

import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** What SQLite's own check says: `ok`, or what is broken. */
export function isIntact(path: string): string {
  return existsSync(path) ? String(pragma(path, "integrity_check")) : "ok";
}

/** Pages of the file, as far as everything that was written is in it. */
export function pagesOf(path: string): number {
  return Number(pragma(path, "page_count"));
}

function pragma(path: string, name: string): unknown {
  const database = new DatabaseSync(path);
  try {
    return database.prepare(`PRAGMA ${name}`).get()?.[name];
  } finally {
    database.close();
  }
}
