import * as valibot from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { isStandardSchema, parseWith, type StandardSchema, unchecked } from "./schema.ts";

/** A schema in the way of arktype: a function that carries the standard's property. */
function callable(validate: StandardSchema["~standard"]["validate"]): StandardSchema {
  return Object.assign(() => undefined, { "~standard": { version: 1 as const, vendor: "test", validate } });
}

describe("parseWith", () => {
  it("gives what the schema makes of the value", () => {
    const schema = z.object({ when: z.coerce.number(), note: z.string().default("none") });
    expect(parseWith(schema, { when: "12", more: 1 })).toEqual({ ok: true, value: { when: 12, note: "none" } });
  });

  it("says what is wrong and where, in the words of any library", () => {
    const zod = parseWith(z.object({ items: z.array(z.object({ "odd name": z.string() })) }), {
      items: [{ "odd name": "x" }, { "odd name": 1 }],
    });
    expect(zod).toEqual({ ok: false, issues: [expect.stringMatching(/^items\[1\]\["odd name"\]: .*string/)] });
    const other = parseWith(valibot.object({ id: valibot.string() }), { id: 1 });
    expect(other).toEqual({ ok: false, issues: [expect.stringMatching(/^id: .*string/)] });
    expect(parseWith(z.number(), "x")).toEqual({ ok: false, issues: [expect.stringMatching(/^Invalid input/)] });
  });

  it("answers at once for a synchronous schema, and with a promise for an asynchronous one", async () => {
    expect(parseWith(z.number(), 1)).not.toBeInstanceOf(Promise);
    const even = z.number().refine(async (n) => n % 2 === 0, "must be even");
    await expect(parseWith(even, 2)).resolves.toEqual({ ok: true, value: 2 });
    await expect(parseWith(even, 3)).resolves.toEqual({ ok: false, issues: ["must be even"] });
  });

  it("waits for promises of other makes", async () => {
    const thenable = callable((value) => Promise.resolve({ value }));
    await expect(parseWith(thenable, 7)).resolves.toEqual({ ok: true, value: 7 });
  });

  it("lists a bounded number of issues, and counts the rest", () => {
    const parsed = parseWith(
      z.array(z.number()),
      Array.from({ length: 50_000 }, () => "x"),
    );
    expect(parsed).toMatchObject({ ok: false });
    const issues = "issues" in parsed ? parsed.issues : [];
    expect(issues).toHaveLength(21);
    expect(issues.at(-1)).toBe("and 49980 more");
  });

  it("takes a refusal without a reason for a refusal", () => {
    expect(
      parseWith(
        callable(() => ({ issues: [] })),
        1,
      ),
    ).toMatchObject({ ok: false, issues: [expect.any(String)] });
  });

  it("passes on what a schema throws", () => {
    const broken = callable(() => {
      throw new RangeError("broken schema");
    });
    expect(() => parseWith(broken, 1)).toThrow("broken schema");
  });
});

describe("unchecked", () => {
  it("lets every value through as it is", () => {
    const value = { deep: [undefined, Number.NaN] };
    expect(parseWith(unchecked<unknown>(), value)).toEqual({ ok: true, value });
  });
});

describe("isStandardSchema", () => {
  it("knows schemas of any library, functions included", () => {
    for (const schema of [z.string(), valibot.string(), unchecked<1>(), callable((value) => ({ value }))]) {
      expect(isStandardSchema(schema)).toBe(true);
    }
  });

  it("refuses everything else", () => {
    const almost = [
      { "~standard": { version: 2, validate: () => 1 } },
      { "~standard": null },
      { "~standard": { version: 1 } },
    ];
    for (const value of [undefined, null, 1, "x", {}, [], () => 1, ...almost])
      expect(isStandardSchema(value)).toBe(false);
  });
});
