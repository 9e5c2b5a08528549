/**
 * Sessions whose worker lives in the same process as the rows. While one is attached it is alive by definition, whatever
 * the clock says: a main loop that stands still keeps its worker from renewing, but also everybody else from claiming.
 */

export interface AttachedSessions {
  /** The session counts as alive until the returned function is called. */
  attach(session: string): () => void;
  has(session: string): boolean;
}

export function createAttachedSessions(): AttachedSessions {
  const counts = new Map<string, number>();
  return {
    attach(session) {
      counts.set(session, (counts.get(session) ?? 0) + 1);
      let attached = true;
      return () => {
        if (!attached) return;
        attached = false;
        const left = (counts.get(session) ?? 1) - 1;
        if (left > 0) counts.set(session, left);
        else counts.delete(session);
      };
    },
    has: (session) => counts.has(session),
  };
}
