// Events: who listens to what.

/** For every `on`: when the signal aborts, the listener is off. */
export interface ListenOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Ends a listener. Calling it again does nothing. */
export type Off = () => void;

/** Listeners by event name. `Events` gives each event what its listeners are handed. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** How many listeners there are. */
  get size(): number {
    return [...this.#listeners.values()].reduce((sum, listeners) => sum + listeners.size, 0);
  }

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void, options: ListenOptions = {}): Off {
    if (options.signal?.aborted) return () => {};
    // Wrapped, so that the same function given twice is two listeners.
    const entry = (event: Events[Name]) => listener(event);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(entry));
    const off = () => {
      listeners.delete(entry);
      options.signal?.removeEventListener("abort", off);
    };
    options.signal?.addEventListener("abort", off);
    return off;
  }

  /** What a listener throws is reported as an uncaught error and stops neither the other listeners nor the client. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
