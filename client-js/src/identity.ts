// Identity: who this client says it is, the same at every door.

import { encodeMessage } from "./protocol.ts";

export class Identity {
  /** By the server's word; empty before the first welcome. */
  user = "";

  constructor(
    readonly token: string | (() => string | Promise<string>) | undefined,
    readonly device: string,
    /** The guest's name. */
    readonly guest: string | undefined,
  ) {}

  /** A guest to whom the server has yet to give a name, which is then good for all doors. */
  get isNameless(): boolean {
    return this.token === undefined && this.guest === undefined && this.user === "";
  }

  /** There may be another token than the one that was said. */
  get isRenewable(): boolean {
    return typeof this.token === "function";
  }

  /** The first message of a connection. Rejected if there is no token to be had. */
  async hello(): Promise<Uint8Array> {
    const token = await this.#present();
    // A guest whom the server gave a name keeps it over reconnects.
    const user = this.token === undefined ? this.user || this.guest : this.guest;
    return encodeMessage({ type: "hello", token, device: this.device, user });
  }

  /** Says a new token in the session that an older one began. Rejected likewise. */
  async renew(): Promise<Uint8Array> {
    return encodeMessage({ type: "renew", token: (await this.#present()) ?? "" });
  }

  async #present(): Promise<string | undefined> {
    return typeof this.token === "function" ? await this.token() : this.token;
  }
}
