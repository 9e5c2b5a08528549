/**
 * Gathering of what is wrong with a definition. A definition is read to its end whatever is wrong with it, so that its
 * author sees every problem at once; these functions turn a refusal into one more sentence and a harmless default. The
 * one place that turns sentences into an error is `workflow.ts`.
 */

/** Reads one part of a definition; if that throws, its message is noted and `otherwise` stands in for the part. */
export function readOr<T>(problems: string[], read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    return otherwise;
  }
}

/**
 * Notes each option that nobody reads, most likely a misspelt one. Instances of classes are left alone: their other
 * properties are their own business.
 */
export function noteUnknownOptions(problems: string[], given: object, known: readonly string[], what: string): void {
  const prototype: unknown = Object.getPrototypeOf(given);
  if (prototype !== Object.prototype && prototype !== null) return;
  for (const option of Object.keys(given)) {
    if (!known.includes(option)) problems.push(`${what} has no option ${quote(option)}${suggestion(option, known)}`);
  }
}

/** A name in quotes, safe to print whatever it holds, cut where it is absurdly long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 160 ? `${name.slice(0, 160)}…` : name);
}

/** ` (did you mean "timeout"?)`, or nothing where no candidate is near. */
export function suggestion(given: string, candidates: Iterable<string>): string {
  let best: string | undefined;
  let bestDistance = given.length > 4 ? 3 : 2;
  for (const candidate of candidates) {
    const distance = editDistance(given.slice(0, 160), candidate, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best === undefined ? "" : ` (did you mean ${quote(best)}?)`;
}

/** Levenshtein distance with swapped neighbours counted once; anything from `limit` on is answered as `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const cell = (line: readonly number[], at: number) => line[at] ?? limit;
      let least = Math.min(
        cell(previous, column) + 1,
        cell(current, column - 1) + 1,
        cell(previous, column - 1) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) least = Math.min(least, cell(before, column - 2) + 1);
      current.push(least);
    }
    [before, previous] = [previous, current];
  }
  return previous[b.length] ?? limit;
}
