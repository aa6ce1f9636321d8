/**
 * A small TCP load balancer: each new connection goes to the next backend that is in, and is passed on both ways, ends
 * and resets included.
 *
 * @module
 */
import { type Conn, createServer, Dialer, listen, type Server, silentLogger } from "@sluice/sluice";
import { connectTo, type Place } from "./places.ts";

/** Longest wait for a backend, in ms: a machine's own servers answer at once. */
const CONNECT_LIMIT = 2000;
/** How often to ask for a backend that is in, and how long, in ms: one comes back while the other goes. */
const ASK_EVERY = 10;
const ASK_LIMIT = 2000;

/** A server behind the balancer. */
class Backend {
  dialer: Dialer;
  in = true;
  dialing = 0;
  /** Called when nothing is being connected to it. */
  settled: (() => void) | null = null;
  /** Connections of clients that it has. */
  readonly open: Set<Conn> = new Set();

  constructor(place: Place, stretch: number) {
    this.dialer = dialerFor(place, stretch);
  }
}

/** Takes connections and gives them to backends in turn. */
export class Balancer implements AsyncDisposable {
  readonly #server: Server;
  readonly #backends: Backend[] = [];
  readonly #stretch: number;
  #turn = 0;
  #refused = 0;

  private constructor(stretch: number) {
    this.#stretch = stretch;
    this.#server = createServer({ logger: silentLogger }, (conn) => this.#handle(conn));
  }

  /** Listens on a free port; its waits may be `stretch` times longer than on a machine that has time. */
  static async listen(hostname: string, stretch: number = 1): Promise<Balancer> {
    const balancer = new Balancer(stretch);
    balancer.#server.serve(await listen({ hostname }));
    return balancer;
  }

  /** Where it listens. */
  get place(): Place {
    const { address } = this.#server;
    return address.transport === "tcp" ? { hostname: address.hostname, port: address.port } : { path: address.path };
  }

  /** Connections for which no backend could be had. */
  get refused(): number {
    return this.#refused;
  }

  /** Puts a backend in, by its number from 0: a new one, or one that was taken out and may listen elsewhere now. */
  putIn(index: number, place: Place): void {
    const backend = this.#backends[index];
    if (backend === undefined) this.#backends[index] = new Backend(place, this.#stretch);
    else Object.assign(backend, { dialer: dialerFor(place, this.#stretch), in: true });
  }

  /** Takes a backend out; fulfils when no connection is being made to it any more. */
  takeOut(index: number): Promise<void> {
    const backend = this.#backends[index];
    backend.in = false;
    if (backend.dialing === 0) return Promise.resolve();
    return new Promise((resolve) => backend.settled = resolve);
  }

  /** Resets what clients have with a backend; it does not hear of it if it stands still. */
  cut(index: number): void {
    for (const conn of this.#backends[index].open) conn.abort();
  }

  /** Stops; what is still open is cut. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
  }

  async #handle(conn: Conn): Promise<void> {
    const dialled = await this.#dial();
    if (dialled === null) {
      this.#refused++;
      return conn.abort();
    }
    const [upstream, { open }] = dialled;
    open.add(conn);
    await Promise.all([passOn(conn, upstream), passOn(upstream, conn)]);
    open.delete(conn);
    await Promise.all([upstream.close(), conn.close()]);
  }

  async #dial(): Promise<readonly [Conn, Backend] | null> {
    const deadline = performance.now() + ASK_LIMIT * this.#stretch;
    for (;;) {
      const backend = this.#next();
      const conn = backend === null ? null : await dial(backend);
      if (conn !== null) return [conn, backend!];
      if (performance.now() > deadline) return null;
      await new Promise<void>((resolve) => setTimeout(resolve, backend === null ? ASK_EVERY : 0));
    }
  }

  #next(): Backend | null {
    for (let i = 0; i < this.#backends.length; i++) {
      const backend = this.#backends[this.#turn++ % this.#backends.length];
      if (backend.in) return backend;
    }
    return null;
  }
}

function dialerFor(place: Place, stretch: number): Dialer {
  return new Dialer({ ...place, connectTimeout: CONNECT_LIMIT * stretch });
}

/** Takes the backend out if it can't be reached. */
async function dial(backend: Backend): Promise<Conn | null> {
  backend.dialing++;
  try {
    return await connectTo(backend.dialer);
  } catch {
    backend.in = false;
    return null;
  } finally {
    if (--backend.dialing === 0) backend.settled?.();
  }
}

/** One direction, until its end. A reset is passed on when all that came before it is with the kernel. */
async function passOn(from: Conn, to: Conn): Promise<void> {
  try {
    for await (const chunk of from) await to.write(chunk).catch(() => {});
    await to.closeWrite().catch(() => {});
  } catch {
    // What can't be written any more is told by the other direction.
    await to.flush().catch(() => {});
    to.abort();
  }
}
