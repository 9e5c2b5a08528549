/** What the compiler knows of context fields. Checked by `tsc`; nothing here runs. */

import { expectTypeOf } from "vitest";
import type { LoggedEvent } from "./accessors.ts";
import { contextView } from "./context-view.ts";
import {
  type Context,
  type ContextInit,
  type ContextView,
  context,
  type EventLogField,
  type Fields,
  type FieldsOf,
  field,
  type LiveContext,
  type RegisterField,
} from "./field.ts";
import { shapeOf } from "./shape.ts";

const Order = context({
  region: field.fixed("eu"),
  status: field.register<"new" | "paid">("new"),
  log: field.eventLog<{ kind: string }>(),
  attempts: field.counter(),
  licences: field.set<string>(),
  prices: field.map<number>(),
  high: field.maximum(),
  low: field.minimum(),
  words: field.merged<string[]>({ empty: [], merge: (left, right) => [...left, ...right] }),
});
type OrderFields = FieldsOf<typeof Order>;

// As a node sees it.
declare const live: LiveContext<OrderFields>;
expectTypeOf(live.region.value).toEqualTypeOf<string>();
expectTypeOf(live.status.value).toEqualTypeOf<"new" | "paid">();
expectTypeOf(live.log.events).toEqualTypeOf<readonly { kind: string }[]>();
expectTypeOf([...live.log]).toEqualTypeOf<LoggedEvent<{ kind: string }>[]>();
expectTypeOf(live.log.fold(0, (count, event) => count + event.kind.length)).toEqualTypeOf<number>();
expectTypeOf(live.attempts.value).toEqualTypeOf<number>();
expectTypeOf([...live.licences]).toEqualTypeOf<string[]>();
expectTypeOf(live.prices.get("a")).toEqualTypeOf<number | undefined>();
expectTypeOf([...live.prices]).toEqualTypeOf<(readonly [string, number])[]>();
expectTypeOf(live.high.value).toEqualTypeOf<number | undefined>();
expectTypeOf(live.words.value).toEqualTypeOf<string[]>();
live.status.set("paid");
live.status.update((status) => (status === "new" ? "paid" : status));
live.log.append({ kind: "a" });
live.attempts.add();
live.licences.add("MIT");
live.prices.set("a", 1);
live.high.offer(1);
live.words.merge(["a"]);
// @ts-expect-error not one of the values
live.status.set("lost");
// @ts-expect-error an event of another type
live.log.append({ type: "a" });
// @ts-expect-error counters add numbers
live.attempts.add("1");
// @ts-expect-error an element of another type
live.licences.add(1);
// @ts-expect-error a value of another type
live.prices.set("a", "1");
// @ts-expect-error a fixed field cannot be set
live.region.set("us");
// @ts-expect-error a value is changed by its functions only
live.status.value = "paid";
// @ts-expect-error no such field
live.other;

// As a reader sees it.
declare const view: ContextView<OrderFields>;
expectTypeOf(view.status.value).toEqualTypeOf<"new" | "paid">();
expectTypeOf(view.attempts.value + view.sequence).toEqualTypeOf<number>();
expectTypeOf([...view.licences]).toEqualTypeOf<string[]>();
// @ts-expect-error readers cannot change anything
view.log.append({ kind: "a" });
// @ts-expect-error readers cannot change anything
view.status.set("paid");
expectTypeOf(contextView<OrderFields>(shapeOf(Order), { fields: [] }, 0)).toEqualTypeOf<ContextView<OrderFields>>();

// As startRun accepts it: any part, by field.
const init: ContextInit<OrderFields> = { status: "paid", log: [{ kind: "a" }], prices: { a: 1 }, high: undefined };
const inits = [init, {}];
expectTypeOf(inits).toExtend<ContextInit<OrderFields>[]>();
// @ts-expect-error a value of another type
inits.push({ attempts: "1" } satisfies ContextInit<OrderFields>);
// @ts-expect-error no such field
inits.push({ other: 1 } satisfies ContextInit<OrderFields>);

// Fields are invariant: one of a narrower or wider type is another field.
declare const narrow: RegisterField<"a">;
declare const wide: RegisterField<string>;
// @ts-expect-error what is set through the wide one would not fit the narrow one
const widened: RegisterField<string> = narrow;
// @ts-expect-error what is read through the narrow one would not fit
const narrowed: RegisterField<"a"> = wide;
// @ts-expect-error events of another type
const events: EventLogField<unknown> = Order.fields.log;
void [widened, narrowed, events];

// A context may be part of a larger one; any context is a context.
const Larger = context({ ...Order.fields, extra: field.counter() });
expectTypeOf<FieldsOf<typeof Larger>["log"]>().toEqualTypeOf<OrderFields["log"]>();
expectTypeOf(Larger).toExtend<Context<Fields>>();
expectTypeOf<keyof FieldsOf<undefined>>().toEqualTypeOf<never>();

// @ts-expect-error not a field
context({ status: "new" });
// @ts-expect-error merge must give what the field holds
field.merged<string[]>({ empty: [], merge: () => "x" });
// @ts-expect-error merge is needed
field.merged<string[]>({ empty: [] });
