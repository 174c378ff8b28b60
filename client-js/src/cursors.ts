// Cursors: where a device keeps how much of its user's inbox it has, over page loads.

import type { InboxCursor } from "./relay-protocol.ts";

/** Keeps one cursor. What `save` has confirmed, `load` gives, also in the next life of the page. */
export interface CursorStore {
  load(): Promise<InboxCursor | undefined>;
  save(cursor: InboxCursor): Promise<void>;
}

/** Forgets it with the page. The server remembers what the device has acknowledged. */
export function memoryCursors(): CursorStore {
  let kept: InboxCursor | undefined;
  return {
    load: async () => kept,
    save: async (cursor) => {
      kept = cursor;
    },
  };
}

const database = "slotcast";
const table = "cursors";

/** Keeps it in the browser's IndexedDB under `name`, one for each user and device. */
export function indexedDbCursors(name: string): CursorStore {
  let opened: Promise<IDBDatabase> | undefined;
  const open = () => {
    opened ??= openDatabase(() => {
      opened = undefined;
    });
    return opened;
  };
  return {
    load: async () => cursorOf(await load(await open(), name)),
    save: async (cursor) => save(await open(), name, cursor),
  };
}

/** `gone`: it cannot be used any more, so the next one opens it anew. */
function openDatabase(gone: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(table);
    request.onerror = () => {
      gone();
      reject(request.error);
    };
    request.onsuccess = () => {
      request.result.onclose = gone;
      request.result.onversionchange = () => {
        request.result.close();
        gone();
      };
      resolve(request.result);
    };
  });
}

function load(opened: IDBDatabase, name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = opened.transaction(table).objectStore(table).get(name);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function save(opened: IDBDatabase, name: string, { epoch, seq }: InboxCursor): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = opened.transaction(table, "readwrite");
    transaction.objectStore(table).put({ epoch, seq }, name);
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** What another version of the page, or its user, has left there may be anything. */
export function cursorOf(kept: unknown): InboxCursor | undefined {
  if (typeof kept !== "object" || kept === null || !("epoch" in kept) || !("seq" in kept)) return undefined;
  const { epoch, seq } = kept;
  return isNumber(epoch) && isNumber(seq) ? { epoch, seq } : undefined;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
