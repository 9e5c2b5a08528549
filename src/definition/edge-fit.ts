/**
 * When a value that one node emits fits what another accepts. Values travel as JSON, so two differences of TypeScript
 * mean nothing on the way: `readonly` (the receiver gets a copy) and a property that is `undefined` instead of absent
 * (JSON drops it). The direct comparison is made first; the others cost the compiler more and are only reached when it
 * fails.
 */

type Primitive = string | number | boolean | null | undefined;

/** The type without any `readonly`. `unknown` stays what it is. */
type Wire<T> = unknown extends T ? T : T extends Primitive ? T : { -readonly [K in keyof T]: Wire<T[K]> };

/** The type with `undefined` allowed wherever a property may be absent. */
type Loose<T> = unknown extends T
  ? T
  : T extends Primitive
    ? T
    : { [K in keyof T]: NonNullable<unknown> extends Pick<T, K> ? Loose<T[K]> | undefined : Loose<T[K]> };

/** Whether `O` may be delivered where `I` is accepted. */
export type Fits<O, I> = [O] extends [I]
  ? true
  : [Wire<O>] extends [I]
    ? true
    : [Wire<O>] extends [Loose<I>]
      ? true
      : false;
