/** How this example's workers work: many slots, since an inspection mostly waits for the disk, and a short lease, so that an audit that was killed goes on soon. */
export const WORKER = { concurrency: 32, lease: "3s" } as const;
