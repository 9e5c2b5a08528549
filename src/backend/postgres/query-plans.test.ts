import { expect, test } from "vitest";
import { postgresScene } from "../../../test/support/postgres-scene.ts";
import { lookStatement, NO_LOOK } from "./claim-look.ts";
import { nextDueStatement, peekStatement } from "./coming-due.ts";
import type { Statement } from "./driver.ts";
import { Floors } from "./floors.ts";
import { Statements } from "./statements.ts";

const SELECTION = { queues: ["default"], definitions: ["d"], labels: [] };
const LOOK = {
  ...NO_LOOK,
  selection: SELECTION,
  held: [1],
  ready: 40,
  stalled: 33,
  due: 9,
  runs: 9,
  sessions: 9,
  entries: 9,
};
const CLAIM = { ...SELECTION, limit: 8, stalledLimit: 1, maxStalls: 3, graceMs: 0 };

/** Tables that grow: none of them may be read as a whole, or walked along an index without a key. */
const GROWING = ["item", "run", "session_state", "entry_place", "entry"];

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Cond"?: string;
  readonly Plans?: readonly Plan[];
}

function* nodesOf(plan: Plan): Generator<Plan, undefined> {
  yield plan;
  for (const below of plan.Plans ?? []) yield* nodesOf(below);
}

const statementsOf = (schema: string): Statements =>
  new Statements({ schema, prepared: true, timeoutMs: 30_000, relaxed: false });

const QUERIES: readonly (readonly [string, (statements: Statements) => Statement])[] = [
  ["a glance", (on) => lookStatement(on, 1, LOOK, undefined, { floors: new Floors(), isGlance: true })],
  ["a look", (on) => lookStatement(on, 1, LOOK, undefined, { floors: new Floors(), isGlance: false })],
  ["what is due next", (on) => nextDueStatement(on, 1, new Floors())],
  ["a look without a claim", (on) => peekStatement(on, 1, CLAIM, new Floors(), undefined)],
];

test.each(QUERIES)("%s finds all by keys, though it was planned on empty tables", async (_what, statementOf) => {
  const scene = postgresScene();
  await scene.open();
  const statements = statementsOf(scene.schema);
  const client = await scene.client();
  await client.query("BEGIN");
  const [, settings] = statements.begin;
  await client.query(settings.text);
  const { text, values = [] } = statementOf(statements);
  const { rows } = await client.query(`EXPLAIN (FORMAT JSON) ${text}`, [...values]);
  await client.query("ROLLBACK");
  const nodes = [...nodesOf(rows[0]["QUERY PLAN"][0].Plan)].filter(
    (node) => node["Relation Name"] !== undefined && GROWING.includes(node["Relation Name"]),
  );
  expect(nodes.length).toBeGreaterThan(3);
  const whole = nodes.filter((node) => node["Node Type"] !== "Tid Scan" && node["Index Cond"] === undefined);
  expect(whole.map((node) => `${node["Node Type"]} on ${node["Relation Name"]}`)).toEqual([]);
});
