/**
 * Branch order as a string: a path of emission indexes from the run's first item, comparable character by character.
 * Arrivals of a join and outputs of an `all` run are sorted by it. An emission of one item adds nothing, so a long chain
 * costs nothing; beyond the bound (a loop that fans out each time) order falls back to commit order.
 */

const WIDTH = 4;
const MAX_COMPONENTS = 64;

/** The path of the item at `index` of an emission of `width` items made by an item at `path`. */
export function appendPath(path: string, index: number, width: number): string {
  if (width <= 1 || path.length >= WIDTH * MAX_COMPONENTS) return path;
  return path + index.toString(36).padStart(WIDTH, "0");
}
