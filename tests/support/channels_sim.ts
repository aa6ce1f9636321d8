/**
 * Channels in simulated time: a seed decides who publishes, subscribes, leaves, reads slowly or comes back, and what goes
 * wrong. Each client checks each frame by what the log has really kept.
 *
 * @module
 */
import type { AcceptOptions, Member } from "../../src/channels/channels_api.ts";
import type { ChannelLog } from "../../src/channels/log/log_api.ts";
import { memoryLog } from "../../src/channels/log/memory_log.ts";
import { Signer } from "../../src/channels/server/signer.ts";
import type { Frame } from "../../src/channels/wire/frames.ts";
import { ChannelsWorld, type Instance, type TcpTalker } from "./channels_world.ts";
import process from "node:process";
import { dice } from "./dice.ts";
import { type LogEnd, type LogFaults, SharedLog } from "./shared_log.ts";

/** What a world is like. Shares are of a thousand. */
export interface SimOptions {
  /** Instances; 0 for one on a log of its own. */
  readonly instances: number;
  readonly clients: number;
  readonly steps: number;
  /** Messages that each channel keeps. */
  readonly history: number;
  /** Bytes that are added to each message: of large ones a slow client has soon too many. @default 0 */
  readonly padding?: number;
  /** Notices that are lost, late, come again, or come without their entry. */
  readonly lost?: number;
  readonly late?: number;
  readonly again?: number;
  readonly bare?: number;
  /** Calls that fail, before or after they took effect, and those that take long. */
  readonly before?: number;
  readonly after?: number;
  readonly slow?: number;
  /** Calls that are given up; some of them take effect, some of these later. */
  readonly given?: number;
  /** Chances in each step: the log forgets everything, an instance dies, is cut off for a while, or is drained. */
  readonly restarts?: number;
  /** It forgets who holds what as well. */
  readonly forgets?: boolean;
  readonly deaths?: number;
  readonly cuts?: number;
  readonly drains?: number;
  /** Clients that come back by another connection while the server has theirs still, of those that leave. */
  readonly halves?: number;
  /** Clients that publish some messages at once, in each step. */
  readonly bursts?: number;
  /** How long what clients publish is on its way at the most, in ms. */
  readonly way?: number;
  /** Of what clients publish, by the server's handler. */
  readonly messages?: number;
  /** Clients that stop reading for a while, in each step. */
  readonly stalls?: number;
}

/** What a run has come to: the same for the same seed, and worth a look. */
export interface SimReport {
  readonly received: number;
  readonly gaps: number;
  readonly connections: number;
  readonly direct: number;
  readonly changes: number;
}

const CHANNELS = ["a", "b", "r:1", "r:2", "r:3"] as const;
const NAMES = [...CHANNELS, "r:*"] as const;
const USERS = ["ada", "bob"] as const;
const EXPIRY = 2000;
const LEASE = 900;
const CHECK = 100;
/** How long a server has a connection whose client has gone, in ms. */
const HALF_OPEN = 3000;

const ACCEPT: AcceptOptions = {
  authenticate: ({ token }) => ({ user: token! }),
  authorize: () => true,
  onMessage: async ({ data }, ctx) => {
    for (const [channel, text] of data as [string, string][]) await ctx.publish(channel, text);
  },
};

/**
 * Signatures are made outside of the event loop, in their own time, which no seed knows: here they are made at once. To
 * be called where nothing else runs in the process.
 */
export function signAtOnce(): void {
  const macOf = (text: string): string => {
    let hash = 2166136261;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
    return (hash >>> 0).toString(36).padStart(22, "0");
  };
  Signer.prototype.sign = (purpose, text) => Promise.resolve(macOf(`${purpose} ${text}`));
  Signer.prototype.believes = (purpose, text, mac) => Promise.resolve(mac === macOf(`${purpose} ${text}`));
}

/** Where a client is in a channel. */
interface Place {
  grant: string;
  epoch: string;
  offset: number;
  /** The server has said so on this connection. */
  isOpen: boolean;
  /** By which names it has. */
  names: Set<string>;
  /** All of these were left: whoever has it by now may begin anywhere. */
  isLoose: boolean;
}

interface Said {
  readonly seq: number;
  /** By the server's handler. */
  readonly isMessage: boolean;
  readonly publish: readonly (readonly [channel: string, data: string])[];
  isSaid: boolean;
}

/** A client across its connections. */
class SimClient {
  readonly sim: Sim;
  readonly name: string;
  readonly user: string;
  readonly wishes: Map<string, { readonly isMember: boolean; readonly since: string; isKnown: boolean }> = new Map();
  readonly places: Map<string, Place> = new Map();
  readonly views: Map<string, { at: number; members: Map<string, Member>; isTrue: boolean }> = new Map();
  readonly direct: Set<string> = new Set();
  readonly toAck: string[] = [];
  readonly outbox: Said[] = [];
  ticket: string | null = null;
  at: TcpTalker | null = null;
  instance: SimInstance | null = null;
  isWelcome = false;
  /** Names whose `unsubbed` is due, and those that were said before: what they have in common goes on. */
  leaving: { readonly name: string; readonly others: readonly string[] }[] = [];
  /** Names that were said on this connection, with the places that were asked for. */
  readonly said: Map<string, Readonly<Record<string, number>>> = new Map();
  /** Something was refused on this connection: a place that was asked for meanwhile may be an earlier one. */
  isRewound = false;
  seq = 0;
  /** When the last of what it has said arrives. */
  #due = 0;

  constructor(sim: Sim, name: string, user: string) {
    this.sim = sim;
    this.name = name;
    this.user = user;
  }

  get isOpen(): boolean {
    return this.at !== null && this.at.closed === null;
  }

  async connect(instance: SimInstance): Promise<void> {
    this.cut();
    const talker = await this.sim.world.dialTcp(instance.instance);
    this.sim.connections++;
    this.at = talker;
    this.instance = instance;
    this.isWelcome = false;
    this.leaving = [];
    this.said.clear();
    this.isRewound = false;
    for (const place of this.places.values()) {
      Object.assign(place, { isOpen: false, isLoose: false, names: new Set() });
    }
    for (const said of this.outbox) said.isSaid = false;
    for (const view of this.views.values()) view.isTrue = false;
    talker.onFrame = (frame) => {
      if (this.at === talker) this.#guarded(frame);
    };
    talker.say(["hello", 1, this.user, this.ticket, [...this.wishes.keys()].map((name) => this.#request(name))]);
  }

  cut(): void {
    this.at?.cut();
    this.at = null;
  }

  stall(on: boolean): void {
    this.at?.socket.stall(on);
  }

  subscribe(name: string, isMember: boolean, since: string): void {
    if (this.wishes.has(name) || this.#isLeaving(name)) return;
    this.wishes.set(name, { isMember, since, isKnown: false });
    this.again(name);
  }

  unsubscribe(name: string): void {
    if (!this.wishes.delete(name)) return;
    for (const channel of [...this.places.keys()]) if (!this.covers(channel)) this.places.delete(channel);
    if (!this.isOpen || !this.said.has(name)) return;
    this.said.delete(name);
    this.leaving.push({ name, others: [...this.said.keys()] });
    // Whatever else wants it is said later, and answered behind what still comes of this one.
    for (const [channel, place] of this.places) if (this.#isPassing(channel)) this.#freeze(channel, place);
    if (this.isWelcome) this.at!.say(["unsub", [name]]);
  }

  /** It was refused for now. */
  again(name: string): void {
    if (this.wishes.has(name) && this.isOpen && this.isWelcome) this.at!.say(["sub", [this.#request(name)]]);
  }

  publish(publish: Said["publish"], isMessage: boolean): void {
    const seq = ++this.seq;
    for (const [channel, data] of publish) this.sim.saidBy.set(data, [`${this.name} ${channel}`, seq]);
    this.outbox.push({ seq, isMessage, publish, isSaid: false });
    this.sayAll();
  }

  /** It has lost its connection, which the server will find out in a while. */
  leave(): void {
    const { at, sim: { roll, world: { clock } } } = this;
    if (at !== null) clock.setTimer(() => at.cut(), roll(HALF_OPEN));
    this.at = null;
  }

  sayAll(): void {
    if (!this.isOpen || !this.isWelcome) return;
    for (const said of this.outbox) {
      if (said.isSaid) continue;
      said.isSaid = true;
      const [[channel, data]] = said.publish;
      this.#sayLater(said.isMessage ? ["msg", said.seq, null, said.publish] : ["pub", said.seq, channel, data]);
    }
  }

  /** It is on its way for a while, and arrives though the client is elsewhere by then. */
  #sayLater(frame: Frame): void {
    const { at, sim: { options: { way = 0 }, roll, world: { clock } } } = this;
    if (way === 0) return at!.say(frame);
    this.#due = Math.max(this.#due, clock.now() + roll(way));
    clock.setTimer(() => at!.closed === null && at!.say(frame), this.#due - clock.now());
  }

  covers(channel: string): boolean {
    return [...this.wishes.keys()].some((name) => has(name, channel));
  }

  /** Whether it wants to be a member there. @param isWritten A pattern matches it. */
  memberOf(channel: string, isWritten: boolean): boolean {
    const isMatched = channel.startsWith("r:") && isWritten && this.wishes.get("r:*")?.isMember === true;
    return isMatched || this.wishes.get(channel)?.isMember === true;
  }

  #request(name: string): unknown[] {
    const { isMember, since, isKnown } = this.wishes.get(name)!;
    const options = { since, ...(isMember ? { member: this.name } : {}) };
    const mine = [...this.places].filter(([channel]) => has(name, channel));
    this.said.set(name, Object.fromEntries(mine.map(([channel, { offset }]) => [channel, offset])));
    if (mine.length === 0 && !isKnown) return [name, null, options];
    return [
      name,
      Object.fromEntries(mine.map(([channel, { grant, offset }]) => [channel, `${offset}.${grant}`])),
      options,
    ];
  }

  #guarded(frame: Frame): void {
    try {
      this.#heard(frame);
    } catch (error) {
      this.sim.wrong.push(`${this.name} at ${this.sim.world.clock.now()}: ${(error as Error).message}`);
    }
  }

  #heard([word, ...rest]: Frame): void {
    this.sim.note(this.name, [word, ...rest]);
    if (word === "welcome") {
      this.ticket = rest[0] as string;
      this.isWelcome = true;
      if (this.leaving.length > 0) this.at!.say(["unsub", this.leaving.map(({ name }) => name)]);
      for (const name of this.wishes.keys()) if (!this.said.has(name)) this.again(name);
      this.sayAll();
    } else if (word === "subbed") this.#subbed(...rest as Parameters<SimClient["gap"]>);
    else if (word === "watch") {
      const wish = this.wishes.get(rest[0] as string);
      if (wish !== undefined) wish.isKnown = true;
    } else if (word === "gap") this.#placed(rest[0] as string, rest[1] as string, rest[2] as number, rest[3] as string);
    else if (word === "m" || word === "p") this.#entry(word, rest[0] as string, rest[1] as number, rest[2]);
    else if (word === "members") this.#members(rest[0] as string, rest[1] as number, rest[2] as Member[]);
    else if (word === "unsubbed") this.#unsubbed(rest[0] as string[]);
    else if (word === "ok") this.#ok(rest[0] as number);
    else if (word === "no") {
      // Who is about to leave takes nothing more; nobody else may say so.
      const isLeaving = rest[1] === "draining" && this.instance!.isDead;
      demand(rest[1] === "unavailable" || isLeaving, `no ${JSON.stringify(rest)}`);
      const said = this.outbox.find(({ seq }) => seq === rest[0]);
      if (said !== undefined) said.isSaid = false;
    } else if (word === "d") this.#direct(rest[0] as string);
    else if (word === "bye") this.#bye(rest[0] as Record<string, number>);
    else if (word === "refused") {
      demand(rest[1] === "unavailable", `refused ${JSON.stringify(rest)}`);
      this.isRewound = true;
      // With a channel it is there, and tries that by itself.
      if (rest[3] === undefined) this.#refused(rest[0] as string);
    } else if (word === "error") {
      demand(rest[0] === "unavailable" || rest[0] === "fenced", `error ${JSON.stringify(rest)}`);
    } else demand(word === "live", `nobody says ${word}`);
  }

  gap(_name: string, _channel: string, _grant: string, _offset: number, _reason: string | null): void {}

  #subbed(name: string, channel: string, grant: string, offset: number, reason: string | null): void {
    const wish = this.wishes.get(name);
    if (this.#isPassing(channel)) return;
    demand(wish !== undefined || this.#isLeaving(name), `subbed ${name}, which nobody asked for`);
    if (wish !== undefined) wish.isKnown = true;
    const epoch = grant.split(".")[0];
    const place = this.places.get(channel);
    if (place === undefined || place.isLoose || this.#isNew(name, channel, place)) {
      this.places.set(channel, { grant, epoch, offset, isOpen: true, names: new Set([name]), isLoose: false });
      return;
    }
    place.names.add(name);
    const isHere = place.isOpen && place.grant === grant && place.offset === offset;
    if (reason !== null && !isHere) return this.#placed(channel, grant, offset, reason, true);
    if (this.isRewound && epoch === place.epoch && (this.said.get(name)?.[channel] ?? offset) === offset) {
      place.offset = offset;
    }
    demand(epoch === place.epoch, `${channel} goes on in another life without a word`);
    demand(offset === place.offset, `${channel} goes on at ${offset}, not ${place.offset}, without a word`);
    place.isOpen = true;
  }

  /** Whoever had it was refused, and this one was said before there was a place to ask for: it may begin anywhere. */
  #isNew(name: string, channel: string, { names }: Place): boolean {
    return names.size === 0 && this.said.has(name) && this.said.get(name)![channel] === undefined;
  }

  #placed(channel: string, grant: string, offset: number, reason: string, opens = false): void {
    const place = this.places.get(channel);
    if (this.#isPassing(channel)) return;
    if (place === undefined) throw new Error(`a gap of ${channel}, which is not subscribed`);
    demand(opens || place.isOpen, `a gap of ${channel}, which is not open`);
    const epoch = grant.split(".")[0];
    if (reason === "epoch") demand(epoch !== place.epoch, `${channel} has no other life`);
    else {
      demand(epoch === place.epoch, `a gap (${reason}) of ${channel} has another life`);
      demand(offset > place.offset, `a gap (${reason}) of ${channel} leads back from ${place.offset} to ${offset}`);
      this.sim.checkGone(channel, epoch, offset);
    }
    this.sim.gaps++;
    Object.assign(place, { grant, epoch, offset, isOpen: true });
    const view = this.views.get(channel);
    if (view !== undefined) view.isTrue = false;
  }

  #entry(word: string, channel: string, offset: number, data: unknown): void {
    const place = this.places.get(channel);
    if (this.#isPassing(channel)) return;
    if (place?.isOpen !== true) throw new Error(`${word} ${offset} of ${channel}, which is not subscribed`);
    demand(offset === place.offset + 1, `${word} ${offset} of ${channel} behind ${place.offset}`);
    place.offset = offset;
    this.sim.received++;
    const kept = this.sim.keptAt(channel, place.epoch, offset);
    demand(
      kept === JSON.stringify(data),
      `${channel} has ${kept?.slice(0, 99)} at ${offset}, got ${JSON.stringify(data).slice(0, 99)}`,
    );
    const view = this.views.get(channel);
    if (word === "p" && view !== undefined && offset > view.at) change(view.members, data as Change);
  }

  #members(channel: string, at: number, list: readonly Member[]): void {
    if (this.#isPassing(channel)) return;
    this.views.set(channel, { at, members: new Map(list.map((one) => [one.member, one])), isTrue: true });
  }

  /** What comes of it is of what is being left, and of nothing else that was said by then. */
  #isPassing(channel: string): boolean {
    return this.leaving.some(({ name, others }) => has(name, channel) && !others.some((other) => has(other, channel)));
  }

  #isLeaving(name: string): boolean {
    return this.leaving.some((left) => left.name === name);
  }

  /** What comes until another `subbed` of it does not count. */
  #freeze(channel: string, place: Place): void {
    place.isOpen = false;
    const view = this.views.get(channel);
    if (view !== undefined) view.isTrue = false;
  }

  #unsubbed(names: readonly string[]): void {
    this.leaving = this.leaving.filter(({ name }) => !names.includes(name));
    for (const place of this.places.values()) {
      for (const name of names) if (place.names.delete(name) && place.names.size === 0) place.isLoose = true;
    }
  }

  /** There is no such subscription, and none of what it alone had. */
  #refused(name: string): void {
    for (const place of this.places.values()) {
      if (place.names.delete(name) && place.names.size === 0) place.isOpen = false;
    }
    this.sim.refusals.push([this, name]);
  }

  #ok(seq: number): void {
    const index = this.outbox.findIndex((said) => said.seq === seq);
    if (index < 0) return;
    const [{ publish }] = this.outbox.splice(index, 1);
    for (const [channel, data] of publish) this.sim.acknowledged.push([channel, JSON.stringify(data)]);
  }

  #direct(id: string): void {
    this.direct.add(id);
    this.sim.direct++;
    this.toAck.push(id);
  }

  #bye(offsets: Readonly<Record<string, number>>): void {
    for (const [channel, offset] of Object.entries(offsets)) {
      const place = this.places.get(channel);
      if (place?.isOpen) demand(place.offset === offset, `bye at ${offset} of ${channel}, it is at ${place.offset}`);
    }
  }
}

/** Whether a name has a channel: its own, or of a pattern. */
function has(name: string, channel: string): boolean {
  return name === channel || (name.endsWith("*") && channel.startsWith(name.slice(0, -1)));
}

type Change = Member & { readonly type: string };

function change(members: Map<string, Member>, { type, ...one }: Change): void {
  if (type === "join") members.set(one.member, one);
  else if (type === "leave") {
    // By now it may be at another instance.
    if (members.get(one.member)?.instance === one.instance) members.delete(one.member);
  } else for (const [id, { instance }] of members) if (instance === one.instance) members.delete(id);
}

/** An instance, and its end of the log. */
interface SimInstance {
  readonly instance: Instance;
  readonly end: LogEnd | null;
  isDead: boolean;
}

/** One run. */
class Sim {
  readonly world = new ChannelsWorld();
  readonly options: SimOptions;
  readonly roll: (below: number) => number;
  readonly engine: SharedLog;
  readonly own: ChannelLog;
  readonly instances: SimInstance[] = [];
  readonly clients: SimClient[] = [];
  readonly wrong: string[] = [];
  readonly story: string[] = [];
  readonly refusals: [SimClient, string][] = [];
  /** What was kept, by channel, epoch and offset. */
  readonly kept: Map<string, string> = new Map();
  readonly acknowledged: [channel: string, json: string][] = [];
  readonly sent: Map<string, string> = new Map();
  /** Which client said what is in a channel, and its number there. */
  readonly saidBy: Map<string, readonly [from: string, seq: number]> = new Map();
  readonly pending: Set<Promise<unknown>> = new Set();
  received = 0;
  gaps = 0;
  connections = 0;
  direct = 0;
  #made = 0;
  #published = 0;
  #restarts = 0;

  constructor(seed: number, options: SimOptions) {
    this.options = options;
    this.roll = dice(seed);
    for (let i = 0; i < 5; i++) this.roll(2);
    this.engine = new SharedLog(this.world.clock);
    this.engine.appended = (stream, { data }, { epoch, offset }) => this.#keep(stream, epoch, offset, data as string);
    this.own = memoryLog({ clock: this.world.clock });
    const append = this.own.append.bind(this.own);
    this.own.append = (stream, entry, how) => {
      const appending = append(stream, entry, how);
      void appending.then(({ epoch, offset, duplicate }) => {
        if (!duplicate) this.#keep(stream, epoch, offset, entry.data as string);
      });
      return appending;
    };
  }

  get log(): ChannelLog {
    return this.options.instances === 0 ? this.own : this.engine.streams;
  }

  note(who: string, what: unknown): void {
    this.story.push(`${this.world.clock.now()} ${who} ${JSON.stringify(what).slice(0, 400)}`);
  }

  keptAt(channel: string, epoch: string, offset: number): string | undefined {
    return this.kept.get(`${channel} ${epoch} ${offset}`);
  }

  /** What was missed is not to be had. */
  checkGone(channel: string, epoch: string, offset: number): void {
    const { history } = this.options;
    const top = this.#topOf(channel, epoch);
    demand(top - history >= offset, `a gap of ${channel} up to ${offset}, where ${history} are kept up to ${top}`);
  }

  #topOf(channel: string, epoch: string): number {
    let top = 0;
    while (this.kept.has(`${channel} ${epoch} ${top + 1}`)) top++;
    return top;
  }

  #keep(stream: string, epoch: string, offset: number, data: string): void {
    this.kept.set(`${stream} ${epoch} ${offset}`, data);
  }

  chance(share = 0): boolean {
    return this.roll(1000) < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.roll(list.length)];
  }

  get alive(): SimInstance[] {
    return this.instances.filter(({ isDead }) => !isDead);
  }

  async start(): Promise<SimInstance> {
    const { instances, history } = this.options;
    const end = instances === 0 ? null : this.engine.open(this.#faults());
    const instance = await this.world.start({
      log: end ?? this.own,
      instance: `i${++this.#made}`,
      history: { size: history },
      session: { expiry: EXPIRY, window: 3 },
      queue: { attempts: 100_000 },
      lease: LEASE,
      checkEvery: CHECK,
    }, ACCEPT);
    const made: SimInstance = { instance, end, isDead: false };
    this.instances.push(made);
    return made;
  }

  #faults(): LogFaults {
    const { lost, late, again, bare, before, after, slow, given } = this.options;
    return {
      entries: !this.chance(bare),
      notice: () => {
        if (this.chance(lost)) return "lost";
        if (this.chance(again)) return { again: this.roll(400) };
        return this.chance(late) ? { late: this.roll(200) } : null;
      },
      call: (name, what, kind) => {
        const isGiven = kind === "message" || (name === "take" && what.startsWith("session:"));
        if (this.chance(before)) return "before";
        if (this.chance(after)) return "after";
        if (isGiven && this.chance(given)) {
          return { after: this.roll(400), effect: this.roll(3) === 0 ? null : this.roll(800) };
        }
        return this.chance(slow) ? this.roll(60) : null;
      },
    };
  }

  async run(): Promise<void> {
    const { instances, clients, steps } = this.options;
    for (let i = 0; i < Math.max(1, instances); i++) await this.start();
    for (let i = 0; i < clients; i++) this.clients.push(new SimClient(this, `c${i}`, USERS[i % USERS.length]));
    for (let step = 0; step < steps && this.wrong.length === 0; step++) await this.#step();
    await this.#settle();
    if (this.wrong.length === 0) await this.#check();
  }

  async #step(): Promise<void> {
    const { restarts, deaths, cuts, drains, stalls, halves, bursts } = this.options;
    const client = this.pick(this.clients);
    const what = this.roll(100);
    if (what < 35) this.#publish();
    else if (what < 45) this.#publishBy(client);
    else if (what < 53) client.subscribe(this.pick(NAMES), this.roll(3) === 0, this.pick(["now", "oldest"]));
    else if (what < 56) client.unsubscribe(this.pick(NAMES));
    else if (what < 63) this.chance(halves) ? client.leave() : client.cut();
    else if (what < 72) this.#sendTo();
    else if (what < 80) this.#acknowledge(client);
    if (this.chance(bursts)) { for (let left = this.roll(5); left > 0; left--) this.#publishBy(client); }
    if (this.chance(stalls)) client.stall(true);
    else if (this.roll(8) === 0) client.stall(false);
    if (this.chance(restarts)) this.#restart();
    if (this.chance(deaths)) await this.#kill();
    if (this.chance(cuts)) this.#cutOff();
    if (this.chance(drains)) await this.#drain();
    if (!client.isOpen && this.roll(3) === 0) await client.connect(this.pick(this.alive));
    await this.#pass(this.pick([0, 0, 0, 1, 5, 20, 50, 150]));
  }

  /** Time, and what clients do by themselves. */
  async #pass(ms: number): Promise<void> {
    if (ms > 0) await this.world.clock.advance(ms);
    else await this.world.clock.settle();
    for (const client of this.clients) if (this.roll(4) === 0) client.sayAll();
    for (const [client, name] of this.refusals.splice(0)) client.again(name);
  }

  #data(): string {
    return `${++this.#published}${"x".repeat(this.options.padding ?? 0)}`;
  }

  #publish(): void {
    const { instance } = this.pick(this.alive);
    const channel = this.pick(CHANNELS);
    const data = this.#data();
    this.note("publish", [channel, data.slice(0, 9), instance.channels.instance]);
    const publishing = instance.channels.publish(channel, data).then(
      () => void this.acknowledged.push([channel, JSON.stringify(data)]),
      () => {},
    );
    this.#await(publishing);
  }

  #publishBy(client: SimClient): void {
    const isMessage = this.chance(this.options.messages);
    const count = isMessage ? 1 + this.roll(3) : 1;
    client.publish(Array.from({ length: count }, () => [this.pick(CHANNELS), this.#data()] as const), isMessage);
  }

  #sendTo(): void {
    const { instance } = this.pick(this.alive);
    const user = this.pick(USERS);
    const data = `d${++this.#published}`;
    const restarts = this.#restarts;
    this.#await(
      instance.channels.sendTo(user, data).then(() => {
        if (restarts === this.#restarts) this.sent.set(data, user);
      }, () => {}),
    );
  }

  #await(promise: Promise<unknown>): void {
    this.pending.add(promise);
    void promise.then(() => this.pending.delete(promise));
  }

  #acknowledge(client: SimClient): void {
    if (!client.isOpen || client.toAck.length === 0) return;
    const [id] = client.toAck.splice(this.roll(client.toAck.length), 1);
    client.at!.say(this.roll(4) === 0 ? ["nack", id, this.roll(100)] : ["ack", [id]]);
  }

  #restart(): void {
    if (this.options.instances === 0) return;
    this.#restarts++;
    this.note("log", "restart");
    this.sent.clear();
    this.acknowledged.length = 0;
    this.engine.restart(this.options.forgets === true && this.roll(2) === 0);
  }

  async #kill(): Promise<void> {
    const dead = this.pick(this.alive);
    if (dead.end === null) return;
    this.note("kill", dead.instance.channels.instance);
    dead.isDead = true;
    dead.end.kill();
    for (const client of this.clients) if (client.instance === dead) client.cut();
    if (this.alive.length === 0 || this.roll(2) === 0) await this.start();
  }

  #cutOff(): void {
    const cut = this.pick(this.alive);
    const { end } = cut;
    if (end === null) return;
    this.note("cut off", cut.instance.channels.instance);
    end.kill();
    this.world.clock.setTimer(() => {
      if (!cut.isDead) end.revive();
    }, this.roll(2500));
  }

  async #drain(): Promise<void> {
    const leaving = this.pick(this.alive);
    if (this.options.instances === 0) return;
    this.note("drain", leaving.instance.channels.instance);
    leaving.isDead = true;
    if (this.alive.length === 0) await this.start();
    const { tcp, http, channels } = leaving.instance;
    leaving.end!.faults = {};
    leaving.end!.revive();
    const draining = Promise.all([tcp.shutdown({ grace: 500 }), http.shutdown({ grace: 500 })])
      .then(() => channels.close()).then(() => leaving.end!.kill());
    this.#await(draining);
  }

  /** Everything works again, and everybody is there. */
  async #settle(): Promise<void> {
    this.note("settle", "");
    if (this.alive.length === 0) await this.start();
    for (const { end, isDead } of this.instances) {
      if (end === null || isDead) continue;
      end.faults = {};
      end.revive();
    }
    for (const client of this.clients) client.stall(false);
    await this.world.clock.advance(LEASE * 2);
    const end = this.world.clock.now() + 20_000;
    const settled = this.world.clock.now() + EXPIRY + 2 * LEASE + 10 * CHECK + 3000;
    while (this.wrong.length === 0 && (this.pending.size > 0 || this.world.clock.now() < settled)) {
      for (const client of this.clients) {
        if (!client.isOpen) await client.connect(this.pick(this.alive));
        client.sayAll();
        if (client.toAck.length > 0) client.at!.say(["ack", client.toAck.splice(0)]);
      }
      await this.#pass(100);
      if (this.world.clock.now() > end) throw new Error(`${this.pending.size} promises are pending`);
    }
  }

  async #check(): Promise<void> {
    for (const client of this.clients) await this.#checkPlaces(client);
    for (const channel of CHANNELS) await this.#checkMembers(channel);
    this.#checkKept();
    for (const user of USERS) {
      const { entries } = await this.log.read(`$user:${user}`, 0, { count: 1000, bytes: 1e6 });
      this.#demand(entries.length === 0, `${entries.length} direct messages of ${user} are left`);
    }
    this.#demand(this.#unheard() === 0, "a failure went unheard");
  }

  #unheard(): number {
    return 0;
  }

  async #checkPlaces(client: SimClient): Promise<void> {
    this.#demand(client.isOpen && client.isWelcome, `${client.name} is not connected`);
    const [tops, names] = [await this.log.tops(CHANNELS), await this.log.streams("", 1000)];
    for (const [i, channel] of CHANNELS.entries()) {
      if (!client.wishes.has(channel) && !(client.covers(channel) && names.includes(channel))) continue;
      const place = client.places.get(channel);
      const { epoch, top } = tops[i];
      const isThere = place !== undefined && place.isOpen && place.epoch === epoch && place.offset === top;
      this.#demand(isThere, `${client.name} is at ${JSON.stringify(place)} of ${channel}, which is at ${epoch} ${top}`);
    }
    this.#demand(client.outbox.length === 0, `${client.name} has ${client.outbox.length} messages left`);
  }

  async #checkMembers(channel: string): Promise<void> {
    const isWritten = (await this.log.streams(channel, 100)).includes(channel);
    // Whether a pattern matches what a log has forgotten is a matter of when it was asked.
    if (!isWritten && channel.startsWith("r:")) return;
    const wanted = this.clients.filter((client) => client.memberOf(channel, isWritten))
      .map((client) => `${client.ticket!.split(".")[0]} ${client.instance!.instance.channels.instance}`).sort();
    const name = ({ member, instance }: Member): string => `${member} ${instance}`;
    for (const { instance } of this.alive) {
      const there = (await instance.channels.members(channel)).map(name).sort();
      this.#demand(`${there}` === `${wanted}`, `members of ${channel}: [${there}], there are [${wanted}]`);
    }
    for (const client of this.clients) {
      const view = client.views.get(channel);
      if (!client.memberOf(channel, isWritten) || view === undefined || !view.isTrue) continue;
      const seen = [...view.members.values()].map(name).sort();
      this.#demand(`${seen}` === `${wanted}`, `${client.name} sees in ${channel} [${seen}], there are [${wanted}]`);
    }
  }

  /** What was acknowledged is kept, once. */
  #checkKept(): void {
    const counts = new Map<string, number>();
    for (const [key, data] of this.kept) {
      const [channel] = key.split(" ");
      counts.set(`${channel} ${data}`, (counts.get(`${channel} ${data}`) ?? 0) + 1);
    }
    for (const [channel, json] of this.acknowledged) {
      const count = counts.get(`${channel} ${json}`) ?? 0;
      const isRight = this.#restarts === 0 ? count === 1 : count >= 1;
      this.#demand(isRight, `${json.slice(0, 9)} is ${count} times in ${channel}`);
    }
    if (this.#restarts === 0) this.#checkOrder();
  }

  /** What a client has said is in each channel in the order in which it was said. */
  #checkOrder(): void {
    const last = new Map<string, number>();
    for (const [key, json] of this.kept) {
      if (key.startsWith("$")) continue;
      const [from, seq] = this.saidBy.get(JSON.parse(json)) ?? ["", 0];
      if (from === "") continue;
      const before = last.get(from) ?? 0;
      this.#demand(before <= seq, `${from} has ${seq} behind ${before}`);
      last.set(from, seq);
    }
  }

  #demand(holds: boolean, otherwise: string): void {
    if (!holds) this.wrong.push(otherwise);
  }
}

/** What is random by itself is so by the seed. The function that it gives ends that. */
function randomBy(seed: number): () => void {
  const roll = dice(seed);
  crypto.getRandomValues = (array) => {
    if (array instanceof Uint8Array) { for (let i = 0; i < array.length; i++) array[i] = roll(65536) >> 8; }
    return array;
  };
  return () => delete (crypto as Partial<Crypto>).getRandomValues;
}

/** Plays a seed. @throws Whatever was wrong, with the last that happened before it. */
export async function simulate(seed: number, options: SimOptions): Promise<SimReport> {
  const restore = randomBy(seed);
  const sim = new Sim(seed, options);
  try {
    await sim.run();
  } catch (error) {
    sim.wrong.push(`${(error as Error).stack}`);
  }
  restore();
  const { wrong, story, received, gaps, connections, direct } = sim;
  if (wrong.length > 0) {
    throw new Error(`${wrong.join("\n")}\n${story.slice(-Number(process.env.STORY ?? 60)).join("\n")}`);
  }
  await sim.world[Symbol.asyncDispose]();
  return { received, gaps, connections, direct, changes: sim.kept.size };
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
