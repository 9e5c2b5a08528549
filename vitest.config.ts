import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// The test projects, one per part of `npm test`. `millrace` resolves to the sources, so that tests and examples are
// written as a user writes them without a build; only the package tests look at what is built.
const root = fileURLToPath(new URL(".", import.meta.url));

function project(name: string, include: string[], testTimeout: number) {
  return {
    resolve: {
      alias: [
        { find: /^millrace$/, replacement: `${root}src/index.ts` },
        { find: /^millrace\/(.+)$/, replacement: `${root}src/$1.ts` },
      ],
    },
    test: { name, root, include, testTimeout, hookTimeout: testTimeout },
  };
}

export default defineConfig({
  test: {
    projects: [
      project("unit", ["src/**/*.test.ts"], 20_000),
      project("tidy", ["test/tidy/**/*.test.ts"], 30_000),
      project("conformance", ["test/conformance/**/*.test.ts"], 60_000),
      project("scenarios", ["test/scenarios/**/*.test.ts"], 120_000),
      project("docs", ["test/docs/**/*.test.ts"], 120_000),
      project("package", ["test/package/**/*.test.ts"], 300_000),
    ],
  },
});
