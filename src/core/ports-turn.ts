/**
 * Yielding: the one way to let everything else that is ready run first. It waits for no time, so it is the same on a
 * simulated clock as on a real one.
 */

/** Resolves in the next turn of the event loop, after all promises that are ready, and after input and output had a chance. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
