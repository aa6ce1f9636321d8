/**
 * Clients of channels that come back all at once, each with messages missed, beside some that are live: how long until
 * all have everything, and how late the live ones' messages are meanwhile.
 *
 * @module
 */
import type { PlacesJob, Recovered, RecoverJob } from "./jobs.ts";
import { Block, NOTHING, open, Poll, receive, received, shut } from "./libc.ts";
import { FrameReader, shakeHands, textFrame } from "./ws_wire.ts";

const TURN_MS = 20;
const BATCH = 64;
const LIMIT_MS = 60_000;
/** The channel in which the server says the time again and again. */
const LIVE = "live";

/** Positions by channel, as the server gave them. */
const places = new Map<string, string>();

/** Asks for a position in each of so many channels. */
export function takePlaces({ port, channels }: PlacesJob): { readonly places: number } {
  const fd = open(port);
  shakeHands(port, [fd]);
  say(fd, ["hello", 1, null, null, channelNames(channels).map((name) => [name, null])]);
  const reader = new FrameReader();
  const end = performance.now() + LIMIT_MS;
  while (places.size < channels) {
    if (performance.now() > end) throw new Error(`${places.size} of ${channels} positions came`);
    const length = receive(fd);
    if (length === NOTHING) continue;
    for (const text of reader.texts(received, length)) {
      const [word, , channel, grant, offset] = JSON.parse(text);
      if (word === "subbed") places.set(channel, `${offset}.${grant}`);
    }
  }
  shut(fd);
  return { places: places.size };
}

class Recovery {
  readonly #poll = new Poll();
  readonly #left = new Map<number, number>();
  readonly #live = new Map<number, FrameReader>();
  readonly #readers = new Map<number, FrameReader>();
  #latest = 0;
  #heard = 0;

  /** Live ones first: they have to be there when the others come. */
  run({ port, conns, channels, behind, live }: RecoverJob): Recovered {
    this.#open(port, live, (fd) => {
      this.#live.set(fd, new FrameReader());
      say(fd, ["hello", 1, null, null, [[LIVE, null]]]);
    });
    const settled = performance.now() + 1000;
    while (performance.now() < settled) this.#take();
    const quiet = this.#latest;
    this.#latest = 0;
    const begun = performance.now();
    let next = 0;
    const names = channelNames(channels);
    this.#open(port, conns, (fd) => {
      const name = names[next++ % names.length];
      this.#left.set(fd, behind);
      this.#readers.set(fd, new FrameReader());
      say(fd, ["hello", 1, null, null, [[name, { [name]: places.get(name) }]]]);
    });
    while (this.#left.size > 0) {
      if (performance.now() - begun > LIMIT_MS) throw new Error(`${this.#left.size} clients have not all they missed`);
      this.#take();
    }
    const ms = performance.now() - begun;
    for (const fd of [...this.#live.keys(), ...this.#readers.keys()]) shut(fd);
    this.#poll.close();
    return { ms, quiet, delayed: this.#latest, heard: this.#heard };
  }

  #open(port: number, count: number, greet: (fd: number) => void): void {
    for (let left = count; left > 0; left -= BATCH) {
      const fds = Array.from({ length: Math.min(BATCH, left) }, () => open(port));
      shakeHands(port, fds);
      for (const fd of fds) {
        this.#poll.add(fd);
        greet(fd);
      }
      this.#take(0);
    }
  }

  #take(wait: number = TURN_MS): void {
    const ready = this.#poll.wait(wait);
    for (let i = 0; i < ready; i++) {
      const fd = this.#poll.fd(i);
      const length = receive(fd);
      if (length === NOTHING) continue;
      if (length <= 0) throw new Error(`the server closed a WebSocket (${length})`);
      const live = this.#live.get(fd);
      if (live === undefined) this.#count(fd, length);
      else for (const text of live.texts(received, length)) this.#late(text);
    }
  }

  #count(fd: number, length: number): void {
    let left = this.#left.get(fd) ?? 0;
    for (const text of this.#readers.get(fd)!.texts(received, length)) {
      if (text.startsWith('["m"')) left--;
      else if (text.startsWith('["subbed"') && !text.endsWith(",null]")) throw new Error(`a gap: ${text}`);
    }
    if (left < 0) throw new Error("a client got a message too much");
    if (left === 0) this.#left.delete(fd);
    else this.#left.set(fd, left);
  }

  #late(text: string): void {
    const [word, channel, , said] = JSON.parse(text);
    if (word !== "m" || channel !== LIVE) return;
    this.#heard++;
    this.#latest = Math.max(this.#latest, Date.now() - said);
  }
}

/** Runs a recovery. */
export function runRecovery(job: RecoverJob): Recovered {
  return new Recovery().run(job);
}

function channelNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `channel-${i}`);
}

function say(fd: number, frame: unknown): void {
  const block = new Block(textFrame(JSON.stringify(frame)));
  for (let sent = 0; sent < block.bytes.length;) sent = block.sendFrom(fd, sent);
}
