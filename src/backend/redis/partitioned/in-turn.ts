/** Works on many things at once, but on those of one name one after the other, in their order. */

export async function inTurn<T>(
  entries: readonly T[],
  nameOf: (entry: T) => string,
  atOnce: number,
  work: (entry: T) => Promise<void>,
): Promise<void> {
  const queues = [...Map.groupBy(entries, nameOf).values()];
  let next = 0;
  async function go(): Promise<void> {
    for (let queue = queues[next]; queue !== undefined; queue = queues[next]) {
      next += 1;
      for (const entry of queue) await work(entry);
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, queues.length) }, go));
}
