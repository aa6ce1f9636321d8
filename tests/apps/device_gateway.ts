/**
 * A gateway between devices, which keep a TCP connection, and operators, who send commands over HTTP.
 *
 *     PORT=8080 DEVICE_PORT=9000 node --import tsx tests/apps/device_gateway.ts
 *
 * A frame is JSON behind its length in two bytes, and both sides call each other as `rpc()` has it. A device begins with
 * `{"id":1,"method":"hello","params":"pump-7"}` and calls `reading`; the gateway calls `command`. Whoever says nothing for
 * three heartbeats is dropped. On SIGTERM the operators' side stops first, because what it has promised needs the devices.
 *
 * @module
 */
import { appendFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Conn, DeadlineExceeded, framed, type HandlerContext, heartbeat, run, serve } from "../../mod.ts";
import { json, lengthPrefix } from "../../src/framing/codecs/mod.ts";
import { type Rpc, rpc, RPC_PING, RpcError } from "../../src/framing/rpc/mod.ts";
import { type HttpContext, type HttpHandler, readyz, serveHttp } from "../../src/http/mod.ts";

/** What a device can be asked. */
interface DeviceMethods {
  command(params: unknown): unknown;
}

const { READINGS = join(tmpdir(), "readings.jsonl") } = process.env;
const HEARTBEAT = numberFrom("HEARTBEAT", 10_000, 60_000);
const COMMAND_TIMEOUT = numberFrom("COMMAND_TIMEOUT", 3000, 5000);

/** How long a device may take for its first frame, in ms. */
const HELLO_TIMEOUT = 10_000;

/** Readings of one device that are being kept at once, and those that wait. */
const SLOTS = { maxConcurrent: 16, maxQueued: 1000 };

const devices: Map<string, Device> = new Map();

/** What an operator is told instead of a result. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** One connection of a device. */
class Device {
  readonly #conn: Conn;
  readonly #peer: Rpc<DeviceMethods>;
  /** Null until it has said hello. */
  #name: string | null = null;

  constructor(conn: Conn, ctx: HandlerContext) {
    this.#conn = conn;
    const codec = lengthPrefix(json(), { size: 2, maxLength: 4096 });
    const frames = framed(conn, codec, { firstFrameTimeout: HELLO_TIMEOUT });
    heartbeat(frames, { ping: RPC_PING, interval: HEARTBEAT });
    const methods = { hello: (name: unknown) => this.#hello(name), reading: (value: unknown) => this.#keep(value) };
    this.#peer = rpc(frames, { ctx, methods, ...SLOTS });
  }

  /** Until the connection ends. What is no frame, or no call, costs the device its connection. */
  async serve(): Promise<void> {
    try {
      await this.#peer.done;
    } finally {
      if (this.#name !== null && devices.get(this.#name) === this) devices.delete(this.#name);
    }
  }

  /** Sends a command and waits for its own answer. */
  async ask(command: unknown, ctx: HttpContext): Promise<unknown> {
    try {
      return await this.#peer.call("command", command, { ctx, timeout: COMMAND_TIMEOUT });
    } catch (error) {
      if (error instanceof DeadlineExceeded) throw new Refusal(504, "the device doesn't answer");
      if (!(error instanceof RpcError)) throw error;
      throw new Refusal(502, error.code === "ERR_RPC_GONE" ? "the device has gone" : error.message);
    }
  }

  /** Ends the connection, for good. */
  drop(why: string): RpcError {
    this.#conn.abort(new Error(why));
    return new RpcError("DROPPED", why);
  }

  #hello(name: unknown): void {
    if (typeof name !== "string" || !/^[\w-]{1,64}$/.test(name)) throw this.drop("A device has not said hello");
    // The same device is here on a new connection.
    devices.get(name)?.drop(`${name} has connected again`);
    this.#name = name;
    devices.set(name, this);
  }

  async #keep(reading: unknown): Promise<void> {
    if (this.#name === null) throw this.drop("A device has not said hello");
    if (typeof reading !== "number") throw new RpcError("WRONG_READING", "reading must be a number");
    await appendFile(READINGS, `${JSON.stringify({ device: this.#name, reading })}\n`);
  }
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
const gateway = await serve(
  { name: "devices", port: numberFrom("DEVICE_PORT", 9000, 65_535), ...limits },
  (conn, ctx) => new Device(conn, ctx).serve(),
);
const ready = readyz({ servers: [gateway] });
const operators = await serveHttp({ name: "operators", port: numberFrom("PORT", 8080, 65_535) }, handler);
await run([operators, [gateway]], { grace: 10_000, lameDuck: 300 });
