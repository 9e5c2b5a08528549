/**
 * Where runs come from or go to besides the command's own store: another store by its URL, a file, or the standard input
 * and output as `-`. What looks like the URL of a store is one, so that no secret of a URL becomes the name of a file.
 */

import { resolve } from "node:path";
import { usage } from "../input/option-values.ts";
import { storeFile } from "../store.ts";
import type { Surroundings } from "../surroundings.ts";

export type Place =
  | { readonly kind: "store"; readonly url: string; readonly target: string; readonly exists: boolean }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stream" };

/** The place that was typed for the option. */
export function readPlace(typed: string, option: string, around: Surroundings): Place {
  if (typed === "") throw usage(`${option} is empty`);
  if (typed === "-") return { kind: "stream" };
  // A letter and a colon is a drive of Windows.
  if (!/^[A-Za-z][A-Za-z0-9+.-]+:/.test(typed)) return { kind: "file", path: resolve(around.directory, typed) };
  if (/^memory:/i.test(typed)) throw usage(`${option} cannot be memory, which is gone when the command ends`);
  const file = storeFile(typed, around.directory);
  const target = file === undefined ? typed : `sqlite:${file.path}`;
  return { kind: "store", url: typed, target, exists: file?.exists ?? true };
}
