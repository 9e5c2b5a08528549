import { describe, expect, test } from "vitest";
import { abort, context, field, hold, join, next, nextAll, node, unchecked, workflow } from "../../../src/index.ts";
import { gate } from "../../support/gate.ts";
import { moody } from "./moody.ts";
import { codeOf, drain, PLACES } from "./place.ts";

describe.each(PLACES)("on $name", ({ open }) => {
  test("tells of every status what it waits for, since when, and who can release it", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const { id } = await orchestrator.startRun(moody, ["fail"]);
    const explained = async () => {
      const { status, sentence, releasedBy, items } = await orchestrator.explain(id);
      return { status, sentence, releasedBy, items: items.map((item) => item.sentence) };
    };
    expect(await explained()).toMatchObject({
      status: "running",
      sentence: expect.stringContaining("no live worker for moody@1.0: there is no live worker at all"),
    });
    const worker = place.worker(moody, { workerId: "ann" });
    await worker.runOnce();
    expect(await explained()).toMatchObject({
      sentence: expect.stringContaining("2023-11-14T22:13:21.000Z (in 1s)"),
      releasedBy: "time, and then a worker",
    });
    await place.clock.advance(1_000);
    expect(await explained()).toMatchObject({ sentence: expect.stringContaining("waits for the next claim of ann") });
    await orchestrator.pause(id, { actor: "ben" });
    expect(await explained()).toMatchObject({
      status: "paused",
      sentence: expect.stringContaining("by ben"),
      releasedBy: "resume of the run",
      items: [expect.stringContaining("its run is paused since")],
    });
    await orchestrator.cancel(id, { actor: "cem", reason: "too slow" });
    expect(await explained()).toMatchObject({
      status: "cancelled",
      sentence: expect.stringMatching(/by cem \(too slow\).*resume it/),
      releasedBy: "resume of the run",
    });
    await orchestrator.resume(id);
    await drain(worker);
    expect(await explained()).toMatchObject({ status: "completed", releasedBy: undefined });
    expect((await orchestrator.explainItem(`${id}.0`)).sentence).toContain("completed at");
    expect(await codeOf(orchestrator.explainItem(`${id}.7`))).toBe("ITEM_NOT_FOUND");
  });

  test("tells of items in flight, held, failed for good and gone to a failure edge", async () => {
    const place = await open();
    const door = gate();
    const Votes = context({ votes: field.counter() });
    const flow = workflow({
      name: "kinds",
      version: "1",
      context: Votes,
      nodes: {
        feed: node({ input: unchecked<null>(), run: () => nextAll(["hold", "caught", "flight", "broken"]) }),
        act: node({
          context: Votes,
          input: unchecked<string>(),
          serializable: true,
          async run({ input }) {
            if (input === "hold") return hold();
            if (input === "caught") return abort("caught");
            if (input === "flight") {
              door.begin();
              await door.opened;
            }
            return next(input);
          },
        }),
        mend: node({ input: unchecked<string>(), run: ({ input }) => next(input) }),
        gather: join({
          of: "feed",
          input: unchecked<string>(),
          run({ inputs }) {
            if (inputs.length > 0) throw new Error(`broken by ${inputs.join()}`);
            return next(0);
          },
        }),
      },
      start: "feed",
      edges: { feed: "act", act: { to: "gather", onFailure: "mend" }, mend: "gather", gather: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow, { workerId: "ann" });
    const { id } = await orchestrator.startRun(flow, null);
    for (let item = 0; item < 3; item += 1) await worker.runOnce();
    const flying = worker.runOnce();
    await door.begun;
    const sentence = async (item: number) => (await orchestrator.explainItem(`${id}.${item}`)).sentence;
    expect(await sentence(1)).toMatch(/holds since .*a later item decides/);
    expect(await sentence(2)).toMatch(/failed at .* with ABORTED.*its failure edge took over/);
    expect(await sentence(3)).toMatch(/is in attempt 1.* by worker ann on .*its lease holds until .*times out at/);
    expect((await orchestrator.explain(id)).sentence).toMatch(/3 items are open, 1 in progress and 2 pending/);
    await orchestrator.pause(id);
    expect(await sentence(3)).toContain("this attempt may still commit");
    expect((await orchestrator.explain(id)).sentence).toContain("1 attempt in flight may still commit");
    await orchestrator.resume(id);
    door.open();
    await flying;
    await drain(worker);
    expect(await orchestrator.status(id)).toBe("failed");
    expect(await sentence(6)).toMatch(
      /failed for good at .*broken by .*runs again when it is retried or its run is resumed/,
    );
    expect((await orchestrator.explain(id)).sentence).toMatch(
      /failed at .* with ERROR at node "gather" \(attempt 1\): broken by/,
    );
  });
});
