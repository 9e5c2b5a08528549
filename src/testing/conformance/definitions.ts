/** Cases about definitions: stored once per hash, one hash per name and version, replaced only where that is asked for. */

import { cases } from "./conformance-case.ts";
import { equal, ofKind, present } from "./expectation.ts";
import { definitionOf, ORDERS } from "./stage.ts";

const CHANGED = definitionOf("orders", "1.0.0", "changed");

export const definitionCases = cases("definitions", {
  "A published definition is found by its hash": async ({ backend, clock }) => {
    const found = present(await backend.read.definition(ORDERS.hash), "the definition");
    equal(found, { ...ORDERS, publishedAt: clock.now() }, "the definition");
  },

  "An unknown hash reads as nothing": async ({ backend }) => {
    equal(await backend.read.definition("0".repeat(32)), undefined, "the definition of an unknown hash");
  },

  "Publishing a definition again changes nothing": async (stage) => {
    const before = await stage.backend.read.definitions();
    await stage.clock.advance(5_000);
    await stage.publish(ORDERS);
    await stage.publish(ORDERS, ORDERS);
    equal(await stage.backend.read.definitions(), before, "the definitions");
  },

  "The same name and version under another hash is a conflict that names the existing one": async ({ backend }) => {
    const outcomes = await backend.publish([CHANGED], { replace: false });
    equal(outcomes, [{ kind: "conflict", existing: ORDERS.hash }], "the outcome");
    equal(await backend.read.definition(CHANGED.hash), undefined, "the refused definition");
  },

  "Another version of the same name is no conflict": async (stage) => {
    await stage.publish(definitionOf("orders", "1.0.1"), definitionOf("orders", "2.0.0"));
    equal((await stage.backend.read.definitions()).length, 3, "the number of definitions");
  },

  "Names that differ in case alone are different names": async (stage) => {
    await stage.publish(definitionOf("Orders"));
    equal((await stage.backend.read.definitions()).length, 2, "the number of definitions");
  },

  "Outcomes of publishing come in the order of the request, and a conflict does not disturb the others": async ({
    backend,
  }) => {
    const [a, b] = [definitionOf("a"), definitionOf("b")];
    const outcomes = await backend.publish([a, CHANGED, b], { replace: false });
    equal(
      outcomes.map(({ kind }) => kind),
      ["published", "conflict", "published"],
      "the kinds of outcomes",
    );
    equal(
      (await backend.read.definitions()).map(({ name }) => name),
      ["a", "b", "orders"],
      "the names",
    );
  },

  "Two definitions of one name and version in one request are a conflict": async ({ backend }) => {
    const [first, second] = [definitionOf("twice", "1.0.0", "first"), definitionOf("twice", "1.0.0", "second")];
    const outcomes = await backend.publish([first, second], { replace: false });
    equal(outcomes, [{ kind: "published" }, { kind: "conflict", existing: first.hash }], "the outcomes");
  },

  "With replace a name and version take another hash, and runs keep theirs": async (stage) => {
    const runId = await stage.start();
    const outcomes = await stage.backend.publish([CHANGED], { replace: true });
    equal(outcomes, [{ kind: "published" }], "the outcome");
    equal((await stage.state(runId)).definition, ORDERS.hash, "the definition of the run");
    equal((await stage.backend.read.definition(ORDERS.hash))?.json, ORDERS.json, "the replaced definition");
    const again = await stage.backend.publish([definitionOf("orders", "1.0.0", "third")], { replace: false });
    equal(
      ofKind(again[0] ?? { kind: "published" }, "conflict", "a third hash").existing,
      CHANGED.hash,
      "what stands now",
    );
  },

  "Definitions are listed by name, then publication": async (stage) => {
    await stage.publish(definitionOf("zebra", "1.0.0"));
    await stage.clock.advance(1_000);
    await stage.publish(definitionOf("apple", "9.0.0"), definitionOf("zebra", "0.1.0"));
    await stage.clock.advance(1_000);
    await stage.publish(definitionOf("apple", "1.0.0"));
    const listed = (await stage.backend.read.definitions()).map(({ name, version }) => `${name}@${version}`);
    equal(listed, ["apple@9.0.0", "apple@1.0.0", "orders@1.0.0", "zebra@1.0.0", "zebra@0.1.0"], "the list");
  },

  "The JSON of a definition comes back character by character": async (stage) => {
    const odd = {
      ...definitionOf("odd"),
      hash: "f".repeat(32),
      json: `{"description":"\\u0000 \u{1f680} é \u2028 '--","pad":"${"x".repeat(300_000)}"}`,
    };
    await stage.publish(odd);
    equal((await stage.backend.read.definition(odd.hash))?.json, odd.json, "the JSON");
  },
});
