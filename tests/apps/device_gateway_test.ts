import { after, before, describe, it } from "node:test";
import { Buffer } from "node:buffer";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { type App, keepAsking, pause, refusal, startApp, until } from "../support/apps.ts";
import { bodyText, type HttpClient, httpRequest } from "../support/http_client.ts";
import { assertWhole } from "../support/http_drained.ts";
import { NetClient } from "../support/swarm.ts";

interface Frame {
  readonly id?: number;
  readonly re?: number;
  readonly method?: string;
  readonly params?: { readonly echo?: unknown; readonly after?: number; readonly never?: boolean };
  readonly error?: { readonly code: string; readonly message: string };
  readonly ping?: boolean;
  readonly goodbye?: boolean;
}

/** Number of a device's hello; its readings have numbers from 1 on. */
const HELLO = 1_000_000;

const folder = mkdtempSync(join(tmpdir(), "sluice-devices-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function start(env: Record<string, string> = {}): Promise<App> {
  return startApp("device_gateway", ["devices", "operators"], { DEVICE_PORT: "0", ...env });
}

/** The bytes of one frame. */
function framed(payload: string): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

/** A device on a bare socket, as one in any language. It echoes commands, each after the time that the command says. */
class FakeDevice {
  readonly name: string;
  readonly net: NetClient;
  readonly frames: Frame[] = [];
  /** Readings sent, in order; each one's id is its place here, from 1, and `answers` has those to them as they came. */
  readonly readings: number[] = [];
  readonly answers: Frame[] = [];
  /** It answers commands, and pings. */
  isAlive = true;
  onAnswer: (() => void) | null = null;
  #rest: Buffer = Buffer.alloc(0);

  constructor(app: App, name: string) {
    this.name = name;
    this.net = new NetClient(app.port("devices"));
    this.net.socket.prependListener("data", (chunk: Uint8Array) => this.#read(chunk));
    this.send({ id: HELLO, method: "hello", params: name });
  }

  /** It has been told to make no more calls. */
  get isTold(): boolean {
    return this.frames.some(({ goodbye }) => goodbye);
  }

  send(message: object): void {
    this.net.socket.write(framed(JSON.stringify(message)));
  }

  report(reading: unknown): void {
    this.send({ id: this.readings.push(Number(reading)), method: "reading", params: reading });
  }

  #read(chunk: Uint8Array): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE()) {
      const end = 2 + this.#rest.readUInt16BE();
      this.#take(JSON.parse(this.#rest.subarray(2, end).toString()));
      this.#rest = this.#rest.subarray(end);
    }
  }

  #take(frame: Frame): void {
    this.frames.push(frame);
    if (frame.re === HELLO) return;
    if (frame.re !== undefined) {
      this.answers.push(frame);
      return this.onAnswer?.();
    }
    if (!this.isAlive) return;
    if (frame.ping) return this.send({ pong: true });
    if (frame.goodbye) return this.send({ seen: true });
    const { id, params } = frame;
    if (params !== undefined && params.never !== true) {
      setTimeout(() => this.send({ re: id, result: params.echo }), params.after ?? 0);
    }
  }
}

describe("The device gateway", () => {
  const readings = join(folder, "readings.jsonl");
  let app: App;
  const devices: FakeDevice[] = [];
  before(async () => {
    app = await start({ READINGS: readings, HEARTBEAT: "700", COMMAND_TIMEOUT: "3000" });
  });
  after(async () => {
    for (const { net } of devices) net.close();
    await app[Symbol.asyncDispose]();
  });

  async function connected(): Promise<string[]> {
    return await (await fetch(`${app.origin("operators")}/devices`)).json();
  }

  async function device(name: string): Promise<FakeDevice> {
    const made = new FakeDevice(app, name);
    devices.push(made);
    while (!(await connected()).includes(name)) await pause(10);
    return made;
  }

  async function command(name: string, body: unknown): Promise<[status: number, body: unknown]> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const init = { method: "POST", body: text };
    const response = await fetch(`${app.origin("operators")}/devices/${name}/commands`, init);
    return [response.status, await response.json()];
  }

  it("gives each command its own answer, in whatever order the device answers", async () => {
    const pump = await device("pump");
    const waits = [600, 0, 300, 100, 500, 200];
    const order: number[] = [];
    const asked = waits.map(async (wait) => {
      assertEquals(await command("pump", { echo: wait, after: wait }), [200, { result: wait }]);
      order.push(wait);
    });
    await Promise.all(asked);
    assertEquals(pump.frames.filter(({ method }) => method === "command").length, waits.length);
    assert(order.join() !== waits.join(), "the answers came in the order of the commands");
  });

  it("answers a device's readings with their own ids, when they are kept", async () => {
    const meter = await device("meter");
    for (let i = 1; i <= 100; i++) meter.report(i);
    await meter.net.until("the answers", () => meter.answers.length === 100);
    assertEquals(meter.answers.map(({ re }) => re).sort((a, b) => a! - b!), meter.readings);
    assert(meter.answers.every(({ error }) => error === undefined));
    assertEquals(kept(readings, "meter").sort((a, b) => a - b), meter.readings);
    meter.report("hot");
    await meter.net.until("the answer", () => meter.answers.length === 101);
    assertEquals(meter.answers[100], {
      re: 101,
      error: { code: "WRONG_READING", message: "reading must be a number" },
    });
  });

  it("says 504 where a device leaves a command unanswered, 502 where it goes, 404 where there is none", async () => {
    const deaf = await device("deaf");
    assertEquals(await command("deaf", { never: true }), [504, { error: "the device doesn't answer" }]);
    assertEquals(await command("deaf", { echo: "on time" }), [200, { result: "on time" }]);
    const asked = command("deaf", { never: true });
    await deaf.net.until("the command", () => deaf.frames.filter(({ method }) => method === "command").length === 3);
    deaf.net.reset();
    assertEquals(await asked, [502, { error: "the device has gone" }]);
    assertEquals(await command("deaf", {}), [404, { error: "no such device" }]);
    assertEquals(await command("pump", "{"), [400, { error: "the command must be JSON" }]);
    assertEquals((await fetch(`${app.origin("operators")}/devices/pump/commands`)).status, 405);
  });

  it("drops a device that leaves three heartbeats unanswered, and keeps one that answers", async () => {
    const [quiet, lively] = [await device("quiet"), await device("lively")];
    quiet.isAlive = false;
    assertEquals(await quiet.net.over(), "reset");
    assertGreater(quiet.frames.filter(({ ping }) => ping).length, 1);
    const pings = () => lively.frames.filter(({ ping }) => ping).length;
    await lively.net.until("many pings", () => pings() > 4);
    const names = await connected();
    assertEquals([names.includes("quiet"), names.includes("lively")], [false, true]);
  });

  it("drops who never says hello, who says it wrongly, and who breaks the framing", async () => {
    const silent = new NetClient(app.port("devices"));
    const wrongs = [
      framed('{"id":1,"method":"hello","params":"no name"}'),
      framed('{"id":1,"method":"reading","params":5}'),
      framed('{"hello":"pump"}'),
      framed("hello"),
      framed("null"),
      Buffer.from([255, 255, 0]),
    ];
    for (const wrong of wrongs) {
      const net = new NetClient(app.port("devices"));
      net.socket.write(wrong);
      assertMatch(await net.over(), /reset|fin/);
      net.close();
    }
    assertEquals(await silent.over(), "reset");
  });

  it("lets a device that comes again take the place of its old connection", async () => {
    const old = await device("twice");
    const again = await device("twice");
    assertEquals(await old.net.over(), "reset");
    assertEquals(await command("twice", { echo: "new" }), [200, { result: "new" }]);
    assertEquals(again.frames.some(({ params }) => params?.echo === "new"), true);
  });
});

/** Readings of a device that the gateway has kept, in the order of the file. */
function kept(file: string, name: string): number[] {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line));
  return lines.filter(({ device }) => device === name).map(({ reading }) => reading);
}

describe("The device gateway on SIGTERM", () => {
  it("answers every command and every reading, and says goodbye to the devices last", async () => {
    const readings = join(folder, "last_readings.jsonl");
    await using app = await start({ READINGS: readings });
    const devices = Array.from({ length: 4 }, (_, i) => new FakeDevice(app, `device-${i}`));
    for (const device of devices) keepReporting(device);
    await until(() => "readings", () => devices.every(({ answers }) => answers.length > 5));
    const results: number[] = [];
    const operators = devices.map(() => app.client("operators"));
    for (const [i, client] of operators.entries()) keepCommanding(client, `device-${i}`, results);
    await until(() => "commands", () => results.length > 20);
    const slow = app.client("operators");
    slow.ask(httpRequest("/devices/device-0/commands", { body: '{"echo":"slow","after":2000}' }));
    await pause(50);

    app.terminate();
    for (const client of [...operators, slow]) await client.over(20_000);
    assertWhole([...operators, slow], "commands");
    assertEquals(bodyText(slow.answers[0]), '{"result":"slow"}');
    for (const { net } of devices) await net.over(20_000);
    await app.ended();
    for (const { name, net, frames, answers, readings: sent } of devices) {
      assertEquals([net.end, frames.filter(({ goodbye }) => goodbye).length], ["fin", 1], name);
      const [owed, failed] = [sent.length - answers.length, answers.filter(({ error }) => error !== undefined)];
      assertEquals([owed, failed], [0, []], name);
      assertEquals(kept(readings, name).slice(0, answers.length), sent.slice(0, answers.length));
    }
  });

  it("does not begin with a setting that is no number", async () => {
    assertMatch(await refusal("device_gateway", { HEARTBEAT: "often" }), /HEARTBEAT must be a number.*got "often"/);
  });
});

/** Sends a reading, waits for its answer, thinks, and so on until the goodbye. */
function keepReporting(device: FakeDevice): void {
  const report = () => {
    if (!device.net.isOpen || device.isTold) return;
    device.report(device.readings.length);
    device.net.confirm(1);
  };
  device.onAnswer = () => void setTimeout(report, Math.random() * 30);
  report();
}

/** Sends commands one after the other; `results` gets what comes back. */
function keepCommanding(client: HttpClient, name: string, results: number[]): void {
  let last = 0;
  const next = () =>
    httpRequest(`/devices/${name}/commands`, { body: JSON.stringify({ echo: ++last, after: Math.random() * 50 }) });
  keepAsking(client, next, (answer) => {
    assertEquals([answer.status, bodyText(answer)], [200, `{"result":${last}}`]);
    results.push(last);
  });
}
