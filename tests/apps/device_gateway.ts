/**
 * A gateway between devices, which keep a TCP connection, and operators, who send commands over HTTP.
 *
 *     PORT=8080 DEVICE_PORT=9000 node --import tsx tests/apps/device_gateway.ts
 *
 * A frame is JSON behind its length in two bytes. A device begins with `{"hello":"pump-7"}`. Then both sides ask when
 * they like and answer in any order: `{"id":1,…}` is answered by `{"re":1,…}`. Whoever says nothing for three
 * heartbeats is dropped. On SIGTERM the operators' side stops first, because what it has promised needs the devices.
 *
 * @module
 */
import { appendFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  type Conn,
  type Framed,
  framed,
  heartbeat,
  lengthPrefixCodec,
  run,
  Semaphore,
  serve,
  withTimeout,
} from "../../mod.ts";
import { type HttpContext, type HttpHandler, readyz, serveHttp } from "../../src/http/mod.ts";

type Json = Readonly<Record<string, unknown>>;
type Frames = Framed<Uint8Array, Uint8Array | string>;

const { READINGS = join(tmpdir(), "readings.jsonl") } = process.env;
const HEARTBEAT = numberFrom("HEARTBEAT", 10_000, 60_000);
const COMMAND_TIMEOUT = numberFrom("COMMAND_TIMEOUT", 3000, 5000);

/** How long a device may take for its hello, in ms. */
const HELLO_TIMEOUT = 10_000;

/** Readings of one device that are being kept at once; then it has to wait. */
const SLOTS = 16;

const devices: Map<string, Device> = new Map();

/** What an operator is told instead of a result. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const gone = (): Refusal => new Refusal(502, "the device has gone");

/** One device while it is connected. */
class Device {
  readonly name: string;
  readonly #conn: Conn;
  readonly #frames: Frames;
  readonly #waiting: Map<number, (result: unknown) => void> = new Map();
  readonly #slots: Semaphore = new Semaphore(SLOTS);
  #lastId = 0;

  constructor(name: string, conn: Conn, frames: Frames) {
    this.name = name;
    this.#conn = conn;
    this.#frames = frames;
  }

  send(message: Json): Promise<void> {
    return this.#frames.send(JSON.stringify(message));
  }

  /** Sends a command and waits for its own answer, whatever comes before that. */
  async ask(command: unknown, ctx: HttpContext): Promise<unknown> {
    const [limit, cancel] = withTimeout(ctx, COMMAND_TIMEOUT, new Refusal(504, "the device doesn't answer"));
    const id = ++this.#lastId;
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, resolve);
        limit.signal.addEventListener("abort", () => reject(limit.cause()), { once: true });
        this.send({ id, command }).catch(() => reject(gone()));
      });
    } finally {
      this.#waiting.delete(id);
      cancel();
    }
  }

  /** Takes frames until the connection ends. Some readings are kept side by side, each is answered when it is kept. */
  async serve(): Promise<void> {
    for await (const frame of this.#frames) {
      const { id, reading, re, result } = parse(frame);
      if (id === undefined) {
        // An answer of the device, or its word on a ping: nothing follows from us.
        this.#conn.answered();
        this.#waiting.get(Number(re))?.(result);
      } else {
        const release = await this.#slots.acquire();
        this.#conn.waitUntil(this.#answer(id, reading).finally(release));
      }
    }
  }

  leave(): void {
    for (const settle of this.#waiting.values()) settle(Promise.reject(gone()));
    if (devices.get(this.name) === this) devices.delete(this.name);
  }

  /** The same device is here on a new connection. */
  replace(): void {
    this.#conn.abort(new Error(`${this.name} has connected again`));
  }

  async #answer(id: unknown, reading: unknown): Promise<void> {
    if (typeof reading !== "number") return await this.send({ re: id, error: "reading must be a number" });
    await appendFile(READINGS, `${JSON.stringify({ device: this.name, reading })}\n`);
    await this.send({ re: id, ok: true });
  }
}

/** One connection of a device. What is no frame, or no JSON, costs the device its connection. */
async function serveDevice(conn: Conn): Promise<void> {
  const frames = framed(conn, lengthPrefixCodec({ size: 2, maxLength: 4096 }), {
    firstFrameTimeout: HELLO_TIMEOUT,
    goodbye: (stream) => stream.send('{"bye":true}'),
  });
  heartbeat(frames, { ping: '{"ping":true}', interval: HEARTBEAT });
  const { value, done } = await frames.next();
  if (done) return;
  const { hello } = parse(value);
  if (typeof hello !== "string" || !/^[\w-]{1,64}$/.test(hello)) throw new Error("A device has not said hello");
  const device = new Device(hello, conn, frames);
  devices.get(hello)?.replace();
  devices.set(hello, device);
  conn.answered();
  try {
    await device.serve();
  } finally {
    device.leave();
  }
}

function parse(frame: Uint8Array): Json {
  const message: unknown = JSON.parse(new TextDecoder().decode(frame));
  if (typeof message === "object" && message !== null) return message as Json;
  throw new TypeError("A frame must be a JSON object");
}

/** `GET /devices`, and `POST /devices/<name>/commands` with the command as JSON. */
async function operate(request: Request, ctx: HttpContext): Promise<unknown> {
  const { pathname } = new URL(request.url);
  if (pathname === "/devices") return [...devices.keys()];
  const device = devices.get(/^\/devices\/([\w-]+)\/commands$/.exec(pathname)?.[1] ?? "");
  if (device === undefined) throw new Refusal(404, "no such device");
  if (request.method !== "POST") throw new Refusal(405, "POST a command");
  const command = await request.json().catch((error) => {
    throw error instanceof SyntaxError ? new Refusal(400, "the command must be JSON") : error;
  });
  return { result: await device.ask(command, ctx) };
}

const handler: HttpHandler = async (request, ctx) => {
  if (ctx.target === "/readyz") return await ready(request, ctx);
  try {
    return Response.json(await operate(request, ctx));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return Response.json({ error: error.message }, { status: error.status });
  }
};

/** A number from the environment. @throws {RangeError} It is none, or too large. */
function numberFrom(name: string, fallback: number, most: number): number {
  const text = process.env[name] ?? String(fallback);
  if (/^\d+$/.test(text) && Number(text) <= most) return Number(text);
  throw new RangeError(`${name} must be a number from 0 to ${most}, got ${JSON.stringify(text)}`);
}

const limits = { maxConnections: 10_000, maxConnectionsPerIp: 1000, readTimeout: 10_000 };
const gateway = await serve({ name: "devices", port: numberFrom("DEVICE_PORT", 9000, 65_535), ...limits }, serveDevice);
const ready = readyz({ servers: [gateway] });
const operators = await serveHttp({ name: "operators", port: numberFrom("PORT", 8080, 65_535) }, handler);
await run([operators, [gateway]], { grace: 10_000, lameDuck: 300 });
