/**
 * Notices changes of source files below a folder. What is no source, what is installed, and what is hidden is passed
 * over: a store that is written to must not start anything again.
 */

import { watch } from "node:fs";

const SOURCE = /\.(?:[cm]?[jt]sx?|json|ya?ml)$/;
const PASSED_OVER = /(?:^|[\\/])(?:node_modules|\.[^\\/]+)(?:[\\/]|$)/;

/** Calls back with the path, below the folder, of each source file that changed, until the returned function is called. */
export function watchSources(folder: string, changed: (path: string) => void): () => void {
  const watcher = watch(folder, { recursive: true }, (_, path) => {
    if (path !== null && SOURCE.test(path) && !PASSED_OVER.test(path)) changed(path);
  });
  // A folder that goes away while it is watched; there is nothing more to notice then.
  watcher.on("error", () => watcher.close());
  return () => watcher.close();
}
