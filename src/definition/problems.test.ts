import { describe, expect, it } from "vitest";
import { noteUnknownOptions, quote, readOr, suggestion } from "./problems.ts";

describe("reading a part of a definition", () => {
  it("notes what is thrown and goes on with a harmless default", () => {
    const problems: string[] = [];
    const fail = (thrown: unknown) => () => {
      throw thrown;
    };
    expect(readOr(problems, () => 1, 2)).toBe(1);
    expect(readOr(problems, fail(new Error("wrong")), 2)).toBe(2);
    expect(readOr(problems, fail("odd"), 2)).toBe(2);
    expect(problems).toEqual(["wrong", "odd"]);
  });
});

describe("options that nobody reads", () => {
  const noted = (given: object) => {
    const problems: string[] = [];
    noteUnknownOptions(problems, given, ["timeout", "retry"], "a node");
    return problems;
  };

  it("are noted, with the one that was probably meant", () => {
    expect(noted({ timeout: 1, timeuot: 2, colour: 3 })).toEqual([
      'a node has no option "timeuot" (did you mean "timeout"?)',
      'a node has no option "colour"',
    ]);
  });

  it("are noted on objects without a prototype, and not on instances of classes", () => {
    expect(noted(Object.assign(Object.create(null), { x: 1 }))).toHaveLength(1);
    class Own {
      readonly x = 1;
    }
    expect(noted(new Own())).toEqual([]);
  });
});

describe("the suggestion of a name", () => {
  it("is the nearest one, swapped letters counting as one mistake", () => {
    expect(suggestion("onFailur", ["to", "onTimeout", "onFailure"])).toBe(' (did you mean "onFailure"?)');
    expect(suggestion("paymnet", ["payment", "paymentFailed"])).toBe(' (did you mean "payment"?)');
    expect(suggestion("spilt", ["slit", "split"])).toBe(' (did you mean "split"?)');
  });

  it("is nothing where no name is near", () => {
    expect(suggestion("ghost", ["payment", "notify"])).toBe("");
    expect(suggestion("ab", ["cd"])).toBe("");
    expect(suggestion("x".repeat(100_000), ["payment"])).toBe("");
  });
});

describe("a name in quotes", () => {
  it("is safe to print, and cut where it is absurdly long", () => {
    expect(quote('a"b\n\u001b')).toBe('"a\\"b\\n\\u001b"');
    expect(quote("x".repeat(500))).toHaveLength(163);
  });
});
