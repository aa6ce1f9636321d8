/**
 * What adapters see of whoever has started their process: types only.
 *
 * @module
 */
import type { Parent } from "../../../src/parent.ts";
import type { HeldSocket, SocketListenOptions } from "../../../src/socket.ts";

/** A parent as adapters see it. */
export interface ProcessParent extends Parent {
  /**
   * The socket that was asked for; null if the process is to open it by itself.
   *
   * @throws {ListenError} The parent can't open it, or has none of that name.
   */
  open(options: SocketListenOptions): Promise<HeldSocket | null>;
}

/** What is different from runtime to runtime. */
export interface ParentAccess {
  /** A variable of the environment; undefined if it is not there, or may not be read. */
  readonly env: (name: string) => string | undefined;
  /** Takes a descriptor that the parent has sent over this one, where IPC can't carry sockets. */
  readonly receive?: (over: number) => Promise<number>;
}
