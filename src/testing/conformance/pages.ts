/** Cases about lists: their order, their filters, pages that join up while others write, and cursors that were tampered with. */

import type { Page, PageRequest, RunFilter } from "../../backend/contract/run.ts";
import type { ItemFilter } from "../../backend/contract/work-item.ts";
import { cases } from "./conformance-case.ts";
import { check, equal, present, throws } from "./expectation.ts";
import { bytes, fail, next, output, retry } from "./parts.ts";
import { allPages, definitionOf, type Stage } from "./stage.ts";

async function idsOf(stage: Stage, filter: RunFilter, limit = 100): Promise<readonly string[]> {
  return (await allPages((page) => stage.backend.read.runs(filter, page), limit)).map(({ id }) => id);
}

async function placesOf(stage: Stage, filter: ItemFilter, limit = 100): Promise<readonly string[]> {
  return (await allPages((page) => stage.backend.read.items(filter, page), limit)).map(
    ({ runId, item }) => `${runId}.${item}`,
  );
}

/** Runs at increasing instants, oldest first. */
async function startMany(stage: Stage, count: number, stepMs = 1): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    ids.push(await stage.start());
    await stage.clock.advance(stepMs);
  }
  return ids;
}

const runListCases = cases("lists of runs", {
  "Runs are listed newest first": async (stage) => {
    const ids = await startMany(stage, 7);
    equal(await idsOf(stage, {}), ids.toReversed(), "the list");
  },

  "Runs of one instant are listed by id, descending": async (stage) => {
    const ids = await startMany(stage, 7, 0);
    equal(await idsOf(stage, {}), [...ids].sort().reverse(), "the list");
  },

  "Pages of runs join up, whatever their length": async (stage) => {
    const ids = [...(await startMany(stage, 6, 0)), ...(await startMany(stage, 5))];
    const expected = await idsOf(stage, {}, 100);
    equal([...expected].sort(), [...ids].sort(), "the list in one page");
    for (const limit of [1, 2, 3, 4, 10, 11])
      equal(await idsOf(stage, {}, limit), expected, `the list in pages of ${limit}`);
  },

  "The last page has no cursor, also when it is full": async (stage) => {
    await startMany(stage, 4);
    const { runs } = stage.backend.read;
    equal((await runs({}, { limit: 4 })).cursor, undefined, "the cursor of a full last page");
    check((await runs({}, { limit: 3 })).cursor !== undefined, "a page that is not the last has a cursor");
    equal(await runs({ status: ["paused"] }, { limit: 3 }), { entries: [] }, "an empty page");
  },

  "Runs that start while somebody turns pages neither repeat nor hide others": async (stage) => {
    const ids = await startMany(stage, 6);
    const { runs } = stage.backend.read;
    const first = await runs({}, { limit: 2 });
    await startMany(stage, 3);
    await stage.does({ kind: "cancel", runId: present(ids[0], "a run") });
    const second = await runs({}, { limit: 2, cursor: present(first.cursor, "the cursor") });
    const third = await runs({}, { limit: 2, cursor: present(second.cursor, "the cursor") });
    equal(
      [...first.entries, ...second.entries, ...third.entries].map(({ id }) => id),
      ids.toReversed(),
      "the pages",
    );
  },

  "Runs are found by status": async (stage) => {
    const [a = "", b = "", c = ""] = await startMany(stage, 3);
    await stage.does({ kind: "cancel", runId: a });
    await stage.does({ kind: "pause", runId: b });
    equal(await idsOf(stage, { status: ["cancelled"] }), [a], "cancelled runs");
    equal(await idsOf(stage, { status: ["running", "paused"] }, 1), [c, b], "running and paused runs");
    equal(await idsOf(stage, { status: ["completed"] }), [], "completed runs");
    equal(await idsOf(stage, { status: [] }), [], "runs of no status");
  },

  "Runs are found by workflow and version": async (stage) => {
    const [v2, other] = [definitionOf("orders", "2.0.0"), definitionOf("other")];
    await stage.publish(v2, other);
    const a = await stage.start();
    const b = await stage.start({ version: "2.0.0", definition: v2.hash });
    const c = await stage.start({ workflow: "other", definition: other.hash });
    equal([...(await idsOf(stage, { workflow: "orders" }))].sort(), [a, b].sort(), "runs of a workflow");
    equal(await idsOf(stage, { workflow: "orders", version: "2.0.0" }), [b], "runs of a version");
    equal(await idsOf(stage, { workflow: "Other" }), [], "runs of a workflow in another case");
    equal(await idsOf(stage, { workflow: "other" }), [c], "runs of the other workflow");
  },

  "Runs are found by all of the given tags": async (stage) => {
    const a = await stage.start({ tags: { region: "eu", tier: "gold" } });
    const b = await stage.start({ tags: { region: "eu" } });
    await stage.start({ tags: { region: "us", tier: "gold" } });
    await stage.start();
    equal([...(await idsOf(stage, { tags: { region: "eu" } }))].sort(), [a, b].sort(), "runs with one tag");
    equal(await idsOf(stage, { tags: { region: "eu", tier: "gold" } }), [a], "runs with both tags");
    equal(await idsOf(stage, { tags: { tier: "eu" } }), [], "runs with another key's value");
    equal(await idsOf(stage, { tags: { region: "e" } }), [], "runs with a part of the value");
    equal((await idsOf(stage, { tags: {} })).length, 4, "runs with no tag asked for");
  },

  "Runs are found by when they were created, both ends included": async (stage) => {
    const begin = stage.clock.now();
    const [, b = "", c = ""] = await startMany(stage, 4, 10);
    equal(await idsOf(stage, { since: begin + 10, until: begin + 20 }), [c, b], "runs of an interval");
    equal((await idsOf(stage, { since: begin + 11 })).length, 2, "runs since an instant");
    equal((await idsOf(stage, { until: begin + 9 })).length, 1, "runs until an instant");
  },

  "Runs are found by a part of their id, workflow, tag values or key": async (stage) => {
    const other = definitionOf("invoices");
    await stage.publish(other);
    const a = await stage.start({ tags: { customer: "ACME Corp" } });
    const b = await stage.start({ idempotencyKey: "order-4711-x" });
    const c = await stage.start({ workflow: "invoices", definition: other.hash });
    equal(await idsOf(stage, { search: "ACME" }), [a], "runs by a tag's value");
    equal(await idsOf(stage, { search: "4711" }), [b], "runs by their key");
    equal(await idsOf(stage, { search: "voice" }), [c], "runs by their workflow");
    equal(await idsOf(stage, { search: b.slice(4) }), [b], "runs by their id");
    equal(await idsOf(stage, { search: "customer" }), [], "runs by a tag's name");
    equal(await idsOf(stage, { search: "nothing like it" }), [], "runs by nothing");
  },

  "A search knows no wildcards": async (stage) => {
    const odd = ["100%", "a_b", "back\\slash", "[set]", "quote'd", "star*", "qu?estion", 'dou"ble'];
    const ids = new Map<string, string>();
    for (const value of odd) ids.set(value, await stage.start({ tags: { value } }));
    await stage.start({ tags: { value: "100 per cent, aXb, backslash, set, quoted, stars, question, double" } });
    for (const search of ["%", "a_b", "\\", "[set]", "'", "*", "?", '"']) {
      const expected = odd.filter((value) => value.includes(search)).map((value) => ids.get(value));
      equal(await idsOf(stage, { search }), expected, `runs by ${search}`);
    }
  },

  "Filters narrow each other": async (stage) => {
    const a = await stage.start({ tags: { t: "1" }, idempotencyKey: "needle" });
    const b = await stage.start({ tags: { t: "1" } });
    await stage.start({ tags: { t: "2" }, idempotencyKey: "needle-2" });
    await stage.does({ kind: "pause", runId: b });
    equal(
      await idsOf(stage, {
        tags: { t: "1" },
        status: ["running"],
        workflow: "orders",
        search: "needle",
        since: 0,
        until: stage.clock.now(),
      }),
      [a],
      "the runs",
    );
  },
});

const itemListCases = cases("lists of items", {
  "Items are listed by run, then number": async (stage) => {
    const ids = await startMany(stage, 3);
    const worker = await stage.session();
    for (const claimed of (await worker.claim()).items.toReversed()) await worker.did(claimed, next("a", "b"));
    const expected = [...ids].sort().flatMap((id) => [0, 1, 2].map((item) => `${id}.${item}`));
    for (const limit of [1, 2, 9, 10])
      equal(await placesOf(stage, {}, limit), expected, `all items in pages of ${limit}`);
    const [first = ""] = ids;
    for (const limit of [1, 2, 3])
      equal(
        await placesOf(stage, { runId: first }, limit),
        [0, 1, 2].map((item) => `${first}.${item}`),
        `items of a run in pages of ${limit}`,
      );
  },

  "Items are found by node and session": async (stage) => {
    const id = await stage.start();
    const [first, second] = [await stage.session(), await stage.session()];
    await first.did(await first.take(), next("a", "b", "a"));
    await second.claim({ limit: 2 });
    equal(await placesOf(stage, { runId: id, node: "a" }), [`${id}.1`, `${id}.3`], "items of a node");
    equal(await placesOf(stage, { session: second.id }, 1), [`${id}.1`, `${id}.2`], "items of a session");
    equal(await placesOf(stage, { session: first.id, node: "a" }), [], "items of a session and a node");
  },

  "Items are found by the status that they read with": async (stage) => {
    const [closed, open] = [await stage.start({ input: bytes("closed") }), await stage.start({ input: bytes("open") })];
    const worker = await stage.session();
    for (const claimed of (await worker.claim()).items) await worker.did(claimed, next("busy", "idle"));
    await worker.claim({ limit: 2 });
    await stage.does({ kind: "cancel", runId: closed });
    const cancelled = [`${closed}.1`, `${closed}.2`];
    for (const limit of [1, 100]) {
      equal(await placesOf(stage, { status: ["cancelled"] }, limit), cancelled, `cancelled items in pages of ${limit}`);
      equal(
        await placesOf(stage, { runId: closed, status: ["cancelled"] }, limit),
        cancelled,
        "cancelled items of the closed run",
      );
      equal(
        await placesOf(stage, { runId: closed, status: ["pending", "in_progress"] }, limit),
        [],
        "open items of the closed run",
      );
      equal(
        await placesOf(stage, { status: ["in_progress"] }, limit),
        [`${open}.1`, `${open}.2`].slice(0, (await placesOf(stage, { status: ["in_progress"] })).length),
        "items in progress",
      );
      equal(
        [...(await placesOf(stage, { status: ["completed"] }, limit))].sort(),
        [`${closed}.0`, `${open}.0`].sort(),
        "completed items",
      );
    }
    equal(await placesOf(stage, { status: [] }), [], "items of no status");
  },

  "Items are found by whether a later commit changed them": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a", "b"));
    const claimed = await worker.claim();
    await worker.did(claimed.of("b"), retry(1_000));
    equal(
      await placesOf(stage, { runId: id, changedAfter: 0 }),
      [`${id}.0`, `${id}.2`],
      "items changed after commit 0",
    );
    equal(await placesOf(stage, { runId: id, changedAfter: 1 }), [`${id}.2`], "items changed after commit 1");
    equal(await placesOf(stage, { runId: id, changedAfter: 2 }), [], "items changed after commit 2");
  },

  "Items of a run that does not exist are none": async (stage) => {
    equal(await stage.backend.read.items({ runId: stage.newRunId() }, {}), { entries: [] }, "the items");
  },
});

type Lister = readonly [string, (page: PageRequest) => Promise<Page<unknown>>];

/** Every list of the contract, with at least three entries. */
async function fullLists(stage: Stage): Promise<readonly Lister[]> {
  const id = await stage.start({ completion: "all" });
  const worker = await stage.session();
  const extras = {
    logs: [1, 2, 3].map((at) => ({ at, level: "info", message: "m" }) as const),
    metrics: [1, 2, 3].map((value) => ({ name: "m", value })),
  };
  for (let count = 0; count < 3; count += 1) await worker.did(await worker.take(), retry());
  await worker.did(await worker.take(), { ...next("a"), opens: { joins: [] } }, { ...extras, delta: bytes("1") });
  await worker.did(
    await worker.take(),
    { ...next("b"), outputs: ["x", "y", "z"].map((value, index) => ({ index, value: bytes(value) })) },
    { delta: bytes("2") },
  );
  await worker.did(await worker.take(), next("c"), { delta: bytes("3") });
  for (const kind of ["pause", "resume", "pause", "resume"] as const) await stage.does({ kind, runId: id });
  await startMany(stage, 3);
  const { read } = stage.backend;
  return [
    ["runs", (page) => read.runs({}, page)],
    ["items", (page) => read.items({}, page)],
    ["items of a run", (page) => read.items({ runId: id }, page)],
    ["outputs", (page) => read.outputs(id, page)],
    ["deltas", (page) => read.deltas(id, page)],
    ["failures", (page) => read.failures({ runId: id }, page)],
    ["metrics", (page) => read.metrics(id, page)],
    ["logs", (page) => read.logs({ runId: id }, page)],
    ["audit", (page) => read.audit(id, page)],
  ];
}

const cursorCases = cases("pages", {
  "A cursor that was tampered with is refused": async (stage) => {
    for (const [name, list] of await fullLists(stage)) {
      const cursor = present((await list({ limit: 1 })).cursor, `the cursor of ${name}`);
      const last = cursor.at(-1) === "A" ? "B" : "A";
      for (const bad of [
        "",
        "x",
        `${cursor}A`,
        cursor.slice(0, -1),
        `${cursor.slice(0, -1)}${last}`,
        "'; DROP TABLE run; --",
        "\0",
        "AAAA".repeat(10_000),
      ]) {
        await throws(
          () => list({ limit: 1, cursor: bad }),
          "INVALID_VALUE",
          `a cursor of ${name} that is ${JSON.stringify(bad.slice(0, 40))}`,
        );
      }
    }
  },

  "No list takes a cursor of another": async (stage) => {
    const lists = await fullLists(stage);
    const different = lists.filter(([name]) => name !== "items of a run");
    for (const [at, [name, list]] of different.entries()) {
      const [otherName, other] = different[(at + 1) % different.length] ?? [name, list];
      const cursor = present((await other({ limit: 1 })).cursor, `the cursor of ${otherName}`);
      await throws(() => list({ limit: 1, cursor }), "INVALID_VALUE", `a cursor of ${otherName} for ${name}`);
    }
  },

  "A limit that is no whole number from one is refused": async (stage) => {
    for (const [name, list] of await fullLists(stage)) {
      for (const limit of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        await throws(() => list({ limit }), "INVALID_VALUE", `the limit ${limit} for ${name}`);
      }
    }
  },

  "A list without a limit has pages of a moderate length": async (stage) => {
    await stage.backend.startRuns(Array.from({ length: 150 }, () => stage.startRequest()));
    const first = await stage.backend.read.runs({}, {});
    check(
      first.entries.length >= 1 && first.entries.length < 150 && first.cursor !== undefined,
      "the first page is not the whole list",
    );
    const all = await allPages(({ cursor }) => stage.backend.read.runs({}, { cursor }));
    equal(new Set(all.map(({ id }) => id)).size, 150, "runs in all pages");
  },

  "A limit above a thousand gives a thousand": async (stage) => {
    const requests = Array.from({ length: 1_005 }, () => stage.startRequest());
    for (let at = 0; at < requests.length; at += 200) await stage.backend.startRuns(requests.slice(at, at + 200));
    const page = await stage.backend.read.runs({}, { limit: 1_000_000_000 });
    equal(page.entries.length, 1_000, "entries of the page");
    equal(
      (await stage.backend.read.runs({}, { limit: 1_000_000_000, cursor: present(page.cursor, "the cursor") })).entries
        .length,
      5,
      "entries of the next page",
    );
  },

  "Failures of all runs are listed oldest first": async (stage) => {
    await startMany(stage, 4);
    const worker = await stage.session();
    const { items } = await worker.claim();
    const order = [2, 0, 3, 1].map((at) => present(items[at], "an item"));
    for (const claimed of order) {
      await stage.clock.advance(5);
      await worker.did(claimed, fail());
    }
    const found = await allPages((page) => stage.backend.read.failures({}, page), 3);
    equal(
      found.map(({ runId }) => runId),
      order.map(({ run }) => run.id),
      "the runs of the failures",
    );
  },

  "Lists of a run that does not exist are empty": async (stage) => {
    const { read } = stage.backend;
    const id = stage.newRunId();
    const lists = [
      read.outputs(id, {}),
      read.deltas(id, {}),
      read.failures({ runId: id }, {}),
      read.metrics(id, {}),
      read.logs({ runId: id }, {}),
      read.audit(id, {}),
      read.arrivals(id, 0, "j", {}),
    ];
    for (const page of await Promise.all(lists)) equal(page, { entries: [] }, "the list");
  },

  "A finished run is listed as finished by the next read": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), output("done"));
    equal(await idsOf(stage, { status: ["completed"] }), [id], "completed runs");
    equal(await idsOf(stage, { status: ["running"] }), [], "running runs");
  },
});

export const pageCases = [...runListCases, ...itemListCases, ...cursorCases];
