/**
 * A recorder of socket events, and a rig that opens sockets for one test and makes sure that all of them end.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { concat } from "../../src/bytes.ts";
import type { Address, TlsConnectOptions } from "../../src/endpoint.ts";
import type { Adapter } from "../../src/platform.ts";
import type { ListenerEvents, RawSocket, SocketEvents, SocketListener, SocketListenOptions } from "../../src/socket.ts";

export { concat };

/** How long a test waits for anything, in ms: for what hangs, on a busy machine too. */
export const PATIENCE = 60_000;

/** The promise's outcome, or an error that says what was waited for. */
export function within<T>(what: string, promise: Promise<T>, limit: number = PATIENCE): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limit} ms for ${what}`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Bytes in which every word differs from its neighbours, so that loss and reordering show. */
export function pattern(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = i;
  return new Uint8Array(words.buffer, 0, length);
}

/** Where two arrays differ first, or -1. Faster on megabytes than a deep comparison. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

/** Writes down what a socket tells, and whether it broke the order. */
export class Recorder implements SocketEvents {
  readonly chunks: Uint8Array[] = [];
  /** `end`, `drained` and `gone` in their order; `data` once for each run of chunks. */
  readonly log: string[] = [];
  /** Events that came after `gone`, or data after `end`, or while `silent` said there must be none. */
  readonly violations: string[] = [];
  length = 0;
  silent = false;
  error: Error | undefined;
  onData: ((chunk: Uint8Array) => unknown) | undefined;
  onEnd: (() => void) | undefined;
  onDrained: (() => void) | undefined;
  #waiting: { ready: () => boolean; resolve: () => void }[] = [];

  data(chunk: Uint8Array): void {
    if (this.has("end")) this.violations.push("data after end");
    if (this.log[this.log.length - 1] !== "data") this.#note("data");
    else if (this.silent) this.violations.push("data while silent");
    this.chunks.push(chunk);
    this.length += chunk.length;
    this.onData?.(chunk);
    this.#wake();
  }

  end(): void {
    if (this.has("end")) this.violations.push("a second end");
    this.#note("end");
    this.onEnd?.();
    this.#wake();
  }

  drained(): void {
    this.#note("drained");
    this.onDrained?.();
    this.#wake();
  }

  gone(error?: Error): void {
    this.#note("gone");
    this.error = error;
    this.#wake();
  }

  has(event: string): boolean {
    return this.log.includes(event);
  }

  text(): string {
    return new TextDecoder().decode(concat(this.chunks));
  }

  /** Fulfils when `ready` holds after an event, or holds already. */
  until(what: string, ready: () => boolean): Promise<void> {
    if (ready()) return Promise.resolve();
    return within(what, new Promise((resolve) => this.#waiting.push({ ready, resolve })));
  }

  event(name: "end" | "drained" | "gone"): Promise<void> {
    return this.until(name, () => this.has(name));
  }

  received(length: number): Promise<void> {
    return this.until(`${length} bytes`, () => this.length >= length);
  }

  #note(event: string): void {
    if (this.has("gone")) this.violations.push(`${event} after gone`);
    if (this.silent) this.violations.push(`${event} while silent`);
    this.log.push(event);
  }

  #wake(): void {
    const woken = this.#waiting.filter((waiter) => waiter.ready());
    this.#waiting = this.#waiting.filter((waiter) => !woken.includes(waiter));
    for (const waiter of woken) waiter.resolve();
  }
}

/** A listener with the sockets that it accepted. */
export class Door {
  readonly listener: SocketListener;
  readonly accepted: RawSocket[] = [];
  readonly failures: (Error & { readonly code?: string })[] = [];
  /** Called with each accepted socket. */
  onAccepted: ((socket: RawSocket) => void) | undefined;
  #next: ((socket: RawSocket) => void)[] = [];
  #queue: RawSocket[] = [];

  constructor(listener: SocketListener) {
    this.listener = listener;
  }

  /** Begins accepting. */
  open(): void {
    const events: ListenerEvents = {
      accepted: (socket) => this.#take(socket),
      failed: (error) => this.failures.push(error),
    };
    this.listener.start(events);
  }

  /** The next accepted socket. */
  next(): Promise<RawSocket> {
    const queued = this.#queue.shift();
    if (queued !== undefined) return Promise.resolve(queued);
    return within("an accepted socket", new Promise<RawSocket>((resolve) => this.#next.push(resolve)));
  }

  #take(socket: RawSocket): void {
    this.accepted.push(socket);
    this.onAccepted?.(socket);
    const waiting = this.#next.shift();
    if (waiting !== undefined) waiting(socket);
    else this.#queue.push(socket);
  }
}

/** Two ends of one connection. */
export interface Pair {
  readonly client: RawSocket;
  readonly server: RawSocket;
  /** What the client's end told. */
  readonly c: Recorder;
  /** What the server's end told. */
  readonly s: Recorder;
}

/** Which ends of a new pair read at once. */
export type Started = "both" | "client" | "server" | "none";

/** Everything one test opened. */
export class Rig {
  readonly adapter: Adapter;
  #doors: Door[] = [];
  #sockets: RawSocket[] = [];
  #recorders: Recorder[] = [];
  #echo: Door | undefined;

  constructor(adapter: Adapter) {
    this.adapter = adapter;
  }

  /** Listens on a free port of 127.0.0.1 unless told otherwise; closed at the end of the test. */
  async listen(options: Partial<SocketListenOptions> = {}): Promise<Door> {
    const address: Address = { transport: "tcp", hostname: "127.0.0.1", port: 0 };
    const listener = await within(
      "listen",
      this.adapter.listen({ address, backlog: 511, reusePort: false, ...options }),
    );
    const door = new Door(listener);
    this.#doors.push(door);
    return door;
  }

  async connect(address: Address, tls?: TlsConnectOptions): Promise<RawSocket> {
    const socket = await within("connect", this.adapter.connect({ address, tls }));
    this.#sockets.push(socket);
    return socket;
  }

  /** Starts a socket with a recorder. */
  start(socket: RawSocket, recorder: Recorder = new Recorder()): Recorder {
    this.#recorders.push(recorder);
    socket.start(recorder);
    return recorder;
  }

  /** A connected pair, through `door` or a listener of its own. */
  async pair(started: Started = "both", door?: Door): Promise<Pair> {
    if (door === undefined) {
      door = await this.listen();
      door.open();
    }
    const [client, server] = await Promise.all([this.connect(door.listener.address), door.next()]);
    this.#sockets.push(server);
    const c = new Recorder();
    const s = new Recorder();
    if (started === "both" || started === "client") this.start(client, c);
    if (started === "both" || started === "server") this.start(server, s);
    return { client, server, c, s };
  }

  /** Fulfils after round trips on a fresh connection: what was under way before has arrived by then. */
  async barrier(): Promise<void> {
    if (this.#echo === undefined) {
      this.#echo = await this.listen();
      this.#echo.onAccepted = (socket) => {
        const recorder = this.start(socket);
        recorder.onData = (chunk) => socket.write(chunk);
        recorder.onEnd = () => socket.shutdown();
      };
      this.#echo.open();
    }
    const client = await this.connect(this.#echo.listener.address);
    const recorder = this.start(client);
    for (let trip = 1; trip <= 5; trip++) {
      client.write(bytes("x"));
      await recorder.received(trip);
    }
    client.shutdown();
    await recorder.event("gone");
  }

  /** Ends everything, and fails if a socket did not tell `gone` exactly once and last. */
  async close(): Promise<void> {
    for (const { listener } of this.#doors) await within("listener.close()", listener.close());
    for (const { listener, accepted } of this.#doors) {
      listener.dropHandshakes?.();
      this.#sockets.push(...accepted);
    }
    for (const socket of this.#sockets) socket.destroy();
    for (const recorder of this.#recorders) {
      recorder.silent = false;
      await recorder.event("gone");
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const recorder of this.#recorders) {
      assertEquals(recorder.violations, []);
      assertEquals(recorder.log.filter((event) => event === "gone").length, 1);
    }
  }
}
