/** Cases about wake-ups: hints that let a worker or a watcher look at once instead of at its next poll. */

import type { Wakeup } from "../../backend/contract/operations.ts";
import { cases } from "./conformance-case.ts";
import { check, equal } from "./expectation.ts";
import { fanOut, newItem, next, output, release, retry } from "./parts.ts";
import type { Stage } from "./stage.ts";

/** What was heard while `work` was done; hints that follow at once count. */
async function heardDuring(stage: Stage, work: () => Promise<unknown>): Promise<readonly Wakeup[]> {
  const heard: Wakeup[] = [];
  const stop = stage.backend.subscribe((wakeup) => heard.push(wakeup));
  await work();
  await stage.clock.advance(0);
  stop();
  return heard;
}

/** Fails unless something was heard that makes an idle worker look. */
async function wakesWorkers(stage: Stage, what: string, work: () => Promise<unknown>): Promise<void> {
  const heard = await heardDuring(stage, work);
  check(
    heard.some(({ kind }) => kind === "work" || kind === "any"),
    `${what} is a hint that there is work`,
  );
}

/** Fails unless something was heard that makes whoever watches the run look. */
async function wakesWatchers(stage: Stage, runId: string, what: string, work: () => Promise<unknown>): Promise<void> {
  const heard = await heardDuring(stage, work);
  check(
    heard.some((wakeup) => wakeup.kind === "any" || (wakeup.kind === "run" && wakeup.runId === runId)),
    `${what} is a hint about the run`,
  );
}

export const wakeupCases = cases("wake-ups", {
  "A start wakes workers": async (stage) => {
    await wakesWorkers(stage, "a start", () => stage.start());
  },

  "A delayed start wakes workers too, who have to know when to look": async (stage) => {
    await wakesWorkers(stage, "a delayed start", () => stage.start({ first: { delayMs: 60_000 } }));
  },

  "A commit with successors wakes workers": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await wakesWorkers(stage, "a commit with successors", () => worker.did(claimed, next("second")));
  },

  "A join that fires wakes workers": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await wakesWorkers(stage, "an empty fan-out", () => worker.did(claimed, fanOut("branch", [])));
  },

  "A retry and a release wake workers": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    const first = await worker.take();
    await wakesWorkers(stage, "a retry", () => worker.did(first, retry()));
    const second = await worker.take();
    await wakesWorkers(stage, "a release", () => worker.did(second, release()));
  },

  "A sign-off with items wakes workers": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    await worker.take();
    await wakesWorkers(stage, "a sign-off", () => worker.signOff());
  },

  "A resume and an item from outside wake workers": async (stage) => {
    const runId = await stage.start();
    await stage.does({ kind: "pause", runId });
    await (await stage.session()).takesNothing("the run is paused");
    await wakesWorkers(stage, "a resume", () => stage.does({ kind: "resume", runId }));
    await wakesWorkers(stage, "an item from outside", () =>
      stage.does({ kind: "enqueue", runId, item: newItem("extra") }),
    );
    await stage.does({ kind: "cancel", runId });
    await wakesWorkers(stage, "a resume of a cancelled run", () => stage.does({ kind: "resume", runId }));
  },

  "Whoever watches a run hears when it changes": async (stage) => {
    const runId = stage.newRunId();
    await wakesWatchers(stage, runId, "the start", () => stage.start({ id: runId }));
    await wakesWatchers(stage, runId, "a pause", () => stage.does({ kind: "pause", runId }));
    await wakesWatchers(stage, runId, "a resume", () => stage.does({ kind: "resume", runId }));
    const worker = await stage.session();
    const claimed = await worker.take();
    await wakesWatchers(stage, runId, "the commit that completes it", () => worker.did(claimed, output("done")));
    await wakesWatchers(stage, runId, "its deletion", () => stage.does({ kind: "delete", runId }));
  },

  "Whoever watches a run hears when its timeout is done": async (stage) => {
    const runId = await stage.start({ timeoutMs: 1_000 });
    const worker = await stage.session();
    await stage.clock.advance(1_000);
    await wakesWatchers(stage, runId, "the timeout", () => worker.claim());
  },

  "A hint comes after what it is about": async (stage) => {
    const seen: string[] = [];
    const checks: Promise<void>[] = [];
    const stop = stage.backend.subscribe(() => {
      checks.push(
        stage.backend.read.runs({}, {}).then(({ entries }) => void seen.push(...entries.map(({ id }) => id))),
      );
    });
    const id = await stage.start();
    await stage.clock.advance(0);
    await Promise.all(checks);
    stop();
    check(
      checks.length > 0 && seen.every((run) => run === id) && seen.length === checks.length,
      "the run is there when the hint comes",
    );
  },

  "A listener that throws disturbs nobody": async (stage) => {
    const heard: Wakeup[] = [];
    const stops = [
      stage.backend.subscribe(() => {
        throw new Error("not my day");
      }),
      stage.backend.subscribe((wakeup) => heard.push(wakeup)),
    ];
    const id = await stage.start();
    await stage.clock.advance(0);
    for (const stop of stops) stop();
    equal((await stage.state(id)).status, "running", "the status of the run");
    check(heard.length > 0, "the other listener heard it");
  },

  "A listener that unsubscribed hears nothing more": async (stage) => {
    let count = 0;
    const listener = () => {
      count += 1;
    };
    const stops = [stage.backend.subscribe(listener), stage.backend.subscribe(listener)];
    await stage.start();
    await stage.clock.advance(0);
    const both = count;
    check(both >= 2, "both subscriptions of one listener heard it");
    stops[0]?.();
    stops[0]?.();
    await stage.start();
    await stage.clock.advance(0);
    equal(count, both + both / 2, "calls once one of the subscriptions is gone");
    stops[1]?.();
    await stage.start();
    await stage.clock.advance(0);
    equal(count, both + both / 2, "calls once both are gone");
  },

  "Wake-ups of one namespace are not heard in another": async (stage) => {
    const other = await stage.world("other");
    const heard = await heardDuring(other, () => stage.start());
    check(
      heard.every(({ kind }) => kind === "any"),
      "nothing of the other namespace is named",
    );
  },
});
