// Asked: questions about objects whose answers carry no id, and so come in the order of asking.

import { Deferred } from "./outbox.ts";

export class Asked<T> {
  readonly #waiting = new Map<string, Deferred<T>[]>();

  /** One more question about `object`. */
  ask(object: string): Promise<T> {
    const asked = new Deferred<T>();
    this.#waiting.set(object, [...(this.#waiting.get(object) ?? []), asked]);
    return asked.promise;
  }

  isWaiting(object: string): boolean {
    return this.#waiting.has(object);
  }

  /** The objects of all questions without an answer, one for each. */
  *objects(): Generator<string> {
    for (const [object, waiting] of this.#waiting) for (const _ of waiting) yield object;
  }

  answer(object: string, value: T): void {
    this.#next(object)?.resolve(value);
  }

  refuse(object: string, reason: Error): void {
    this.#next(object)?.reject(reason);
  }

  #next(object: string): Deferred<T> | undefined {
    const [next, ...others] = this.#waiting.get(object) ?? [];
    if (others.length > 0) this.#waiting.set(object, others);
    else this.#waiting.delete(object);
    return next;
  }
}
