/**
 * The client of channels.
 *
 * @module
 */
import { systemTimers, type Timers } from "../../clock.ts";
import type { Names } from "../../names.ts";
import type { ConnectionEnd, Hello } from "../../websocket/reconnect/reconnect_api.ts";
import { Reconnector } from "../../websocket/reconnect/reconnector.ts";
import { nativeTransport, requireNative } from "../../websocket/reconnect/native.ts";
import { defaultPage } from "../../websocket/reconnect/page.ts";
import { FAREWELL_PROTOCOL } from "../../websocket/farewell.ts";
import { HEARTBEAT_PROTOCOL } from "../../websocket/beat.ts";
import { ChannelError } from "../channels_errors.ts";
import {
  type ChannelCode,
  CHANNELS_PROTOCOL,
  CLOSE_CODES,
  decodeFrame,
  encodeFrame,
  FRAME_BYTES,
  sizeOf,
  VERSION,
} from "../wire/frames.ts";
import { areHeaders, HEADERS_RULE } from "../wire/headers.ts";
import { isName, NAME_RULE } from "../wire/names.ts";
import { atLeast1, checkOptions, mustBe } from "./checks.ts";
import type {
  CallOptions,
  ChannelClientOptions,
  ChannelUrl,
  ClientEvents,
  ClientPosition,
  ClientPublished,
  ClientPublishOptions,
  ClientState,
  ClientToken,
  DirectMessage,
  MessageHeaders,
  Outbox,
  SubscribeOptions,
  Subscription,
} from "./client_api.ts";
import { Feed } from "./feed.ts";
import { BATCH, BATCH_BYTES, FLOOD_WAIT, LONGEST, MAX_METHOD, REMEMBERED, RETRY, TOO_BIG, WINDOW } from "./limits.ts";
import { memoryOutbox } from "./outbox.ts";
import { covers, Sub } from "./subscription.ts";

/** Refusals that are over soon. */
const TEMPORARY: readonly unknown[] = ["unavailable", "draining"] satisfies ChannelCode[];

const NAMES: Names<ChannelClientOptions> = {
  token: true,
  outbox: true,
  position: true,
  maxMessageBytes: true,
  transport: true,
  minDelay: true,
  maxDelay: true,
  page: true,
  clock: true,
  random: true,
};

/** Something to be said, and answered. */
interface Said {
  readonly frame: () => readonly unknown[];
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  /** Its turn is there. */
  ready: boolean;
  /** It was said on this connection. */
  said: boolean;
}

/** A message in the outbox. */
interface Entry extends Said {
  readonly size: number;
}

interface Call extends Said {
  readonly idempotent: boolean;
  readonly done: () => void;
}

/**
 * Speaks with a server of channels, in browsers, Deno, Bun and Node, and comes back where it left off: each message of a
 * channel is handed out once and in order, or a gap is told; what it publishes is said again until it is acknowledged.
 *
 * @example
 * ```ts
 * const client = new ChannelClient("wss://example.net/channels", { token: () => freshToken() });
 * const room = client.subscribe("room:1", { since: "oldest" });
 * room.on("gap", ({ reason }) => reload(reason));
 * for await (const { data } of room) show(data);
 * ```
 */
export class ChannelClient {
  readonly #socket: Reconnector;
  readonly #clock: Timers;
  readonly #token: ClientToken;
  readonly #outbox: Outbox;
  readonly #maxBytes: number;
  readonly #kept: Map<string, Readonly<Record<string, string>>>;
  readonly #feed: Feed<DirectMessage, ClientEvents> = new Feed(["message", "state", "end", "error"]);
  readonly #subs: Map<string, Sub> = new Map();
  /** Names that the server may still say something of which is meant for nobody. */
  readonly #leaving: Set<string> = new Set();
  /** Bytes of data that the server takes, once it has said so. */
  #most = Infinity;
  /** By their numbers, which are never used twice. */
  readonly #entries: Map<number, Entry> = new Map();
  readonly #calls: Map<number, Call> = new Map();
  /** Direct messages that the application has, and true for those that are acknowledged. */
  readonly #direct: Map<string, DirectMessage | true> = new Map();
  readonly #loaded: Promise<void>;
  #waiting = 0;
  #waitingBytes = 0;
  #nextEntry = 1;
  #nextCall = 1;
  #session: string | null = null;
  /** What an entry's number is above its number in the session. */
  #base = 0;
  #state: ClientState = "connecting";
  /** Counts connections: what was asked for one is of no use for another. */
  #connection = 0;
  /** The server has said welcome. */
  #welcomed = false;
  /** The outbox knows of the session: entries may be said. */
  #ready = false;
  #cancelRetry: (() => void) | null | undefined;
  /** What the server, or the outbox, had to say of the end. */
  #error: Error | null | undefined;
  #over: Error | undefined;
  /** The application has closed it. */
  #isLeft = false;

  /**
   * Connects at once.
   *
   * @param url Of the server: ws:, wss:, http: or https:, or a function that is asked for it before each attempt.
   * @throws {OptionError} A value can't be used.
   * @throws {UnsupportedError} There is neither a transport nor a WebSocket of the runtime's own.
   */
  constructor(url: ChannelUrl, options: ChannelClientOptions = {}) {
    checkOptions(options, NAMES);
    const { token = null, outbox = memoryOutbox(), transport = nativeTransport, clock = systemTimers } = options;
    const { position = {}, page = defaultPage(), minDelay = 500, maxDelay = 30_000, random = Math.random } = options;
    mustBe(typeof token === "function" || isToken(token), "token", "a text or null, or a function", typeof token);
    mustBe(typeof outbox?.load === "function", "outbox", "an Outbox", outbox);
    mustBe(typeof transport === "function", "transport", "a Transport", transport);
    mustBe(!page || typeof page.addEventListener === "function", "page", "a page or null", page);
    mustBe([position, ...Object.values(position ?? {})].every(isObject), "position", "a ClientPosition", position);
    mustBe(atLeast1("maxDelay", maxDelay) >= atLeast1("minDelay", minDelay), "maxDelay", "minDelay or more", maxDelay);
    if (transport === nativeTransport) requireNative();
    this.#token = token;
    this.#outbox = outbox;
    this.#clock = clock;
    this.#maxBytes = atLeast1("maxMessageBytes", options.maxMessageBytes ?? 65_536);
    this.#kept = new Map(Object.entries(position));
    this.#socket = new Reconnector(url, {
      protocols: [CHANNELS_PROTOCOL, FAREWELL_PROTOCOL, HEARTBEAT_PROTOCOL],
      minDelay,
      maxDelay,
      connectTimeout: 10_000,
      stableAfter: 5000,
      closeTimeout: 5000,
      heartbeat: { message: null, interval: 30_000, timeout: 10_000 },
      offersBeat: true,
      transport,
      page,
      clock,
      random,
      dropped: (why, _, cause) => new Error(`Given up: ${why}`, { cause }),
      hello: () => this.#hello(),
      shouldReconnect: (end, byDefault) => this.#comesBack(end, byDefault),
    }, {
      state: () => this.#moved(),
      message: (message) => this.#heard(message),
      end: (end, willReconnect) => {
        this.#lost();
        this.#feed.emit("end", { ...end, willReconnect });
      },
      close: (end) => this.#end(end),
    });
    this.#loaded = outbox.load().then((kept) => this.#take(kept));
    this.#loaded.catch((error) => this.#fail(error));
  }

  /** What it is doing. */
  get state(): ClientState {
    return this.#state;
  }

  /**
   * Where its subscriptions are: behind what the application has taken. Keep it, and a new client goes on there:
   * `new ChannelClient(url, { position })`.
   */
  get position(): ClientPosition {
    const taken = [...this.#subs].map(([name, { positions }]) => [name, positions] as const);
    return Object.fromEntries([...this.#kept, ...taken].filter(([, positions]) => positions)) as ClientPosition;
  }

  /** Messages in the outbox: not acknowledged yet. */
  get unacknowledged(): number {
    return this.#waiting;
  }

  /** Messages to this user, or this session, for one loop; leaving the loop does not end them. */
  get messages(): AsyncIterableIterator<DirectMessage, void, void> {
    return this.#feed;
  }

  /** Fulfils when it is over for good. */
  get closed(): Promise<void> {
    return this.#socket.closed;
  }

  /** Listens. @returns Listens no more. */
  on<K extends keyof ClientEvents>(type: K, listener: (event: ClientEvents[K]) => void): () => void {
    return this.#feed.on(type, listener);
  }

  /**
   * Subscribes to a channel, or to all channels that begin with what is before a `*` at the end.
   *
   * @throws {OptionError} A value can't be used, or this client has a subscription already that has messages in common.
   */
  subscribe(name: string, options: SubscribeOptions = {}): Subscription {
    mustBe(isName(name) && name !== "*", "name", NAME_RULE, name);
    for (const other of this.#subs.values()) {
      const isShared = covers(other.name, name) || covers(name, other.name);
      mustBe(!isShared, "name", `apart from ${other.name}: close that first`, name);
    }
    this.#checkSize("member", sizeOf(JSON.stringify(options.member) ?? ""));
    const sub = new Sub(name, options, this.#kept.get(name), {
      want: () => this.#subscribeAll(),
      leave: (sub, forGood) => this.#leave(sub, forGood),
      moved: () => this.#moved(),
    });
    this.#kept.delete(name);
    if (this.#over) sub.end(this.#over);
    else this.#subs.set(name, sub);
    this.#subscribeAll();
    return sub;
  }

  /**
   * Publishes: fulfils when the server's log has the message. It is said again until then, on as many connections as it
   * takes, and counted once. A promise that nobody looks at does no harm when it rejects.
   *
   * @param data What JSON can say, or bytes; bytes must not be changed until it settles.
   * @throws {OptionError} Synchronously: a value can't be used.
   * @throws {ChannelError} The server refused it, the outbox has no room (`too-many`), or the client is over.
   */
  publish(channel: string, data: unknown, options: ClientPublishOptions = {}): Promise<ClientPublished> {
    mustBe(isName(channel) && !channel.endsWith("*"), "channel", NAME_RULE, channel);
    return this.#put("pub", channel, data, options);
  }

  /** The same with a message for the server's `onMessage`: fulfils when it is handled. */
  send(data: unknown, options: ClientPublishOptions = {}): Promise<void> {
    return this.#put("msg", null, data, options);
  }

  /**
   * Asks the server's `onCall`. Waits for a connection; when one is lost with the question under way it rejects, unless
   * it is `idempotent`.
   *
   * @throws {OptionError} Synchronously: a value can't be used.
   * @throws {ChannelError} There was no answer: `reason` says why.
   */
  call(method: string, data?: unknown, options: CallOptions = {}): Promise<unknown> {
    const { timeout = 30_000, signal, headers, idempotent = false } = options;
    checkOptions(options, { idempotent: true, timeout: true, signal: true, headers: true });
    mustBe(
      typeof method === "string" && method.length <= MAX_METHOD,
      "method",
      `a text of at most ${MAX_METHOD} characters`,
      method,
    );
    atLeast1("timeout", timeout);
    const body = this.#body(data, headers);
    const seq = this.#nextCall++;
    const due = this.#clock.now() + timeout;
    return quietly((resolve, reject) => {
      if (this.#over || signal?.aborted) return reject(this.#over ?? signal!.reason);
      const giveUp = (error: Error): void => {
        const call = this.#takeCall(seq);
        if (call?.said) this.#say(["cancel", seq]);
        call?.reject(error);
      };
      const abort = (): void => giveUp(signal!.reason);
      const cancel = timeout === Infinity ? nothing : this.#clock.setTimer(
        () => giveUp(new ChannelError("timeout", `No answer within ${timeout} ms`)),
        timeout,
      );
      signal?.addEventListener("abort", abort);
      const done = (): void => {
        cancel();
        signal?.removeEventListener("abort", abort);
      };
      const left = (): number => timeout < LONGEST ? Math.max(1, Math.ceil(due - this.#clock.now())) : 0;
      const frame = (): unknown[] => ["call", seq, [method, left()], ...body];
      this.#calls.set(seq, { frame, resolve, reject, ready: true, said: false, idempotent, done });
      this.#sayAll();
    });
  }

  /**
   * Ends it for good. What waits rejects; what an outbox has kept is there for the next client. Idempotent.
   *
   * @returns Like `closed`.
   */
  close(): Promise<void> {
    this.#isLeft = true;
    this.#socket.close(1000, "");
    return this.#socket.closed;
  }

  /** First of all on each connection. */
  async #hello(): Promise<Hello> {
    const at = this.#connection;
    await this.#loaded;
    const token = await this.#ask();
    const requests = at === this.#connection ? this.#requests(BATCH_BYTES) : [];
    return [encodeFrame(["hello", VERSION, token, this.#session, requests])];
  }

  async #ask(): Promise<string | null> {
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    mustBe(isToken(token), "token", "a text or null", typeof token);
    return token;
  }

  /** What the server says. */
  readonly #words: { readonly [word: string]: (...args: never[]) => void } = {
    welcome: (session: string, _resumed: boolean, _user: string, _instance: string, most?: number) => {
      this.#most = most ?? Infinity;
      const at = this.#connection;
      const [first = this.#nextEntry] = this.#entries.keys();
      // The numbers of another session begin anew.
      if (session !== this.#session) this.#base = first - 1;
      this.#session = session;
      this.#welcomed = true;
      this.#error = null;
      if (this.#leaving.size > 0) this.#say(["unsub", [...this.#leaving]]);
      this.#subscribeAll();
      this.#saveSession().then(() => {
        this.#ready = at === this.#connection;
        this.#sayAll();
      }, (error) => this.#fail(error));
    },
    subbed: (name: string, ...rest: Parameters<Sub["subbed"]>) => this.#subs.get(name)?.subbed(...rest),
    watch: (name: string) => this.#subs.get(name)?.watch(),
    unsubbed: (names: readonly string[]) => {
      for (const name of names) this.#leaving.delete(name);
      this.#subscribeAll();
    },
    refused: (name: string, code: ChannelCode, message: string, channel?: string) => {
      const sub = this.#subs.get(name);
      if (!sub?.said) return;
      if (channel !== undefined) return sub.refused(code, message);
      if (code === "bad-position" || TEMPORARY.includes(code)) {
        sub.silence();
        if (code !== "bad-position") return this.#retry();
        sub.forget();
        return this.#subscribeAll();
      }
      this.#leave(sub, true);
      sub.end(sub.refused(code, message));
    },
    members: (...rest: Parameters<Sub["list"]>) => this.#subOf(rest[0])?.list(...rest),
    bye: (offsets: Readonly<Record<string, number>>) => {
      for (const [channel, offset] of Object.entries(offsets)) this.#subOf(channel)?.reach(channel, offset);
    },
    d: (id: string, attempt: number, data: unknown, headers: MessageHeaders = {}) => {
      const known = this.#direct.get(id);
      if (known === true) this.#say(["ack", [id]]);
      if (known) return;
      const settle = (...frame: unknown[]): void => {
        if (this.#direct.get(id) !== message) return;
        this.#direct.delete(id);
        if (frame[0] === "ack") this.#direct.set(id, true);
        this.#say(frame);
        for (const [old, known] of this.#direct) {
          if (known === true && this.#direct.size > REMEMBERED) this.#direct.delete(old);
        }
      };
      const ack = (): void => settle("ack", [id]);
      const nack = (delay = 0): void => settle("nack", id, delay);
      const message: DirectMessage = { id, attempt, data, headers, ack, nack };
      this.#direct.set(id, message);
      this.#feed.add("message", message);
    },
    ok: (seq: number, offset?: number, duplicate?: boolean) => {
      const entry = this.#settle(seq);
      // What was handled has no place.
      entry?.resolve((offset && { offset, duplicate }) as never);
    },
    no: (seq: number, code: ChannelCode, message: string) => {
      const error = new ChannelError(code, message);
      if (TEMPORARY.includes(code)) this.#retry(this.#entries.get(seq + this.#base));
      else this.#settle(seq)?.reject(error);
    },
    answer: (seq: number, _: null, data: unknown) => this.#takeCall(seq)?.resolve(data as never),
    failed: (seq: number, code: ChannelCode, message: string) => {
      const error = new ChannelError(code, message);
      // Of no other code it is known that it was not handled.
      if (code === "draining") this.#retry(this.#calls.get(seq));
      else this.#takeCall(seq)?.reject(error);
    },
    token: async () => {
      const at = this.#connection;
      if (typeof this.#token !== "function") return;
      // If it fails, the server closes when the token's time is over, and then it is asked for again.
      const token = await this.#ask().catch(nothing);
      if (token !== undefined && at === this.#connection) this.#say(["token", token]);
    },
    error: (code: ChannelCode, message: string) => this.#error = new ChannelError(code, message),
  };

  #heard(message: string | Uint8Array): void {
    try {
      const [word, ...rest] = decodeFrame(message) as [string, ...never[]];
      if ((["m", "p", "live", "gap"] satisfies (keyof Sub)[] as string[]).includes(word)) {
        this.#subOf(rest[0])?.[word as "live"](...rest as [never]);
      } else if (Object.hasOwn(this.#words, word)) this.#words[word](...rest);
    } catch (cause) {
      // No server of ours: what it says can't be believed, and it would say so again.
      this.#fail(new ChannelError("bad-frame", "The server sent no frame", { cause }), CLOSE_CODES.protocol);
    }
  }

  /** The connection, or an attempt, has ended: nothing of it counts any more. */
  #lost(): void {
    this.#connection++;
    this.#welcomed = this.#ready = false;
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#leaving.clear();
    for (const sub of this.#subs.values()) sub.silence();
    for (const entry of this.#entries.values()) entry.said = false;
    const error = new ChannelError("unavailable", "The connection was lost: it may be done");
    for (const [seq, call] of this.#calls) {
      if (call.said && !call.idempotent) this.#takeCall(seq)!.reject(error);
      else call.said = false;
    }
    this.#moved();
  }

  #comesBack({ code }: ConnectionEnd, byDefault: boolean): boolean | number {
    if (code === CLOSE_CODES.expired || code === CLOSE_CODES.unauthorized) return typeof this.#token === "function";
    if (this.#session && (this.#error as ChannelError | null | undefined)?.reason === "bad-session") {
      // It was another secret's, or another user's: what it has said is said again in a new one.
      this.#session = null;
      return true;
    }
    return code === CLOSE_CODES.flood ? FLOOD_WAIT : byDefault && code !== TOO_BIG;
  }

  /** It can't go on. */
  #fail(error: Error, code: number = 1000): void {
    this.#error = error;
    this.#socket.close(code, "");
  }

  #end({ code, reason }: ConnectionEnd): void {
    const words = Object.entries({ "bad-frame": CLOSE_CODES.protocol, "too-large": TOO_BIG, ...CLOSE_CODES });
    const [word = "unavailable"] = words.find(([, known]) => known === code) ?? [];
    const ended = this.#isLeft || (code === 1000 && !this.#error) ? null : this.#error ??
      new ChannelError(word as ChannelCode, reason || `The server closed with ${code}`);
    const over = this.#over = ended ?? new ChannelError("canceled", "The client is closed");
    for (const sub of this.#subs.values()) sub.end(ended);
    for (const { reject } of this.#entries.values()) reject(over);
    for (const seq of this.#calls.keys()) this.#takeCall(seq)!.reject(over);
    void this.#outbox.close();
    this.#moved();
    if (ended) this.#feed.emit("error", ended);
    this.#feed.end(ended);
  }

  #moved(): void {
    const state = this.#stateNow();
    if (state !== this.#state) this.#feed.emit("state", this.#state = state);
  }

  #stateNow(): ClientState {
    if (this.#over) return "closed";
    const { state } = this.#socket;
    // What is about to be closed is nothing else before.
    if (state.startsWith("clos")) return this.#state;
    if (!this.#welcomed) return state === "waiting" || state === "away" ? "offline" : "connecting";
    return [...this.#subs.values()].every(({ isLive }) => isLive) ? "live" : "catching-up";
  }

  #say(frame: readonly unknown[]): void {
    if (!this.#welcomed) return;
    const message = encodeFrame(frame);
    const most = this.#most + FRAME_BYTES;
    // What a connection does not take is said again on the next, from what is kept here.
    if (sizeOf(message) <= most) return void this.#socket.hand(message);
    // It would cost the connection, this one and each after it: it is refused here, as the server would.
    const [word, what] = frame as [string, never];
    const [answer, of] = word === "sub" ? ["refused", what[0][0]] : [word === "call" ? "failed" : "no", what];
    queueMicrotask(() => this.#words[answer](of, "too-large" as never, `A frame may have ${most} bytes` as never));
  }

  /** Asks again later for what is not there. @param said Was refused for now, and is said again as well. */
  #retry(said?: Said): void {
    if (said) said.said = false;
    this.#cancelRetry ??= this.#clock.setTimer(() => {
      this.#cancelRetry = null;
      this.#subscribeAll();
    }, RETRY);
  }

  #subOf(channel: string): Sub | undefined {
    return this.#subs.get(channel) ?? [...this.#subs.values()].find((sub) => covers(sub.name, channel));
  }

  /** Those that are not said yet, as many as one frame has. @param most Bytes of one that has a frame for itself. */
  #requests(most: number = Infinity): readonly unknown[] {
    const some: unknown[] = [];
    let size = 0;
    for (const sub of this.#subs.values()) {
      if (sub.said || sub.paused || this.#leaving.has(sub.name)) continue;
      const request = sub.request();
      size += sizeOf(JSON.stringify(request));
      if (some.length === BATCH || size > (some.length ? BATCH_BYTES : most)) break;
      some.push(request);
      sub.said = true;
    }
    return some;
  }

  #subscribeAll(): void {
    if (!this.#welcomed || this.#cancelRetry) return;
    for (let some; (some = this.#requests()).length > 0;) this.#say(["sub", some]);
    this.#moved();
    this.#sayAll();
  }

  #leave(sub: Sub, forGood: boolean): void {
    const { name } = sub;
    if (this.#subs.get(name) !== sub) return;
    if (forGood) this.#subs.delete(name);
    if (sub.said) {
      this.#leaving.add(name);
      this.#say(["unsub", [name]]);
    }
    this.#moved();
  }

  /** The end of a frame. @throws {OptionError} The data can't be sent. */
  #body(data: unknown, headers: MessageHeaders | undefined): readonly unknown[] {
    mustBe(
      !headers || areHeaders(headers),
      "headers",
      `texts by name, ${HEADERS_RULE}`,
      headers && Object.entries(headers),
    );
    const raw = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : data instanceof ArrayBuffer
      ? new Uint8Array(data)
      : JSON.stringify(data ?? null);
    mustBe(raw !== undefined, "data", "JSON or bytes", typeof data);
    this.#checkSize("data", sizeOf(raw));
    const own = typeof raw === "string" ? JSON.parse(raw) : raw;
    return headers ? [own, { ...headers }] : [own];
  }

  /** @throws {OptionError} It is too large, for this client or for the server as it is known. */
  #checkSize(option: string, size: number): void {
    const most = Math.min(this.#maxBytes, this.#most);
    mustBe(size <= most, option, `at most ${most} bytes (maxMessageBytes)`, size);
  }

  /** Puts a message into the outbox. */
  #put<T>(word: string, channel: string | null, data: unknown, options: ClientPublishOptions): Promise<T> {
    checkOptions(options, { headers: true });
    const frame = [word, 0, channel, ...this.#body(data, options.headers)];
    const kept = encodeFrame(frame);
    const size = sizeOf(kept);
    return quietly((resolve, reject) => {
      if (this.#over) return reject(this.#over);
      const { maxQueued, maxQueuedBytes } = this.#outbox;
      if (this.#waiting >= maxQueued || this.#waitingBytes + size > maxQueuedBytes) {
        const words = `The outbox is full: raise maxQueued (${maxQueued}) or maxQueuedBytes (${maxQueuedBytes})`;
        return reject(new ChannelError("too-many", words));
      }
      // What is not loaded yet comes first.
      this.#count(1, size);
      this.#loaded.then(() => {
        if (this.#over) return reject(this.#over);
        const n = this.#nextEntry++;
        const entry = this.#enter(n, frame, size, resolve, reject);
        // Said before it is kept its number could be another's after a crash, and that one would be taken for this.
        return this.#outbox.save(n, kept).then(() => {
          entry.ready = true;
          this.#sayAll();
        }, (error) => this.#settle(n - this.#base)?.reject(error));
      }, reject);
    });
  }

  #enter(n: number, frame: readonly unknown[], size: number, resolve: Said["resolve"], reject: Said["reject"]): Entry {
    const [word, , ...rest] = frame;
    const said = (): unknown[] => [word, n - this.#base, ...rest];
    const entry: Entry = { frame: said, size, ready: false, said: false, resolve, reject };
    this.#entries.set(n, entry);
    return entry;
  }

  #count(messages: number, bytes: number): void {
    this.#waiting += messages;
    this.#waitingBytes += bytes;
  }

  /** What an outbox has kept of another client. */
  #take(kept: Iterable<readonly [number, string | Uint8Array]>): void {
    const reject = (error: Error): unknown => this.#over ?? this.#feed.emit("error", error);
    for (const [n, bytes] of [...kept].sort(([a], [b]) => a - b)) {
      const frame = decodeFrame(bytes);
      // Nobody can tell what it was.
      if (!frame) this.#outbox.remove(n).catch(nothing);
      else if (n === 0) [, this.#session, this.#base, this.#nextEntry] = frame as [string, string, number, number];
      else {
        const size = sizeOf(bytes);
        this.#count(1, size);
        this.#enter(n, frame, size, nothing, reject).ready = true;
      }
      this.#nextEntry = Math.max(this.#nextEntry, n + 1);
    }
    // Nobody knows which numbers it has used.
    if (this.#entries.size === 0) this.#session = null;
  }

  #saveSession(): Promise<void> {
    return this.#outbox.save(0, encodeFrame(["session", this.#session, this.#base, this.#nextEntry]));
  }

  /** Says what waits, in order. */
  #sayAll(): void {
    if (!this.#welcomed || this.#cancelRetry) return;
    for (const all of [this.#calls, this.#ready ? this.#entries : new Map<number, Said>()]) {
      let room = WINDOW;
      for (const one of all.values()) {
        if (!one.ready || room-- === 0) break;
        if (one.said) continue;
        one.said = true;
        this.#say(one.frame());
      }
    }
  }

  /** A message is answered. */
  #settle(seq: number): Entry | undefined {
    const n = seq + this.#base;
    const entry = this.#entries.get(n);
    if (!entry) return;
    this.#entries.delete(n);
    this.#count(-1, -entry.size);
    // Its number is not to be used again.
    if (n === this.#nextEntry - 1 && this.#entries.size > 0) this.#saveSession().catch(nothing);
    this.#outbox.remove(n).catch(nothing);
    this.#sayAll();
    return entry;
  }

  #takeCall(seq: number): Call | undefined {
    const call = this.#calls.get(seq);
    this.#calls.delete(seq);
    call?.done();
    this.#sayAll();
    return call;
  }
}

function nothing(): void {}

function isToken(token: unknown): boolean {
  return typeof (token ?? "") === "string";
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** A promise that is no unhandled rejection where nobody looks at it. */
function quietly<T>(begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
  const promise = new Promise<T>(begin);
  promise.catch(nothing);
  return promise;
}
