import { expect, test } from "vitest";
import { type PostgresScene, postgresScene } from "../../../test/support/postgres-scene.ts";
import { bytes, newItem, next, output } from "../../testing/conformance/parts.ts";
import { definitionOf } from "../../testing/conformance/stage.ts";
import type { Claim, ClaimedItem, CommitAndClaimAnswer } from "../contract/claim.ts";
import type { Commit, CommitOutcomeRequest } from "../contract/commit.ts";
import type { BackendOperations } from "../contract/operations.ts";
import type { StartRun } from "../contract/run.ts";

const ORDERS = definitionOf("orders");

/** Connections of an application that wait for a lock. */
const WAITING = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1";

function startOf(id: string, overrides: Partial<StartRun> = {}): StartRun {
  return {
    id,
    workflow: ORDERS.name,
    version: ORDERS.version,
    definition: ORDERS.hash,
    input: bytes("{}"),
    inputDigest: "d",
    onConflict: "return",
    first: newItem("first"),
    completion: "all",
    maxItems: 1_000,
    priority: 0,
    tags: {},
    ...overrides,
  };
}

function claimOf(limit: number): Claim {
  const selection = { queues: ["default"], definitions: [ORDERS.hash], labels: [] };
  return { ...selection, limit, stalledLimit: 1, maxStalls: 3, graceMs: 0 };
}

function commitOf(claimed: ClaimedItem, outcome: CommitOutcomeRequest): Commit {
  const { item, run } = claimed;
  return {
    runId: run.id,
    item: item.item,
    epoch: item.epoch,
    generation: run.generation,
    base: run.sequence,
    reads: [],
    writes: [],
    after: [],
    delta: undefined,
    outcome,
    conflicts: 0,
    metrics: [],
    logs: [],
    digest: `${item.item}.${item.epoch}`,
  };
}

/** A session and its numbered requests. */
async function worker(backend: BackendOperations, id: string) {
  let request = 0;
  const opened = { id, workerId: id, leaseMs: 30_000, queues: ["default"], labels: [], host: "h", pid: 1 };
  await backend.openSession({ ...opened, definitions: [ORDERS.hash] });
  return {
    send(commits: readonly Commit[], limit?: number, through = backend): Promise<CommitAndClaimAnswer> {
      request += 1;
      const claim = limit === undefined ? undefined : claimOf(limit);
      return through.commitAndClaim({ session: id, request, commits, claim });
    },
  };
}

async function opened(scene: PostgresScene, options = {}): Promise<BackendOperations> {
  const backend = await scene.open(options);
  await backend.publish([ORDERS], { replace: false });
  return backend;
}

test("a step waits for the run that another holds, and then goes by what that one wrote", async () => {
  const scene = postgresScene();
  const backend = await opened(scene, { applicationName: scene.schema });
  await backend.startRuns([startOf("run")]);
  const { send } = await worker(backend, "w");
  const [claimed] = (await send([], 1)).items;
  if (claimed === undefined) throw new Error("nothing was claimed");
  const holder = await scene.client();
  await holder.query(`BEGIN; SELECT 1 FROM "${scene.schema}".run WHERE name = 'run' FOR UPDATE`);
  const committed = send([commitOf(claimed, output("x"))]);
  // It is in the server's list of those that wait for a lock before the other one goes on.
  for (;;) {
    const waiting = await scene.sql(`SELECT 1 ${WAITING}`, [scene.schema]);
    if (waiting.length > 0) break;
  }
  await holder.query(`UPDATE "${scene.schema}".run SET generation = generation + 1 WHERE name = 'run'`);
  await holder.query("COMMIT");
  expect((await committed).answers).toMatchObject([{ kind: "refused", code: "RUN_CLOSED" }]);
});

test("a claim passes over what another step holds, and says that there may be more in a moment", async () => {
  const scene = postgresScene();
  const backend = await opened(scene);
  await backend.startRuns(["a", "b", "c"].map((id) => startOf(id)));
  const { send } = await worker(backend, "w");
  const holder = await scene.client();
  await holder.query(`BEGIN; SELECT 1 FROM "${scene.schema}".item
    JOIN "${scene.schema}".run ON run.id = item.run WHERE run.name <> 'b' FOR UPDATE OF item`);
  const first = await send([], 3);
  expect(first.items.map(({ run }) => run.id)).toEqual(["b"]);
  expect(first.nextDueAt).toBeLessThan(scene.clock.now() + 1_000);
  await holder.query("ROLLBACK");
  expect((await send([], 3)).items.map(({ run }) => run.id)).toEqual(["a", "c"]);
});

test("what was known from before does not count once somebody else has changed it", async () => {
  const scene = postgresScene();
  const [here, there] = [await opened(scene), await scene.open()];
  await here.startRuns([startOf("run")]);
  const mine = await worker(here, "mine");
  const [claimed] = (await mine.send([], 1)).items;
  if (claimed === undefined) throw new Error("nothing was claimed");
  await scene.clock.advance(31_000);
  const theirs = await worker(there, "theirs");
  expect((await theirs.send([], 1)).items).toHaveLength(1);
  const late = await mine.send([commitOf(claimed, next("more"))]);
  expect(late.answers).toMatchObject([{ kind: "refused", code: "STALE_LEASE" }]);
  expect((await there.read.runState("run"))?.items).toBe(1);
});

test("one request through two handles has one effect, and the next goes on from it", async () => {
  const scene = postgresScene();
  const [here, there] = [await opened(scene), await scene.open()];
  await here.startRuns([startOf("a"), startOf("b")]);
  const { send } = await worker(here, "w");
  const [first] = (await send([], 1)).items;
  const [second] = (await send([], 1, there)).items;
  if (first === undefined || second === undefined) throw new Error("nothing was claimed");
  const answer = await send([commitOf(first, output("1")), commitOf(second, output("2"))]);
  expect(answer.answers.map(({ kind }) => kind)).toEqual(["committed", "committed"]);
});

test("a connection that was cut is not used again, and the operation says that it may be repeated", async () => {
  const scene = postgresScene();
  const backend = await opened(scene, { poolSize: 1, applicationName: scene.schema, notifications: false });
  await backend.startRuns([startOf("run")]);
  const holder = await scene.client();
  await holder.query(`BEGIN; SELECT 1 FROM "${scene.schema}".run FOR UPDATE`);
  const cut = backend.control([{ action: { kind: "pause", runId: "run" } }]).catch((error: unknown) => error);
  for (;;) {
    const ended = await scene.sql(`SELECT pg_terminate_backend(pid) ${WAITING}`, [scene.schema]);
    if (ended.length > 0) break;
  }
  expect(await cut).toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  await holder.query("ROLLBACK");
  expect((await backend.read.runState("run"))?.status).toBe("running");
  expect(await backend.control([{ action: { kind: "pause", runId: "run" } }])).toMatchObject([{ kind: "done" }]);
});

test("a row that cannot be read is set apart, so that other runs go on", async () => {
  const scene = postgresScene();
  const backend = await opened(scene);
  await backend.startRuns(["a", "b", "c"].map((id) => startOf(id)));
  await scene.sql("UPDATE $.item SET kind = 99 WHERE run = (SELECT id FROM $.run WHERE name = 'a')");
  await scene.sql("UPDATE $.run SET status = 0, field_sequences = 'x', completion = 77 WHERE name = 'b'");
  const { send } = await worker(backend, "w");
  const claimed = [...(await send([], 3)).items, ...(await send([], 3)).items].map(({ run }) => run.id);
  expect(claimed).toContain("c");
  expect(claimed).not.toContain("a");
  await expect(backend.read.item("a", 0)).rejects.toMatchObject({ code: "BACKEND_CORRUPT" });
  await expect(backend.read.runState("b")).rejects.toMatchObject({ code: "BACKEND_CORRUPT" });
});
