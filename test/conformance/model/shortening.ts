/**
 * Shortens a history that fails: leaves out as many commands as it can, in ever smaller runs, while what is left still
 * fails. fast-check shrinks values well but keeps the commands between those that matter, so this does it instead.
 */

/** A list that fails and from which no single element can be left out. `fails` must hold of `elements`. */
export async function shortest<T>(
  elements: readonly T[],
  fails: (elements: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let left = elements;
  for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < left.length; ) {
      const without = [...left.slice(0, at), ...left.slice(at + size)];
      if (await fails(without)) left = without;
      else at += size;
    }
  }
  return left;
}
