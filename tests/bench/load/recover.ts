/**
 * Clients of channels that come back all at once, each with messages missed: how long until all have everything.
 *
 * @module
 */
import type { PlacesJob, Recovered, RecoverJob } from "./jobs.ts";
import { Block, NOTHING, open, Poll, receive, received, shut } from "./libc.ts";
import { FrameReader, shakeHands, textFrame } from "./ws_wire.ts";

const TURN_MS = 20;
const LIMIT_MS = 60_000;

/** Positions by channel, as the server gave them. */
const places = new Map<string, string>();

/** Asks for a position in each of so many channels. */
export function takePlaces({ port, channels }: PlacesJob): { readonly places: number } {
  places.clear();
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
  readonly #readers = new Map<number, FrameReader>();

  run({ port, conns, channels, behind, batch }: RecoverJob): Recovered {
    const begun = performance.now();
    const names = channelNames(channels);
    for (let next = 0; next < conns; next += batch) {
      const fds = Array.from({ length: Math.min(batch, conns - next) }, () => open(port));
      shakeHands(port, fds);
      fds.forEach((fd, i) => this.#greet(fd, names[(next + i) % names.length], behind));
      this.#take(0);
    }
    while (this.#left.size > 0) {
      if (performance.now() - begun > LIMIT_MS) throw new Error(`${this.#left.size} clients have not all they missed`);
      this.#take(TURN_MS);
    }
    const ms = performance.now() - begun;
    for (const fd of this.#readers.keys()) shut(fd);
    this.#poll.close();
    return { ms };
  }

  #greet(fd: number, name: string, behind: number): void {
    this.#poll.add(fd);
    this.#left.set(fd, behind);
    this.#readers.set(fd, new FrameReader());
    say(fd, ["hello", 1, null, null, [[name, { [name]: places.get(name) }]]]);
  }

  #take(wait: number): void {
    const ready = this.#poll.wait(wait);
    for (let i = 0; i < ready; i++) {
      const fd = this.#poll.fd(i);
      const length = receive(fd);
      if (length === NOTHING) continue;
      if (length <= 0) throw new Error(`the server closed a WebSocket (${length})`);
      this.#count(fd, length);
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
