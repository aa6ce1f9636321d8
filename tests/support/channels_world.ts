/**
 * Instances of channels and raw clients of theirs, in memory and in virtual time.
 *
 * @module
 */
import process from "node:process";
import { Dialer, type Logger, type LogLevel, serve, type Server, silentLogger } from "../../mod.ts";
import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory/mod.ts";
import { Channels } from "../../src/channels/channels.ts";
import type { AcceptOptions, ChannelsOptions } from "../../src/channels/channels_api.ts";
import { CHANNELS_PROTOCOL, decodeFrame, encodeFrame, type Frame } from "../../src/channels/wire/frames.ts";
import { type HttpServer, serveHttp } from "../../src/http/mod.ts";
import type { MemorySocket } from "../../adapters/memory/mod.ts";
import type { Conn } from "../../src/server/conn/conn.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import { prefixed } from "../../src/channels/server/outgoing.ts";
import type { NetworkOptions } from "./world.ts";
import { bytesOf, handshake, RawPeer } from "./ws_raw.ts";
import { BINARY, TEXT } from "./ws_wire.ts";

/** Secrets of all instances of a test. */
export const SECRET = "a secret of sixteen characters and more";

/** So many turns of the event loop something may take that takes no time: signatures are made outside of it. */
const MAX_TURNS = 20_000;

/** How a client says hello. */
export interface Hello {
  token?: string | null;
  ticket?: string | null;
  subs?: readonly unknown[];
  version?: unknown;
}

/** What was logged by an instance. */
export interface Failure {
  readonly what: string;
  readonly error: unknown;
}

/** One instance. */
export interface Instance {
  readonly channels: Channels;
  readonly http: HttpServer;
  readonly tcp: Server;
  /** What was told to its logger. */
  readonly failures: Failure[];
}

/** A client, by whichever connection, as a test sees it. */
export abstract class Talker {
  readonly world: ChannelsWorld;
  /** What `welcome` gave. */
  ticket: string | null = null;

  constructor(world: ChannelsWorld) {
    this.world = world;
  }

  /** Every frame so far. */
  abstract readonly heard: readonly Frame[];
  /** The close code, once there is one. */
  abstract readonly closed: number | null;
  abstract send(message: string | Uint8Array): void;
  /** Breaks the connection. */
  abstract cut(): void;

  say(...frames: readonly Frame[]): void {
    for (const frame of frames) this.send(encodeFrame(frame));
  }

  /** Frames with that word. */
  of(word: string): readonly Frame[] {
    return this.heard.filter(([first]) => first === word);
  }

  /** Waits, without time, for the n-th frame with that word. */
  async next(word: string, count = 1): Promise<Frame> {
    await this.world.until(() => this.of(word).length >= count || this.closed !== null, () => this.story(word));
    const found = this.of(word)[count - 1];
    if (found === undefined) throw new Error(`No ${word}: ${this.story(word)}`);
    return found;
  }

  /** Says hello; what the server has answered. */
  async hello({ token = null, ticket = null, subs = [], version = 1 }: Hello = {}): Promise<Frame> {
    this.say(["hello", version, token, ticket, subs]);
    const welcome = await this.next("welcome");
    this.ticket = welcome[1] as string;
    return welcome;
  }

  /** Waits for the close code. */
  async ended(): Promise<number> {
    await this.world.until(() => this.closed !== null, () => this.story("close"));
    return this.closed!;
  }

  /** Offsets and data of a channel's messages. */
  messages(channel: string): readonly unknown[] {
    return this.of("m").filter((frame) => frame[1] === channel).map((frame) => frame[3]);
  }

  offsets(channel: string): readonly number[] {
    return this.heard.filter(([word, name]) => (word === "m" || word === "p") && name === channel)
      .map((frame) => frame[2] as number);
  }

  /** A position behind what has come of a channel. */
  position(channel: string): string {
    let grant = "";
    let offset = 0;
    for (const [word, a, b, c, d] of this.heard) {
      if (word === "subbed" && b === channel) [grant, offset] = [c as string, d as number];
      if (word === "gap" && a === channel) [grant, offset] = [b as string, c as number];
      if ((word === "m" || word === "p") && a === channel) offset = b as number;
    }
    return `${offset}.${grant}`;
  }

  story(waiting: string): string {
    return `waiting for ${waiting}, closed ${this.closed}, heard ${JSON.stringify(this.heard)}`;
  }
}

/** On a WebSocket. */
export class WsTalker extends Talker {
  readonly peer: RawPeer;
  readonly #heard: Frame[] = [];
  #at = 0;

  constructor(world: ChannelsWorld, peer: RawPeer) {
    super(world);
    this.peer = peer;
  }

  get heard(): readonly Frame[] {
    for (; this.#at < this.peer.frames.length; this.#at++) {
      const { opcode, payload } = this.peer.frames[this.#at];
      if (opcode !== TEXT && opcode !== BINARY) continue;
      const frame = decodeFrame(opcode === TEXT ? new TextDecoder().decode(payload) : payload);
      if (frame === null) throw new Error("The server sent what is no frame");
      this.#heard.push(frame);
    }
    return this.#heard;
  }

  get closed(): number | null {
    return this.peer.close?.code ?? (this.peer.end === "open" ? null : 1006);
  }

  get socket(): MemorySocket {
    return this.peer.socket;
  }

  send(message: string | Uint8Array): void {
    this.peer.send(message);
  }

  cut(): void {
    this.peer.conn.abort();
  }
}

/** On TCP. */
export class TcpTalker extends Talker {
  readonly conn: Conn;
  readonly heard: Frame[] = [];
  closed: number | null = null;
  /** Sees each frame as it comes; then none is kept. */
  onFrame: ((frame: Frame) => void) | null = null;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(world: ChannelsWorld, conn: Conn) {
    super(world);
    this.conn = conn;
    void this.#follow();
  }

  get socket(): MemorySocket {
    return (this.conn as unknown as { readonly socket: MemorySocket }).socket;
  }

  send(message: string | Uint8Array): void {
    this.conn.write(prefixed(message)).catch(() => {});
  }

  cut(): void {
    this.conn.abort();
  }

  async #follow(): Promise<void> {
    try {
      for await (const chunk of this.conn) this.#take(chunk);
      await this.conn.close();
    } catch {
      // Its end says so.
    }
    this.closed ??= 1006;
  }

  #take(chunk: Uint8Array): void {
    const all = new Uint8Array(this.#rest.length + chunk.length);
    all.set(this.#rest);
    all.set(chunk, this.#rest.length);
    let at = 0;
    while (all.length - at >= 4) {
      const size = new DataView(all.buffer, all.byteOffset + at).getUint32(0);
      if (all.length - at - 4 < size) break;
      const body = all.subarray(at + 5, at + 4 + size);
      const frame = decodeFrame(all[at + 4] === 0 ? new TextDecoder().decode(body) : body.slice())!;
      if (frame[0] === "close") this.closed = frame[1] as number;
      else if (this.onFrame !== null) this.onFrame(frame);
      else this.heard.push(frame);
      at += 4 + size;
    }
    this.#rest = all.slice(at);
  }
}

/** Instances, clients, a network and a clock. */
export class ChannelsWorld implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock({ turns: 1 });
  readonly adapter: MemoryAdapter;
  readonly instances: Instance[] = [];
  readonly talkers: Talker[] = [];
  readonly #dialer: Dialer;
  readonly #unheard: unknown[] = [];
  readonly #onUnheard = (reason: unknown): void => void this.#unheard.push(reason);

  constructor(network: NetworkOptions = {}) {
    this.adapter = memoryAdapter({ ...network, clock: this.clock });
    this.#dialer = new Dialer({ adapter: this.adapter, clock: this.clock, lingerTimeout: 60_000, keepAlive: 0 });
    process.on("unhandledRejection", this.#onUnheard);
  }

  /** The first instance's. */
  get channels(): Channels {
    return this.instances[0].channels;
  }

  /** One more instance. */
  async start(options: ChannelsOptions = {}, accept: AcceptOptions = {}): Promise<Instance> {
    const { adapter, clock } = this;
    const failures: Failure[] = [];
    const channels = new Channels({ clock, secret: SECRET, logger: loggerTo(failures), ...options });
    const place = { port: 0, hostname: "127.0.0.1", adapter, clock, logger: silentLogger };
    const http = await serveHttp(place, (request) => channels.accept(request, accept));
    const { webSocket: _, ...rest } = accept;
    const tcp = await serve(place, (conn) => channels.acceptConn(conn, rest));
    const instance = { channels, http, tcp, failures };
    this.instances.push(instance);
    return instance;
  }

  /** A client on a WebSocket that has said nothing yet. */
  async dial(instance: Instance = this.instances[0]): Promise<WsTalker> {
    const conn = await this.soon(this.#dialer.connect({ port: portOf(instance.http) }));
    const peer = new RawPeer(conn, () => this.clock.now(), {});
    peer.write(bytesOf(handshake("/", { "sec-websocket-protocol": CHANNELS_PROTOCOL })));
    await this.until(() => peer.head.endsWith("\r\n\r\n") || peer.end !== "open");
    if (peer.status !== 101) throw new Error(`No WebSocket: ${peer.head}`);
    const talker = new WsTalker(this, peer);
    this.talkers.push(talker);
    return talker;
  }

  /** The same on TCP. */
  async dialTcp(instance: Instance = this.instances[0]): Promise<TcpTalker> {
    const talker = new TcpTalker(this, await this.soon(this.#dialer.connect({ port: portOf(instance.tcp) })));
    this.talkers.push(talker);
    return talker;
  }

  /** A client that is welcome. */
  async client(hello: Hello = {}, instance: Instance = this.instances[0]): Promise<WsTalker> {
    const talker = await this.dial(instance);
    await talker.hello(hello);
    return talker;
  }

  /** Waits for what takes no time. */
  async until(holds: () => boolean, otherwise: () => string = () => ""): Promise<void> {
    for (let turns = 0; turns < MAX_TURNS; turns++) {
      if (holds()) return;
      await this.clock.settle();
    }
    throw new Error(`It takes time, or for ever: ${otherwise()}`);
  }

  /** Awaits what takes no time. */
  async soon<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    promise.then(() => done = true, () => done = true);
    await this.until(() => done);
    return promise;
  }

  /** Lets everything happen that takes no time. */
  async quiet(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      // Made where signatures are made, behind those that are being made.
      await crypto.subtle.digest("SHA-256", new Uint8Array(1));
      for (let turns = 0; turns < 8; turns++) await this.clock.settle();
      await this.adapter.settled();
    }
  }

  /** Lets time pass, in steps so small that what happens in between has its turn. */
  async pass(ms: number, step: number = Math.max(5, ms / 200)): Promise<void> {
    const end = this.clock.now() + ms;
    while (this.clock.now() < end) {
      await this.clock.advance(Math.min(step, end - this.clock.now()));
      await this.adapter.settled();
    }
    await this.quiet();
  }

  /** Waits for what takes time. */
  async within(ms: number, holds: () => boolean, otherwise: () => string = () => ""): Promise<void> {
    const end = this.clock.now() + ms;
    await this.quiet();
    while (!holds()) {
      if (this.clock.now() >= end) throw new Error(`Not within ${ms} ms: ${otherwise()}`);
      await this.pass(Math.max(1, ms / 100), Infinity);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const talker of this.talkers) talker.cut();
    await this.pass(10);
    for (const { channels, http, tcp } of this.instances) {
      await this.finish(Promise.all([http.close(), tcp.close()]));
      // One whose log a test has killed can't say goodbye.
      await this.finish(channels.close().catch(() => {}));
    }
    await this.quiet();
    await new Promise((resolve) => setTimeout(resolve, 0));
    process.off("unhandledRejection", this.#onUnheard);
    if (this.#unheard.length > 0) {
      throw new Error(`A rejection went unheard: ${String(this.#unheard[0])}`, {
        cause: this.#unheard[0],
      });
    }
  }

  /** Awaits what may take time. */
  async finish<T>(promise: Promise<T>, limit = 120_000): Promise<T> {
    let done = false;
    promise.then(() => done = true, () => done = true);
    await this.within(limit, () => done, () => "a promise is pending");
    return promise;
  }
}

/** A world with one instance, on a log in memory. */
export async function channelsWorld(
  options: ChannelsOptions = {},
  accept: AcceptOptions = {},
  network: NetworkOptions = {},
): Promise<ChannelsWorld> {
  const world = new ChannelsWorld(network);
  await world.start(options, accept);
  return world;
}

function portOf({ address }: Server | HttpServer): number {
  if (address.transport !== "tcp") throw new Error("The server has no port");
  return address.port;
}

function loggerTo(failures: Failure[]): Logger {
  const at = (_: LogLevel) => (what: string, ...[fields]: unknown[]) =>
    failures.push({ what, error: (fields as { error?: unknown } | undefined)?.error });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), critical: at("critical") };
}
