/**
 * Cases about values that break stores: NUL, half a surrogate pair, names that objects already have, quotes, wildcards, and
 * sizes at the limit. Every text and every payload comes back as it was; nothing is cut, replaced or executed.
 */

import { type CaseBody, cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { check, equal, present } from "./expectation.ts";
import { bytes, emit, fanOut, joinTemplate, newItem, next, output, retry } from "./parts.ts";
import { definitionOf, type Stage } from "./stage.ts";

/** By what makes them hostile. */
const TEXTS: Readonly<Record<string, string>> = {
  "the empty string": "",
  "a NUL": "a\0b\0",
  "half a surrogate pair": "\ud800 and \udfff",
  "a name that every object has": "__proto__",
  "the name constructor": "constructor",
  "an emoji": "🚀👩‍👩‍👧‍👦",
  "text that runs from right to left": "\u202eevil\u202c שלום",
  "line separators": "a\r\n\u2028\u2029\u0085b",
  "escape sequences of terminals": "\u001b[2J\u001b]8;;http://evil\u0007",
  "quotes and SQL": `'; DROP TABLE run; -- "x" \`y\``,
  wildcards: "%_*?[a-z]\\%",
  "a mark of the store's own": '\u0001"escaped"',
  JSON: '{"a":[1,null,"\\u0000"]}',
  "a byte order mark": "\ufeffbom",
  "ten thousand characters": "é🚀x".repeat(2_500),
};

const PAYLOADS: Readonly<Record<string, Uint8Array>> = {
  "no bytes": new Uint8Array(),
  "all 256 bytes": Uint8Array.from({ length: 256 }, (_, at) => at),
  "what is not UTF-8": Uint8Array.of(0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80),
  zeros: new Uint8Array(1_000),
  "one mebibyte": Uint8Array.from({ length: 1_048_576 }, (_, at) => (at * 31) & 0xff),
};

async function textGoesEverywhere(stage: Stage, text: string): Promise<void> {
  const hostile = definitionOf(`named-${text}`);
  await stage.publish({ ...hostile, json: JSON.stringify({ text }) });
  equal((await stage.backend.read.definition(hostile.hash))?.name, hostile.name, "the name of a definition");
  const id = await stage.start({
    definition: hostile.hash,
    workflow: hostile.name,
    version: text,
    inputDigest: text,
    idempotencyKey: text,
    tags: { [text]: text, plain: text },
    first: { node: text, queue: text, labels: [text, `${text}-2`], keys: [text, ""] },
  });
  const run = await stage.run(id);
  equal(
    [run.workflow, run.version, run.inputDigest, run.idempotencyKey],
    [hostile.name, text, text, text],
    "the texts of the run",
  );
  equal(
    Object.entries(run.tags).sort(),
    [
      ["plain", text],
      [text, text],
    ].sort(),
    "the tags",
  );
  equal(
    (await stage.backend.read.runs({ tags: { plain: text }, workflow: hostile.name }, {})).entries.map(
      (found) => found.id,
    ),
    [id],
    "the runs found by that tag",
  );
  const again = await stage.tryStart({
    ...run,
    first: {},
    definition: hostile.hash,
    onConflict: "return",
    id: stage.newRunId(),
    timeoutMs: undefined,
  });
  equal(again.kind, "existing", "a second start under that key");

  const worker = await stage.session({
    id: `session ${text}`,
    workerId: text,
    host: text,
    queues: [text],
    labels: [text],
  });
  const lanes = { queues: [text], labels: [`${text}-2`, text], definitions: [hostile.hash] };
  const claimed = await worker.take(lanes);
  equal(
    [claimed.item.node, claimed.item.queue, claimed.item.labels, claimed.item.keys],
    [text, text, [text, `${text}-2`], [text, ""]],
    "the texts of the item",
  );
  await stage.backend.putMemo({ runId: id, item: 0, epoch: 1, session: worker.id, name: text, value: bytes("v") });
  const failure = {
    code: text,
    message: text,
    stack: text,
    details: { [text === "__proto__" ? "key" : text]: [text] },
  };
  const extras = {
    logs: [{ at: 1, level: "info", message: text, data: JSON.stringify(text) }],
    metrics: [{ name: text, value: 1 }],
  } as const;
  await worker.did(claimed, { kind: "retry", delayMs: 0, failure }, extras);
  const second = await worker.take(lanes);
  equal([[...second.memos], second.item.failure], [[[text, bytes("v")]], failure], "the memos and the last failure");
  await worker.did(second, next("plain"), extras);
  await stage.backend.putSnapshot({ runId: id, sequence: 0, shape: text, bytes: bytes("s") });
  await stage.control({ kind: "cancel", runId: id, reason: text }, text);
  await checkHistory(stage, id, text, failure);
  const session = present(await stage.backend.read.session(worker.id), "the session");
  equal(
    [session.workerId, session.host, session.queues, session.labels],
    [text, text, [text], [text]],
    "the texts of the session",
  );
}

async function checkHistory(stage: Stage, id: string, text: string, failure: unknown): Promise<void> {
  const { failures, logs, metrics, audit, run } = await dumpRun(stage.backend, id);
  equal(
    failures.map((entry) => [entry.node, entry.workerId, entry.failure]),
    [[text, text, failure]],
    "the failures",
  );
  equal(
    logs.map(({ message, data }) => [message, data]),
    [
      [text, JSON.stringify(text)],
      [text, JSON.stringify(text)],
    ],
    "the log lines",
  );
  equal(
    metrics.map(({ name, node }) => [name, node]),
    [[text, text]],
    "the metrics",
  );
  equal(
    audit.map(({ actor }) => actor),
    [text],
    "who asked for the cancel",
  );
  equal(run.failure?.message, text, "the reason of the cancel");
  check(!("polluted" in {}) && Object.keys(Object.prototype).length === 0, "no prototype was changed");
}

async function payloadGoesEverywhere(stage: Stage, payload: Uint8Array): Promise<void> {
  const id = await stage.start({ completion: "all", input: payload, delta: { bytes: payload, writes: [0] } });
  const worker = await stage.session();
  const first = await worker.take();
  equal([first.input, (await stage.run(id)).input], [payload, payload], "the input");
  const arrivals = [{ join: "join", of: "first", index: 1, value: payload }];
  const items = [newItem("branch", { input: payload, failure: payload })];
  await worker.did(first, emit({ items, arrivals, opens: { joins: [joinTemplate("join")] } }), { delta: payload });
  const branch = await worker.take();
  equal([branch.input, branch.failure], [payload, payload], "the input and the failure of an item");
  await stage.backend.putMemo({ runId: id, item: 1, epoch: 1, session: worker.id, name: "m", value: payload });
  await worker.did(branch, retry());
  const again = await worker.take();
  equal(again.memos.get("m"), payload, "the memo");
  await worker.did(again, emit({ outputs: [{ index: 0, value: payload }] }), { delta: payload });
  await stage.backend.putSnapshot({ runId: id, sequence: 2, shape: "s", bytes: payload });
  const { deltas, outputs, arrivals: arrived } = await dumpRun(stage.backend, id);
  equal(
    deltas.map(({ delta }) => delta),
    [payload, payload, payload],
    "the deltas",
  );
  equal(
    [outputs.map(({ value }) => value), arrived.map(({ value }) => value)],
    [[payload], [payload]],
    "the outputs and arrivals",
  );
  const tail = present(await stage.backend.read.contextTail(id, { after: 0, shape: "s" }), "the tail");
  equal([tail.snapshot?.bytes, tail.deltas[0]?.delta], [payload, payload], "the snapshot and the delta behind it");
  await stage.does({ kind: "complete", runId: id, output: payload });
  equal((await stage.run(id)).output, payload, "the output of the run");
}

const textCases = Object.entries(TEXTS).map(([what, text]): readonly [string, CaseBody] => [
  `Every text may be ${what}`,
  (stage) => textGoesEverywhere(stage, text),
]);

const payloadCases = Object.entries(PAYLOADS).map(([what, payload]): readonly [string, CaseBody] => [
  `Every payload may be ${what}`,
  (stage) => payloadGoesEverywhere(stage, payload),
]);

const otherCases = cases("hostile values", {
  "Keys that look alike are different keys": async (stage) => {
    const keys = ["a", "A", "a ", " a", "a\0", "á", "a\u0301", "\ud800", "\ud801", "\ufffd", "1", "01", "1.0"];
    const ids = new Set<string>();
    for (const idempotencyKey of keys) ids.add(await stage.start({ idempotencyKey }));
    equal(ids.size, keys.length, "runs");
    for (const idempotencyKey of keys)
      equal(
        (await stage.tryStart({ idempotencyKey })).kind,
        "existing",
        `the run of ${JSON.stringify(idempotencyKey)}`,
      );
  },

  "Numbers at the edge of what is exact come back": async (stage) => {
    const id = await stage.start({ first: { priority: -1_000_000, timeoutMs: 2 ** 40, deadlineMs: 2 ** 41 } });
    const worker = await stage.session();
    const values = [2 ** 53, -(2 ** 53), 1e308, 5e-324, 0.1 + 0.2, -1.5];
    await worker.did(await worker.take(), next("x"), { metrics: values.map((value) => ({ name: "n", value })) });
    equal(
      (await stage.backend.read.metrics(id, {})).entries.map(({ value }) => value),
      values,
      "the metrics",
    );
    const item = await stage.item(id, 0);
    equal(
      [item.priority, item.timeoutMs, item.deadlineAt],
      [-1_000_000, 2 ** 40, item.createdAt + 2 ** 41],
      "the numbers of the item",
    );
  },

  "An input of __proto__ in JSON pollutes nothing": async (stage) => {
    const payload = bytes('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
    const id = await stage.start({ input: payload, tags: { constructor: "x", toString: "y" } });
    equal(
      [(await stage.run(id)).input, (await stage.run(id)).tags],
      [payload, { constructor: "x", toString: "y" }],
      "the input and the tags",
    );
    const failure = { code: "ERROR", message: "x", details: JSON.parse('{"list":[{"constructor":1}]}') };
    const worker = await stage.session();
    await worker.did(await worker.take(), { kind: "fail", failure });
    equal((await stage.run(id)).failure?.details, failure.details, "the details of the failure");
    check(!("polluted" in {}), "no prototype was changed");
  },

  "A failure with details that cannot be stored is committed all the same": async (stage) => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const details of [cyclic, { big: 10n }, { when: () => 1 }, new Map([[1, 2]]), { deep: nested(200) }]) {
      const id = await stage.start();
      const worker = await stage.session();
      const answer = await worker.did(await worker.take(), {
        kind: "fail",
        failure: { code: "ODD", message: "odd", details },
      });
      equal([answer.runStatus, (await stage.run(id)).failure?.code], ["failed", "ODD"], "the run");
    }
  },

  "A failure of many kilobytes comes back whole": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const failure = {
      code: "BIG",
      message: "m".repeat(8_192),
      stack: "s\n".repeat(4_096),
      details: { text: "d".repeat(60_000) },
    };
    await worker.did(await worker.take(), { kind: "fail", failure });
    equal(
      (await stage.backend.read.failures({ runId: id }, {})).entries.map((entry) => entry.failure),
      [failure],
      "the failure",
    );
  },

  "Many labels, keys, tags and fields are kept": async (stage) => {
    const many = Array.from({ length: 64 }, (_, at) => `name-${at}`);
    const tags = Object.fromEntries(many.map((name) => [name, `${name} of the run`]));
    const writes = Array.from({ length: 256 }, (_, at) => at);
    const id = await stage.start({ tags, first: { labels: many, keys: many }, delta: { bytes: bytes("d"), writes } });
    const worker = await stage.session();
    await worker.takesNothing("labels are missing", { labels: many.slice(1) });
    const { item } = await worker.take({ labels: many.toReversed() });
    equal([item.labels, item.keys], [many, many], "labels and keys");
    const run = await stage.run(id);
    equal([run.tags, run.fieldSequences], [tags, writes.map(() => 1)], "tags and field sequences");
  },

  "A large fan-out of large values is kept whole": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const values = Array.from({ length: 40 }, (_, at) => String(at).padStart(3, "0") + "x".repeat(90_000));
    await worker.did(await worker.take(), fanOut("branch", values));
    equal(
      (await stage.backend.read.itemPayload(id, 40))?.input,
      bytes(values[39] ?? ""),
      "the input of the last branch",
    );
    const branches = await worker.claim();
    equal(branches.inputs, values, "the inputs that a claim brings");
    await worker.did(present(branches.items[0], "a branch"), output("x"));
  },
});

export const hostileCases = [
  ...cases("hostile values", Object.fromEntries([...textCases, ...payloadCases])),
  ...otherCases,
];

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}
