/**
 * What is different about handles on Deno.
 *
 * @module
 */
import { type Handle, type ListenHandle, nativeWith, type TcpHandle } from "../node/handles/native.ts";
import { Handles } from "../node/handles/socket.ts";

/** Versions of Deno on which the suite has run. */
const TESTED = /^2\.9\./;

/** The type of a socket's handle, for its constructor. */
const SOCKET = 0;

/** A listening handle that is asked for its connections: 0, or an error's number. */
interface AskedHandle extends ListenHandle {
  accept(into: Handle): number;
}

class DenoHandles extends Handles {
  override readonly takesNext: boolean = false;

  override accept(listening: ListenHandle, _handle: Handle | undefined): Handle | null {
    const { TCP, Pipe } = this.native;
    const handle = listening instanceof TCP ? new TCP(SOCKET) : new Pipe(SOCKET);
    return (listening as AskedHandle).accept(handle) === 0 ? handle : null;
  }

  /** Handles don't know how much of it is with the kernel. */
  override waiting(_handle: Handle, size: number): number {
    return size;
  }

  /** A handle that is only reset calls nobody back, and is kept for ever. */
  override reset(tcp: TcpHandle, done: () => void): void {
    super.reset(tcp, ignore);
    tcp.close(done);
  }
}

function ignore(): void {}

/** What lies below `node:net`, here too; null if it can't be used. */
export function findDenoHandles(version: string): Handles | null {
  const native = TESTED.test(version) ? nativeWith(["accept"]) : null;
  return native && new DenoHandles(native);
}
