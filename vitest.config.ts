import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

// The test projects, one per part of `npm test`. `millrace` resolves to the sources, so that tests and examples are
// written as a user writes them without a build; only the package tests look at what is built. A project that needs
// PostgreSQL and Redis has them found first.
const root = fileURLToPath(new URL(".", import.meta.url));

/** Modules and set-up whose own tests talk to servers; all other tests beside modules run without any. */
const servers = ["src/backend/{postgres,redis}/**/*.test.ts", "test/support/servers/**/*.test.ts"];

const withServers = { globalSetup: `${root}test/support/servers/global-setup.ts` };

function project(name: string, include: string[], testTimeout: number, more: { globalSetup?: string } = {}) {
  return {
    resolve: {
      alias: [
        { find: /^millrace$/, replacement: `${root}src/index.ts` },
        { find: /^millrace\/(.+)$/, replacement: `${root}src/$1.ts` },
      ],
    },
    test: {
      name,
      root,
      include,
      exclude: [...configDefaults.exclude, ...(name === "servers" ? [] : servers)],
      testTimeout,
      hookTimeout: testTimeout,
      ...more,
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project("unit", ["src/**/*.test.ts"], 20_000),
      project("tidy", ["test/tidy/**/*.test.ts"], 30_000),
      project("servers", servers, 60_000, withServers),
      project("conformance", ["test/conformance/**/*.test.ts"], 60_000, withServers),
      project("scenarios", ["test/scenarios/**/*.test.ts"], 120_000, withServers),
      project("docs", ["test/docs/**/*.test.ts"], 120_000, withServers),
      project("package", ["test/package/**/*.test.ts"], 300_000),
    ],
  },
});
