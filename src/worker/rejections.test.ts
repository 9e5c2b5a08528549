import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const module = fileURLToPath(new URL("./rejections.ts", import.meta.url));

/** Runs a program in a process of its own: what it is about ends a process. */
async function program(body: string): Promise<{ readonly code: number; readonly out: string; readonly error: string }> {
  const text = `import { ownedBy, watchRejections } from ${JSON.stringify(module)};
    import { setTimeout as sleep } from "node:timers/promises";
    const owner = (name) => ({ rejected: (reason) => console.log(name, String(reason)) });
    ${body}`;
  try {
    const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "--eval", text]);
    return { code: 0, out: stdout, error: stderr };
  } catch (failed) {
    const { code, stdout, stderr } = failed as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, error: stderr };
  }
}

test("a rejection goes to the owner of the code that left it behind, however late", async () => {
  const { code, out, error } = await program(`
    watchRejections();
    ownedBy(owner("a"), () => { Promise.reject(new Error("at once")); });
    ownedBy(owner("b"), async () => { await null; Promise.reject("after a promise"); });
    ownedBy(owner("c"), () => { setTimeout(() => { (async () => { throw null; })(); }, 5); });
    await sleep(50);
    console.log("still here");`);
  expect({ code, error }).toEqual({ code: 0, error: "" });
  expect(out.trim().split("\n")).toEqual(["a Error: at once", "b after a promise", "c null", "still here"]);
});

test("a rejection of nobody's ends the process, as it does without a worker", async () => {
  const { code, out, error } = await program(`
    watchRejections();
    Promise.reject(new Error("not mine"));
    await sleep(50);
    console.log("still here");`);
  expect(code).not.toBe(0);
  expect(out).toBe("");
  expect(error).toContain("not mine");
});

test("a rejection of nobody's is left to the handlers of others", async () => {
  const { code, out } = await program(`
    process.on("unhandledRejection", (reason) => console.log("other", String(reason)));
    watchRejections();
    Promise.reject("something");
    await sleep(50);`);
  expect({ code, out: out.trim() }).toEqual({ code: 0, out: "other something" });
});

test("nothing is installed once nobody watches any more", async () => {
  const { out } = await program(`
    const stops = [watchRejections(), watchRejections()];
    console.log(process.listenerCount("unhandledRejection"));
    stops[0](); stops[0]();
    console.log(process.listenerCount("unhandledRejection"));
    stops[1]();
    console.log(process.listenerCount("unhandledRejection"));`);
  expect(out.trim().split("\n")).toEqual(["1", "1", "0"]);
});
