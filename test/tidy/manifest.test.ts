import { expect, test } from "vitest";
import { VERSION } from "../../src/version.ts";
import { type LockFile, type Manifest, manifestProblems } from "./manifest.ts";
import { lockFile, manifest } from "./repository.ts";

test("the package needs few packages, none of which runs a script when installed", () => {
  expect(manifestProblems(manifest(), lockFile())).toEqual([]);
});

test("the code knows the version that the manifest has", () => {
  expect(VERSION).toBe(manifest().version);
});

const sample: Manifest = { version: "1.0.0", dependencies: { a: "1" } };
const locked: LockFile = { packages: { "": {}, "node_modules/a": { version: "1.0.0" } } };

test("a plain dependency is fine, and a development tool may run a script", () => {
  const tool = { "node_modules/tool": { version: "1.0.0", dev: true, hasInstallScript: true } };
  expect(manifestProblems(sample, { packages: { ...locked.packages, ...tool } })).toEqual([]);
});

test.each<[string, Manifest, LockFile["packages"]]>([
  ["a dependency of a dependency runs a script", sample, { "node_modules/deep": { hasInstallScript: true } }],
  [
    "the lock file names a registry",
    sample,
    { "node_modules/deep": { resolved: "https://registry.example/deep.tgz" } },
  ],
  [
    "a part for another platform is not locked",
    sample,
    { "node_modules/tool": { optionalDependencies: { "tool-arm": "1" } } },
  ],
  ["a dependency is not locked", { ...sample, dependencies: { a: "1", b: "1" } }, {}],
  ["a peer is forced on the user", { ...sample, peerDependencies: { pg: "8" } }, {}],
])("it is refused when %s", (_, given, packages) => {
  expect(manifestProblems(given, { packages: { ...locked.packages, ...packages } })).toHaveLength(1);
});

test("nine runtime dependencies are one too many", () => {
  const names = [..."abcdefghi"];
  const dependencies = Object.fromEntries(names.map((name) => [name, "1"]));
  const packages = Object.fromEntries(names.map((name) => [`node_modules/${name}`, { version: "1.0.0" }]));
  expect(manifestProblems({ version: "1.0.0", dependencies }, { packages })).toHaveLength(1);
});
