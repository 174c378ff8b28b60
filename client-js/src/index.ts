// Slotcast's client: shared objects in the browser.

export type { ObjectOptions, Slotcast } from "./client.ts";
export { type ConnectOptions, connect, transports } from "./connect.ts";
export { type CursorStore, indexedDbCursors, memoryCursors } from "./cursors.ts";
export type { ListenOptions, Off } from "./events.ts";
export { fingerprint } from "./fingerprint.ts";
export type { Friend, Friends } from "./friends.ts";
export type { Cleared, ObjectState, Progressed, SendEvent, Synced } from "./happenings.ts";
export type { Inbox, InboxEvents, PrivateMessage, Receipt, Seen, SentCopy, Signal } from "./inbox.ts";
export type { ConnectionEvents, ConnectionState, Failure } from "./line-events.ts";
export type { SharedObject } from "./object.ts";
export type { Accepted } from "./outbox.ts";
export type { OwnStatus, Said } from "./own-status.ts";
export type { Person, TellOptions, Told } from "./person.ts";
export type { SlotRecord } from "./protocol.ts";
export { type Code, Rejected } from "./rejected.ts";
export type { State } from "./relay-incoming.ts";
export type { InboxCursor, OwnState } from "./relay-protocol.ts";
export type { Status } from "./statuses.ts";
export type { Transaction, TransactionOptions, TransactionResult } from "./transaction.ts";
export type { Transport, TransportFactory, TransportListener, TransportName } from "./transport.ts";
export type { Item, ObjectEvents, Slot, SlotName } from "./typing.ts";
export type { Path, Value } from "./values.ts";
export type { WebSocketClass } from "./websocket.ts";
export type { AppendOptions, LifeOptions, SetOptions } from "./writer.ts";
