// Slotcast's client: shared objects in the browser.

export { type ConnectOptions, connect, type ObjectOptions, type Slotcast } from "./client.ts";
export type { ListenOptions, Off } from "./events.ts";
export { fingerprint } from "./fingerprint.ts";
export type { Cleared, ObjectState, Progressed, SendEvent, Synced } from "./happenings.ts";
export type { ConnectionEvents, ConnectionState, Failure } from "./line.ts";
export type { SharedObject } from "./object.ts";
export type { Accepted } from "./outbox.ts";
export type { SlotRecord } from "./protocol.ts";
export { type Code, Rejected } from "./rejected.ts";
export type { Transaction, TransactionOptions, TransactionResult } from "./transaction.ts";
export type { Transport, TransportFactory, TransportListener, WebSocketClass } from "./transport.ts";
export type { Item, ObjectEvents, Slot, SlotName } from "./typing.ts";
export type { Path, Value } from "./values.ts";
export type { AppendOptions, LifeOptions, SetOptions } from "./writer.ts";
