/** Doing something with the entries of a stream, a few at a time; the first error ends all of it, once what is underway has ended. */

export async function inLanes<T>(
  source: AsyncIterable<T>,
  lanes: number,
  work: (entry: T) => Promise<void>,
): Promise<void> {
  const entries = source[Symbol.asyncIterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    try {
      while (!failed) {
        const next = await entries.next();
        if (next.done === true) return;
        await work(next.value);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  await entries.return?.();
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
