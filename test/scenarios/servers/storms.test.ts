import { expect, test } from "vitest";
import { effort } from "../harness/effort.ts";
import { tellFigures } from "../harness/figures.ts";
import { Scene } from "../harness/scene.ts";
import { withChance } from "../harness/seed.ts";
import { postgresGround } from "./postgres-ground.ts";
import { redisGround } from "./redis-ground.ts";
import { storm } from "./storm.ts";

/** Times that each trouble is made. */
const ROUNDS = effort();
/** What a round may take, and the end of it all. */
const ROUND_MS = 45_000;
const LEAST_OUTAGES = 5;

const grounds = [
  { what: "PostgreSQL", prepare: postgresGround },
  { what: "Redis with a log of each write", prepare: () => redisGround("always") },
  { what: "Redis with a log of each second", prepare: () => redisGround("everysec") },
];

test.each(grounds)(
  "nothing is lost and nothing doubled while $what is in trouble of every kind",
  async ({ prepare }) => {
    await withChance("test/scenarios/servers/storms.test.ts", async (chance) => {
      const ground = await prepare();
      const scene = new Scene({ address: ground.address, remove: () => ground.end() });
      const { troubles, outages, figures } = await storm(scene, ground, ROUNDS, chance);
      tellFigures(`storm on ${ground.name}`, { ...figures, ...troubles });
      for (const { name } of ground.troubles) expect(troubles[name]).toBeGreaterThanOrEqual(ROUNDS);
      expect(outages).toBeGreaterThanOrEqual(LEAST_OUTAGES * ROUNDS);
    });
  },
  (ROUNDS + 1) * ROUND_MS,
);
