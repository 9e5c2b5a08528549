import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import { type OutputStream, output } from "./terminal.ts";

class Pipe extends EventEmitter implements OutputStream {
  readonly written: string[] = [];
  writableNeedDrain = false;
  write(text: string): boolean {
    this.written.push(text);
    return true;
  }
}

it("goes on quietly when the reader has gone", () => {
  const pipe = new Pipe();
  const out = output(pipe, {});
  out.line("one");
  pipe.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  out.line("two");
  expect([out.gone, pipe.written]).toEqual([true, ["one\n"]]);
});

it.each(["drain", "close"])("waits for a slow reader until %s", async (event) => {
  const pipe = new Pipe();
  const out = output(pipe, {});
  await out.drained();
  pipe.writableNeedDrain = true;
  let isDrained = false;
  const waiting = out.drained().then(() => {
    isDrained = true;
  });
  await Promise.resolve();
  expect(isDrained).toBe(false);
  pipe.emit(event);
  await waiting;
  expect(pipe.listenerCount("drain") + pipe.listenerCount("close")).toBe(0);
});
