/**
 * The log in Redis.
 *
 * @module
 */
import { nameOf } from "../../bytes.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { count, duration, integer, oneOf, yesOrNo } from "../../validate.ts";
import type {
  Appended,
  AppendOptions,
  ChannelLog,
  Entry,
  Lease,
  NewEntry,
  Notice,
  Page,
  ReadLimit,
  Retention,
  Taken,
  TrimReason,
} from "../log/log_api.ts";
import { ChannelLogError } from "../log/log_errors.ts";
import { type Append, Appends } from "./appends.ts";
import { Followers } from "./followers.ts";
import { IoRedisPort } from "./ioredis_port.ts";
import { Keys } from "./keys.ts";
import { NodeRedisPort } from "./node_redis_port.ts";
import type {
  AofWait,
  IoRedisClient,
  NodeRedisClient,
  RedisLogClient,
  RedisLogOptions,
  ReplicaWait,
} from "./redis_api.ts";
import { bounded, cannotWait, closed, failed, isScriptUnknown, saying, unknown } from "./redis_errors.ts";
import type { Outcome, RedisPort } from "./redis_port.ts";
import { entryOfItem, type Place, placeOf } from "./redis_text.ts";
import { APPEND, HELD, READ, RELEASE, REMOVE, RENEW, type Script, TAKE } from "./scripts.ts";
import { Sights } from "./sights.ts";

/** A notice has the entry if its data is no longer than this; subscribers read larger ones once, if they want them. */
const NOTICE_LENGTH = 4_096;

/** Streams whose tops one command asks for. */
const TOPS = 500;

/** Behind everything. */
const NOWHERE = "9000000000000000";
/** More than there is of anything. */
const NO_LIMIT = 9e15;

const WHY: Readonly<Record<string, TrimReason>> = { t: "trimmed", x: "expired" };

const NAMES: Names<RedisLogOptions> = {
  prefix: true,
  timeout: true,
  wait: true,
  waitAof: true,
  failover: true,
  idle: true,
};
const WAIT_NAMES: Names<ReplicaWait> = { replicas: true, timeout: true };
const AOF_NAMES: Names<AofWait> = { local: true, replicas: true, timeout: true };

/** A command behind each append, and whether its answer will do. */
interface Waiter {
  readonly command: readonly string[];
  /** Asked before the first append: fails where that command will. Null for one that each server knows. */
  readonly probe: readonly string[] | null;
  isEnough(answer: unknown): boolean;
  readonly wanted: string;
}

interface Settings {
  readonly prefix: string;
  readonly timeout: number;
  readonly idle: number;
  readonly isAlways: boolean;
  readonly waiter: Waiter | null;
}

/**
 * Channels' messages in Redis, 6.2 or newer: shared by all instances, and kept as Redis keeps its data. A client of
 * `ioredis` or of `redis` is the user's: it stays open, and its rules of reconnecting count. The log adds a connection
 * for notices, by the client's `duplicate()`.
 *
 * @param client `new Redis()` or `new Cluster()` of ioredis, `createClient()` or `createCluster()` of redis.
 * @throws {OptionError} It is no such client, or an option is wrong.
 * @example
 * ```ts
 * const log = redisLog(new Redis(), { prefix: "shop" });
 * const channels = new Channels({ log, secret });
 * ```
 */
export function redisLog(client: RedisLogClient, options: RedisLogOptions = {}): ChannelLog {
  return new RedisLog(portTo(client), settings(options));
}

function portTo(client: RedisLogClient): RedisPort {
  const has = (...names: readonly string[]) =>
    names.every((name) => typeof (client as unknown as Record<string, unknown> | null)?.[name] === "function");
  if (has("call", "pipeline", "duplicate")) return new IoRedisPort(client as IoRedisClient);
  // A pool can't tell which connection has done what; a sentinel client of `redis` sends commands otherwise.
  if (has("sendCommand", "subscribe", "duplicate") && !has("acquire")) {
    return new NodeRedisPort(client as NodeRedisClient);
  }
  const got = typeof client === "object" && client !== null ? nameOf(client) : String(client);
  const wanted = "a client of ioredis (new Redis(), new Cluster()) or of redis (createClient(), createCluster())";
  throw new OptionError("client", `client must be ${wanted}, got ${got}`);
}

function settings(options: RedisLogOptions): Settings {
  checkNames("redisLog()", options, NAMES);
  const { prefix = "sluice", wait, waitAof } = options;
  if (typeof prefix !== "string" || !/^[\w.-]+$/.test(prefix)) {
    const got = typeof prefix === "string" ? JSON.stringify(prefix) : String(prefix);
    throw new OptionError("prefix", `prefix must be of letters, digits, ".", "_" and "-", got ${got}`);
  }
  if (wait !== undefined && waitAof !== undefined) {
    throw new OptionError("waitAof", "waitAof can't be given together with wait: it waits for replicas as well");
  }
  const timeout = duration("timeout", options.timeout, 5_000);
  const waiter = wait !== undefined ? replicaWaiter(wait) : waitAof !== undefined ? aofWaiter(waitAof) : null;
  const idle = count("idle", options.idle, 2_592_000_000);
  const isAlways = oneOf("failover", options.failover, "compare", ["compare", "epoch"]) === "epoch";
  return { prefix, timeout, idle: idle === Infinity ? 0 : idle, isAlways, waiter };
}

function replicaWaiter(wait: ReplicaWait): Waiter {
  checkNames("wait", wait, WAIT_NAMES);
  const replicas = integer("wait.replicas", wait.replicas, NaN, 1, 1_000);
  if (Number.isNaN(replicas)) throw new OptionError("wait.replicas", "wait.replicas must say how many, got undefined");
  const timeout = integer("wait.timeout", wait.timeout, 1_000, 1, 3_600_000);
  return {
    command: ["WAIT", `${replicas}`, `${timeout}`],
    probe: null,
    isEnough: (answer) => Number(answer) >= replicas,
    wanted: `${replicas} replica${replicas === 1 ? "" : "s"} within ${timeout} ms`,
  };
}

function aofWaiter(wait: AofWait): Waiter {
  checkNames("waitAof", wait, AOF_NAMES);
  const local = yesOrNo("waitAof.local", wait.local, true) ? 1 : 0;
  const replicas = integer("waitAof.replicas", wait.replicas, 0, 0, 1_000);
  if (local + replicas === 0) throw new OptionError("waitAof.local", "waitAof must wait for something, got nothing");
  const timeout = integer("waitAof.timeout", wait.timeout, 1_000, 1, 3_600_000);
  return {
    command: ["WAITAOF", `${local}`, `${replicas}`, `${timeout}`],
    probe: ["WAITAOF", `${local}`, `${replicas}`, "1"],
    isEnough: (answer) => {
      const [own, others] = answer as readonly unknown[];
      return Number(own) >= local && Number(others) >= replicas;
    },
    wanted: `${local + replicas} disk${local + replicas === 1 ? "" : "s"} within ${timeout} ms`,
  };
}

/** Letters and digits that nobody else has chosen. */
function nonce(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => byte.toString(36).padStart(2, "0")).join("");
}

class RedisLog implements ChannelLog {
  readonly name = "redis";
  readonly shared = true;
  readonly #port: RedisPort;
  readonly #settings: Settings;
  readonly #keys: Keys;
  readonly #sights = new Sights();
  readonly #appends: Appends;
  readonly #followers: Followers;
  /** Names this process among those that append. */
  readonly #writer = nonce();
  /** Where appends go: behind a WAIT on the user's connection, everything else of the user's would wait as well. */
  #appendPort: RedisPort | null = null;
  /** Whether the server knows how to wait as it is to; null while that was not asked. */
  #canWait: Promise<void> | null = null;
  #batches = 0;
  #isClosed = false;
  #closing: Promise<void> | null = null;

  constructor(port: RedisPort, settings: Settings) {
    this.#port = port;
    this.#settings = settings;
    this.#keys = new Keys(settings.prefix);
    const { waiter, timeout } = settings;
    this.#appends = new Appends((stream, appends) => this.#send(stream, appends), timeout + waitOf(waiter));
    this.#followers = new Followers({
      subscriber: (events) => port.subscriber(events),
      channelOf: (stream) => this.#keys.stream(stream).notices,
      tops: (streams) => this.tops(streams),
      told: (stream, place) => this.#sights.told(stream, place),
    });
  }

  append(stream: string, entry: NewEntry, options: AppendOptions): Promise<Appended> {
    return this.#appends.append(stream, entry, options);
  }

  async read(stream: string, after: number, limit: ReadLimit): Promise<Page> {
    const count = String(Math.min(limit.count, NO_LIMIT));
    const bytes = String(Math.min(limit.bytes, NO_LIMIT));
    return await this.#read(stream, [String(after), count, bytes], `read ${JSON.stringify(stream)}`);
  }

  async tops(streams: readonly string[]): Promise<readonly Pick<Page, "epoch" | "top">[]> {
    const { idle } = this.#settings;
    const names = [...new Set(streams)];
    const before = names.map((name) => this.#sights.of(name));
    const metas = await this.#bounded("tell tops of streams", () => this.#metas(names));
    const places = await Promise.all(names.map(async (name, index): Promise<[string, Pick<Page, "epoch" | "top">]> => {
      const place = placeOf(metas[index]);
      if (place === null || this.#sights.doubts(before[index], place) || this.#sights.isStale(name, idle)) {
        return [name, await this.#read(name, [NOWHERE, "0", "0"], "tell tops of streams")];
      }
      this.#sights.compared(name, before[index], place);
      return [name, place];
    }));
    const byName = new Map(places);
    return streams.map((name) => {
      const { epoch, top } = byName.get(name)!;
      return { epoch, top };
    });
  }

  async follow(stream: string, heard: (notice: Notice) => void): Promise<() => void> {
    const following = this.#isClosed ? null : this.#followers.follow(stream, heard);
    try {
      return await this.#bounded(`follow ${JSON.stringify(stream)}`, () => following!);
    } catch (error) {
      // Who was told that it failed must not hear of it later.
      following?.then((leave) => leave(), () => {});
      throw error;
    }
  }

  async remove(stream: string, offset: number): Promise<boolean> {
    const { meta, entries } = this.#keys.stream(stream);
    const args = [...this.#common(stream), String(offset)];
    return Number(await this.#run(`remove from ${JSON.stringify(stream)}`, REMOVE, [meta, entries], args)) === 1;
  }

  async streams(prefix: string, limit: number): Promise<readonly string[]> {
    const found: string[] = [];
    for (let from = `[${prefix}`; found.length < limit;) {
      const ask = Math.min(limit - found.length, 1_000);
      const names = await this.#bounded("list streams", () => this.#names(from, prefix, ask)) as string[];
      found.push(...await this.#bounded("list streams", () => this.#written(names)));
      if (names.length < ask) break;
      from = `(${names[names.length - 1]}`;
    }
    return found.sort();
  }

  async take(
    group: string,
    name: string,
    value: string,
    ttl: number,
    linger: number = Infinity,
    first: number = 1,
  ): Promise<Taken> {
    const args = [name, value, ...timesOf(ttl, linger), String(first)];
    const reply = await this.#run(`take ${JSON.stringify(name)}`, TAKE, this.#leaseKeys(group, true), args) as string;
    const [, own, generation, expired, held] = /^(\d+) (\d+) (\d) ([^]*)$/.exec(reply)!;
    const previous = { name, value: held, generation: Number(generation), expired: expired === "1" };
    return { generation: Number(own), previous: previous.generation === 0 ? null : previous };
  }

  async renew(
    group: string,
    name: string,
    generation: number,
    ttl: number,
    value?: string,
    linger: number = Infinity,
  ): Promise<boolean> {
    const args = [name, String(generation), ...timesOf(ttl, linger), ...(value === undefined ? [] : [value])];
    return Number(await this.#run(`renew ${JSON.stringify(name)}`, RENEW, this.#leaseKeys(group, false), args)) === 1;
  }

  async release(group: string, name: string, generation: number): Promise<boolean> {
    const args = [name, String(generation)];
    return await this.#run(`release ${JSON.stringify(name)}`, RELEASE, this.#leaseKeys(group, true), args) === "1";
  }

  async leases(group: string): Promise<readonly Lease[]> {
    const what = `list leases of ${JSON.stringify(group)}`;
    const reply = await this.#run(what, HELD, this.#leaseKeys(group, false), []);
    const [now, held, over] = reply as readonly [string, readonly string[], readonly string[]];
    const forgotten = new Set(over);
    const leases: Lease[] = [];
    for (let at = 0; at < held.length; at += 2) {
      if (!forgotten.has(held[at])) leases.push(leaseOf(held[at], held[at + 1], Number(now)));
    }
    return leases.sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** @param isOnce What sends it again must not do it again. */
  #leaseKeys(group: string, isOnce: boolean): readonly string[] {
    const keys = [this.#keys.leases(group), this.#keys.forgotten(group)];
    return isOnce ? [...keys, this.#keys.once(group, nonce())] : keys;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#followers.close();
    await this.#appends.close();
    if (this.#appendPort !== this.#port) this.#appendPort?.end();
  }

  async #send(stream: string, appends: readonly Append[]): Promise<readonly Appended[]> {
    const before = this.#sights.of(stream);
    const reply = await this.#appendScript(stream, appends);
    const [epoch, life, top, ...offsets] = reply.split(" ");
    this.#sights.compared(stream, before, { epoch, life, top: Number(top) });
    this.#sights.touched(stream);
    if (this.#sights.listed(stream) !== epoch) await this.#list(stream, epoch);
    return offsets.map((offset) => ({ epoch, offset: parseInt(offset), duplicate: offset.endsWith("=") }));
  }

  async #appendScript(stream: string, appends: readonly Append[]): Promise<string> {
    const { meta, entries } = this.#keys.stream(stream);
    const { keep } = appends[0].options;
    const keys = [meta, entries, this.#keys.writer(stream, this.#writer)];
    const args = [...this.#common(stream), String(++this.#batches), ...keepArgs(keep), String(appends.length)];
    for (const { entry, options: { id, dedupeAge } } of appends) {
      if (id !== undefined) keys.push(this.#keys.id(stream, id));
      const remembered = dedupeAge === Infinity ? "0" : String(Math.max(1, Math.ceil(dedupeAge)));
      const isSmall = entry.data.length <= NOTICE_LENGTH;
      args.push(entry.kind, entry.data, entry.headers, id === undefined ? "0" : "1", remembered, isSmall ? "1" : "0");
    }
    const { waiter } = this.#settings;
    if (waiter === null) return await this.#script(this.#port, APPEND, keys, args) as string;
    this.#appendPort ??= this.#port.another();
    await (this.#canWait ??= this.#checkWait(waiter, keys[0]));
    return await this.#waited(stream, waiter, keys, args);
  }

  /** Rejects where the server will not wait as it is told: before anything is appended, and not behind each append. */
  async #checkWait({ probe }: Waiter, key: string): Promise<void> {
    if (probe === null) return;
    try {
      const outcomes = await this.#appendPort!.pair(key, ["EXISTS", key], probe);
      for (const outcome of outcomes) valueOf(outcome);
    } catch (error) {
      this.#canWait = null;
      throw cannotWait(error);
    }
  }

  /** Appends, and waits for replicas or disks behind it, on the same connection. */
  async #waited(stream: string, waiter: Waiter, keys: readonly string[], args: readonly string[]): Promise<string> {
    const pair = (isWhole: boolean) =>
      this.#appendPort!.pair(keys[0], evaluation(APPEND, keys, args, isWhole), waiter.command);
    let outcomes = await pair(false);
    if (outcomes[0].status === "rejected" && isScriptUnknown(outcomes[0].reason)) outcomes = await pair(true);
    const reply = valueOf(outcomes[0]) as string;
    const [, waited] = outcomes;
    if (waited.status === "rejected") {
      // Another server may have taken over that can't: the next append asks first.
      this.#canWait = null;
      throw unknown(stream, `the wait for ${waiter.wanted} failed, ${saying(waited.reason)}`, waited.reason);
    }
    if (waiter.isEnough(waited.value)) return reply;
    throw unknown(stream, `it did not reach ${waiter.wanted}`);
  }

  /** Puts a stream on the list; if that fails, the next append tries again. */
  async #list(stream: string, epoch: string): Promise<void> {
    try {
      await this.#port.send(this.#keys.names, ["ZADD", this.#keys.names, "0", stream]);
      this.#sights.list(stream, epoch);
    } catch {
      // The append was done.
    }
  }

  async #read(stream: string, args: readonly string[], what: string): Promise<Page> {
    const { meta, entries } = this.#keys.stream(stream);
    const before = this.#sights.of(stream);
    const reply = await this.#run(what, READ, [meta, entries], [...this.#common(stream), ...args]);
    const [epoch, life, top, first, why, isComplete, items] = reply as readonly [...string[], readonly unknown[]];
    this.#sights.compared(stream, before, { epoch, life, top: Number(top) } as Place);
    this.#sights.touched(stream);
    return {
      epoch: epoch as string,
      top: Number(top),
      first: Number(first),
      trimmedBy: WHY[why as string] ?? null,
      entries: (items as readonly unknown[]).map((item): Entry => entryOfItem(item)),
      complete: isComplete === "1",
    };
  }

  /** What each script of a stream is told first. */
  #common(stream: string): string[] {
    const { idle, isAlways } = this.#settings;
    const { notices } = this.#keys.stream(stream);
    const how = this.#port.isCluster ? "s" : "p";
    return [nonce(), ...this.#sights.args(stream), String(idle), isAlways ? "1" : "0", notices, how];
  }

  /** `meta` of each stream: many at once where one node has them all. */
  async #metas(streams: readonly string[]): Promise<readonly unknown[]> {
    const keys = streams.map((stream) => this.#keys.stream(stream).meta);
    if (this.#port.isCluster) return await Promise.all(keys.map((key) => this.#port.send(key, ["GET", key])));
    const asked: Promise<unknown>[] = [];
    for (let at = 0; at < keys.length; at += TOPS) {
      asked.push(this.#port.send(keys[at], ["MGET", ...keys.slice(at, at + TOPS)]));
    }
    return (await Promise.all(asked) as unknown[][]).flat();
  }

  #names(from: string, prefix: string, limit: number): Promise<unknown> {
    const key = this.#keys.names;
    // Behind every name that begins so: the last of all characters.
    const to = `[${prefix}\u{10ffff}`;
    return this.#port.send(key, ["ZRANGEBYLEX", key, from, to, "LIMIT", "0", String(limit)]);
  }

  /** Those that are still there; the others are taken off the list. */
  async #written(names: readonly string[]): Promise<readonly string[]> {
    const metas = await this.#metas(names);
    const gone = names.filter((_, index) => metas[index] === null);
    if (gone.length > 0) await this.#unlist(gone);
    return names.filter((_, index) => (placeOf(metas[index])?.top ?? 0) > 0);
  }

  async #unlist(names: readonly string[]): Promise<void> {
    const key = this.#keys.names;
    await this.#port.send(key, ["ZREM", key, ...names]);
    // Somebody may have written it just now, and have put it there just before.
    const metas = await this.#metas(names);
    const back = names.filter((_, index) => metas[index] !== null);
    if (back.length > 0) await this.#port.send(key, ["ZADD", key, ...back.flatMap((name) => ["0", name])]);
  }

  async #run(what: string, script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return await this.#bounded(what, () => this.#script(this.#port, script, keys, args));
  }

  /** What `fn` gives, in time; all that goes wrong is the log's error. */
  async #bounded<T>(what: string, fn: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw closed();
    const { timeout } = this.#settings;
    const late = () => new ChannelLogError("ERR_LOG_FAILED", `Redis did not ${what} within ${timeout} ms`);
    try {
      return await bounded(fn(), timeout, late);
    } catch (error) {
      throw failed(what, error);
    }
  }

  async #script(port: RedisPort, script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await port.send(keys[0], evaluation(script, keys, args, false));
    } catch (error) {
      if (!isScriptUnknown(error)) throw error;
      return await port.send(keys[0], evaluation(script, keys, args, true));
    }
  }
}

function evaluation(
  { text, sha }: Script,
  keys: readonly string[],
  args: readonly string[],
  isWhole: boolean,
): string[] {
  return [isWhole ? "eval" : "evalsha", isWhole ? text : sha, String(keys.length), ...keys, ...args];
}

function valueOf(outcome: Outcome): unknown {
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}

function waitOf(waiter: Waiter | null): number {
  return waiter === null ? 0 : Number(waiter.command[waiter.command.length - 1]);
}

function keepArgs({ size, bytes, age }: Retention): readonly string[] {
  return [
    String(Math.min(size, NO_LIMIT)),
    String(Math.min(bytes, NO_LIMIT)),
    age > NO_LIMIT / 1_000 ? "-1" : String(Math.ceil(age)),
  ];
}

/** When a lease ends, and when it is forgotten, in ms from now; -1 for never. */
function timesOf(ttl: number, linger: number): readonly string[] {
  return [ttl, ttl + linger].map((ms) => ms > NO_LIMIT / 1_000 ? "-1" : String(Math.ceil(ms)));
}

function leaseOf(name: string, text: string, now: number): Lease {
  const [, generation, ends, value] = /^(\d+) (-?\d+) ([^]*)$/.exec(text)!;
  return { name, value, generation: Number(generation), expired: ends !== "-1" && Number(ends) <= now };
}
