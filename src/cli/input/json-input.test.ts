import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { fakeSurroundings } from "../../../test/support/cli-surroundings.ts";
import { readJsonOption } from "./json-input.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-cli-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function read(text: string, stdin = ""): Promise<unknown> {
  return readJsonOption("--input", text, fakeSurroundings({ directory, stdin }).around);
}

it("takes JSON as it is typed, from a file, and from standard input", async () => {
  writeFileSync(join(directory, "a.json"), '{"grün":[1,"日本"]}\n');
  expect(await read('{"a":1}')).toEqual({ a: 1 });
  expect(await read("@a.json")).toEqual({ grün: [1, "日本"] });
  expect(await read("-", '{"grün":[1,"日本"]}')).toEqual({ grün: [1, "日本"] });
});

it.each([
  ["what is no JSON", "{a:1}", "INVALID_INPUT"],
  ["a number that would change", "9007199254740993", "INVALID_INPUT"],
  ["a key that could harm", '{"__proto__":{"a":1}}', "INVALID_INPUT"],
  ["too much depth", "[".repeat(1_000_000), "TOO_DEEP"],
  ["nothing", " ", "USAGE"],
  ["a file without a name", "@", "USAGE"],
  ["a file that is not there", "@missing.json", "USAGE"],
  ["a folder", "@.", "USAGE"],
])("refuses %s", async (_, text, code) => {
  await expect(read(text)).rejects.toMatchObject({ code });
});

it("refuses a file that is not text, and one that is too large, without holding it", async () => {
  writeFileSync(join(directory, "binary"), new Uint8Array([0x22, 0xff, 0xfe, 0x22]));
  writeFileSync(join(directory, "large"), "1".repeat(17_000_000));
  await expect(read("@binary")).rejects.toMatchObject({ code: "INVALID_INPUT" });
  await expect(read("@large")).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
});
