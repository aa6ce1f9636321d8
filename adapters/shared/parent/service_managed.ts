/**
 * What every holder has of the system's service manager.
 *
 * @module
 */
import type { Address } from "../../../src/endpoint.ts";
import type { BoundSocket } from "../../../src/parent.ts";
import { readVariable } from "./find.ts";
import { Notifier, passedSockets } from "./systemd.ts";

/** Sockets that were passed, and the way to tell how the service is. */
export abstract class ServiceManaged {
  readonly #notifier: Notifier = new Notifier(readVariable);

  /** Takes over a descriptor; its file, if it has one, stays when it is closed. */
  protected abstract adopt(fd: number, address: Address): BoundSocket;

  passed(): readonly { readonly name: string; readonly socket: BoundSocket }[] {
    return passedSockets(readVariable).flatMap(({ fd, name, address }) =>
      address === null ? [] : [{ name, socket: this.adopt(fd, address) }]
    );
  }

  beat(): void {
    this.#notifier.beat();
  }

  notify(...state: string[]): Promise<void> {
    return this.#notifier.tell(...state);
  }
}
