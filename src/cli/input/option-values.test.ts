import { describe, expect, it } from "vitest";
import { isMillraceError } from "../../index.ts";
import { choiceList, durationText, tagList, wholeNumber, wordList } from "./option-values.ts";
import { readSince } from "./since.ts";

function codeOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return isMillraceError(error) ? error.code : "another";
  }
}

describe("whole numbers", () => {
  it.each([
    ["5", 5],
    ["-3", -3],
    ["+7", 7],
    ["0", 0],
  ])("reads %s", (text, number) => {
    expect(wholeNumber("--n")(text)).toBe(number);
  });

  it.each(["", " ", "1.5", "1e3", "0x10", "abc", "9007199254740993", "99999999999999999999", "NaN", "١"])(
    "refuses %j",
    (text) => {
      expect(codeOf(() => wholeNumber("--n")(text))).toBe("USAGE");
    },
  );

  it("refuses what is too small", () => {
    expect(codeOf(() => wholeNumber("--n", 1)("0"))).toBe("USAGE");
  });
});

describe("lists", () => {
  it("come separated by commas, or from several uses", () => {
    expect(wordList("--q")("c, d", wordList("--q")("a,b"))).toEqual(["a", "b", "c", "d"]);
    expect(codeOf(() => wordList("--q")("a,,b"))).toBe("USAGE");
    expect(codeOf(() => wordList("--q")(""))).toBe("USAGE");
  });

  it("take only the words that there are", () => {
    const read = choiceList("--s", ["a", "b"]);
    expect(read("a,b")).toEqual(["a", "b"]);
    expect(codeOf(() => read("c"))).toBe("USAGE");
    expect(codeOf(() => read("toString"))).toBe("USAGE");
  });
});

describe("tags", () => {
  it("split at the first equals sign", () => {
    expect(tagList("--tag")("b=2=3", tagList("--tag")("a="))).toEqual({ a: "", b: "2=3" });
  });

  it("are refused without a name or given twice", () => {
    expect(codeOf(() => tagList("--tag")("=x"))).toBe("USAGE");
    expect(codeOf(() => tagList("--tag")("x"))).toBe("USAGE");
    expect(codeOf(() => tagList("--tag")("a=1", { a: "0" }))).toBe("USAGE");
  });

  it("cannot change a prototype", () => {
    const tags = tagList("--tag")("__proto__=x");
    expect(Object.keys(tags)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(tags)).toBe(Object.prototype);
  });
});

describe("durations", () => {
  it.each([
    ["0", 0],
    ["250", 250],
    ["1.5s", 1_500],
    ["2h", 7_200_000],
  ])("reads %s", (text, ms) => {
    expect(durationText("--d")(text)).toBe(ms);
  });

  it.each(["", "soon", "-5m", "1e3", "1 h"])("refuses %j", (text) => {
    expect(codeOf(() => durationText("--d")(text))).toBe("INVALID_VALUE");
  });
});

describe("since", () => {
  it("is a length of time before now, or an instant", () => {
    expect(readSince("2h", 10_000_000)).toBe(2_800_000);
    expect(readSince("2026-03-01T09:00:00Z", 0)).toBe("2026-03-01T09:00:00Z");
  });

  it.each(["", "yesterday", "2 h", "-2h", "NaN"])("refuses %j", (text) => {
    expect(codeOf(() => readSince(text, 0))).toBe("INVALID_VALUE");
  });
});
