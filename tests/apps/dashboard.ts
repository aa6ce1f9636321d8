/**
 * A dashboard over server-sent events: programs post samples, pages see them as they come, and a page that was away
 * gets what it has missed.
 *
 *     PORT=8080 PROBE_PORT=8081 node --import tsx tests/apps/dashboard.ts
 *     curl -d '{"name":"cpu","value":0.4}' http://localhost:8080/samples
 *
 * Then open http://localhost:8080/. An event's id is the log's own name and a number, so an id of another log is told
 * apart. With `STATE`, a file, the next process goes on with the same log, and a deploy is no gap. Probes have a port of
 * their own, which stops last.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readFile, rename, writeFile } from "node:fs/promises";
import process from "node:process";
import { run } from "../../mod.ts";
import { eventStream, healthHandler, type HttpHandler, reply, serveHttp } from "../../src/http/mod.ts";
import type { ServerSentEvent } from "../../src/http/mod.ts";

interface Sample {
  readonly name: string;
  readonly value: number;
}

/** What is kept of the log: `samples` end with number `last`. */
interface State {
  readonly log: string;
  readonly last: number;
  readonly samples: readonly Sample[];
}

const { STATE = "" } = process.env;
/** Samples that are kept for those who come back. */
const KEPT = 1000;
/** How long a page waits before it comes back after a stop, in ms. */
const RETRY = 1000;

/** The last samples, each with its number, and whoever follows them. */
class Log {
  readonly #name: string;
  readonly #samples: Sample[];
  #last: number;
  readonly #added: EventEmitter = new EventEmitter().setMaxListeners(0);

  constructor({ log, last, samples }: State) {
    this.#name = log;
    this.#last = last;
    this.#samples = [...samples];
  }

  get state(): State {
    return { log: this.#name, last: this.#last, samples: this.#samples };
  }

  /** Gives the sample's id. */
  add(sample: Sample): string {
    this.#samples.push(sample);
    if (this.#samples.length > KEPT) this.#samples.shift();
    this.#last++;
    this.#added.emit("added");
    return this.#idOf(this.#last);
  }

  /** Everything after the event that was seen last; who has missed more than is kept is told to begin anew. */
  async *follow(lastSeen: string, signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
    let next = this.#numberOf(lastSeen) + 1;
    while (!signal.aborted) {
      const first = this.#last - this.#samples.length + 1;
      if (!(next >= first && next <= this.#last + 1)) {
        next = first;
        yield { event: "reset", data: "begin anew" };
      } else if (next > this.#last) {
        await once(this.#added, "added", { signal });
      } else {
        yield { id: this.#idOf(next), data: JSON.stringify(this.#samples[next++ - first]) };
      }
    }
  }

  #idOf(number: number): string {
    return `${this.#name}:${number}`;
  }

  /** NaN if the id is none of this log's. */
  #numberOf(id: string): number {
    const [name, number] = id.split(":");
    return name === this.#name && /^\d+$/.test(number) ? Number(number) : NaN;
  }
}

const log = new Log(await load());
const page = reply(await readFile(new URL("./dashboard.html", import.meta.url)), {
  headers: { "content-type": "text/html; charset=utf-8" },
});

const handler: HttpHandler = (request, ctx) => {
  switch (`${request.method} ${new URL(request.url).pathname}`) {
    case "GET /":
      return page;
    case "GET /events": {
      const lastSeen = request.headers.get("last-event-id") ?? "";
      return eventStream(ctx, (signal) => log.follow(lastSeen, signal), { retry: RETRY });
    }
    case "POST /samples":
      return take(request);
    default:
      return reply("not found\n", { status: 404 });
  }
};

async function take(request: Request): Promise<Response> {
  const sample: Partial<Sample> | null = await request.json().catch((error) => {
    if (error instanceof SyntaxError) return null;
    throw error;
  });
  const { name, value } = sample ?? {};
  if (typeof name !== "string" || !/^[\w.-]{1,64}$/.test(name) || !Number.isFinite(value)) {
    return Response.json({ error: 'send {"name":"cpu","value":0.4}' }, { status: 400 });
  }
  return Response.json({ id: log.add({ name, value: value! }) }, { status: 201 });
}

async function load(): Promise<State> {
  const fresh: State = { log: randomUUID(), last: 0, samples: [] };
  if (STATE === "") return fresh;
  try {
    return JSON.parse(await readFile(STATE, "utf8"));
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return fresh;
    throw error;
  }
}

async function save(): Promise<void> {
  if (STATE === "") return;
  await writeFile(`${STATE}.part`, JSON.stringify(log.state));
  await rename(`${STATE}.part`, STATE);
}

/** A port from the environment. @throws {RangeError} It is none. */
function portFrom(name: string, fallback: number): number {
  const text = process.env[name] ?? String(fallback);
  if (/^\d+$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new RangeError(`${name} must be a port, 0 to 65535, got ${JSON.stringify(text)}`);
}

const dashboard = await serveHttp({ name: "dashboard", port: portFrom("PORT", 8080), maxBodyBytes: 4096 }, handler);
dashboard.onShutdown("save the log", save);
const probes = await serveHttp(
  { name: "probes", port: portFrom("PROBE_PORT", 8081) },
  healthHandler({ servers: [dashboard] }),
);
await run([dashboard, probes], { grace: 10_000, lameDuck: 500 });
