/**
 * Work on many rows, one after another, where each may lack rows that have to be fetched: all are tried before the first
 * that threw ends the step, so that whoever fetches learns of everything that is missing at once. A step that is ended so leaves
 * nothing behind, and is run again.
 */

/** What `work` made of each, in their order. Throws what it threw first. */
export function inTurn<T, R>(rows: readonly T[], work: (row: T) => R): readonly R[] {
  const thrown: unknown[] = [];
  const results: R[] = [];
  for (const row of rows) {
    try {
      results.push(work(row));
    } catch (error) {
      thrown.push(error);
    }
  }
  if (thrown.length > 0) throw thrown[0];
  return results;
}
