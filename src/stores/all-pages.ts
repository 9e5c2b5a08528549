/**
 * Reading a list to its end, page by page, so that nothing asks a backend for everything at once. Lists may grow while
 * they are read; whoever needs a consistent end reads the run's state first and ignores what came after it.
 */

import type { Page, PageRequest } from "../backend/contract/run.ts";
import { LIMITS } from "../core/limits.ts";

/** The entries of all pages, in their order, one page in memory at a time. */
export async function* allPages<T>(read: (page: PageRequest) => Promise<Page<T>>): AsyncGenerator<T, void, void> {
  let cursor: string | undefined;
  do {
    const page = await read({ limit: LIMITS.pageRows, cursor });
    yield* page.entries;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
