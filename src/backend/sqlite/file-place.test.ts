import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchFolder } from "../../../test/support/sqlite-scratch.ts";
import { isMillraceError } from "../../core/errors.ts";
import { networkType, preparePlace } from "./file-place.ts";

const refused = (text: string) =>
  expect.toSatisfy((error) => isMillraceError(error, "INVALID_CONFIG") && error.message.includes(text));

test("the default folder is made for its user alone, and git does not see it", () => {
  const folder = join(scratchFolder(), ".millrace");
  expect(preparePlace(join(folder, "millrace.db"))).toBe(join(folder, "millrace.db"));
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(readFileSync(join(folder, ".gitignore"), "utf8")).toBe("*\n");
});

test("a folder that is there already is left as it is", () => {
  const folder = join(scratchFolder(), ".millrace");
  mkdirSync(folder, { mode: 0o750 });
  preparePlace(join(folder, "millrace.db"));
  expect(existsSync(join(folder, ".gitignore"))).toBe(false);
});

test("any other folder must exist", () => {
  const folder = scratchFolder();
  expect(() => preparePlace(join(folder, "data", "runs.db"))).toThrow(refused("does not exist"));
  expect(() => preparePlace(join(folder, "a", ".millrace", "runs.db"))).toThrow(refused("does not exist"));
  expect(existsSync(join(folder, "a"))).toBe(false);
});

test("a folder is no file", () => {
  expect(() => preparePlace(scratchFolder())).toThrow(refused("is a folder"));
});

test.runIf(process.platform === "linux").each([
  [0x6969, "NFS"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x65735546, "FUSE"],
  [0x01021997, "9P"],
])("file systems of type %i are refused as %s", (type, name) => {
  expect(networkType("/data", () => type)).toContain(name);
});

test.runIf(process.platform === "linux").each([0xef53, 0x9123683e, 0x58465342, 0x01021994, 0x2fc12fc1])(
  "file systems of type %i are taken: they are local",
  (type) => {
    expect(networkType("/data", () => type)).toBeUndefined();
  },
);
