import { expect, it } from "vitest";
import { defineConfig, isWorkflow, next, node, unchecked, workflow } from "./index.ts";

const one = node({ input: unchecked<number>(), run: ({ input }) => next(input) });
const single = workflow({ name: "single", version: "1.0.0", nodes: { one }, start: "one", edges: { one: [] } });

it("gives a good configuration back as it is", () => {
  const config = {
    url: "sqlite:a.db",
    namespace: "n",
    workflows: [single],
    worker: { workers: 2, drain: "1m" },
  } as const;
  expect(defineConfig(config)).toBe(config);
});

it.each([
  ["nothing", undefined],
  ["a list", []],
  ["no workflows", {}],
  ["something that is no workflow", { workflows: [single, { name: "x" }] }],
  ["an unknown option", { workflows: [], nodes: {} }],
  ["an unknown option of workers", { workflows: [], worker: { threads: 1 } }],
  ["workers that are no object", { workflows: [], worker: 5 }],
  ["an empty URL", { workflows: [], url: "" }],
  ["a namespace that is no name", { workflows: [], namespace: "../x" }],
])("refuses %s", (_, config) => {
  expect(() => Reflect.apply(defineConfig, undefined, [config])).toThrow(
    expect.objectContaining({ code: "INVALID_CONFIG" }),
  );
});

it("knows workflows by what they are", () => {
  expect(isWorkflow(single)).toBe(true);
  expect([undefined, null, "single", {}, { ...single, "~runtime": undefined }].some(isWorkflow)).toBe(false);
});
