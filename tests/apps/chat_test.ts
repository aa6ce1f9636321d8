import { after, before, describe, it } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { type App, refusal, startApp, until } from "../support/apps.ts";
import { bodyText, httpRequest } from "../support/http_client.ts";
import { WsClient } from "../support/ws_client.ts";

interface Said {
  readonly seq: number;
  readonly from: string;
  readonly text: string;
}

interface Message extends Partial<Said> {
  readonly members?: string[];
  readonly missed?: Said[];
  readonly joined?: string;
  readonly left?: string;
  readonly error?: string;
  readonly bye?: string;
}

/** Messages of a room that the chat keeps. */
const KEPT = 200;

function start(env: Record<string, string> = {}): Promise<App> {
  return startApp("chat", ["chat"], env);
}

/** Somebody in a room, with everything that was seen there; a later stay goes on where the one before ended. */
class Member {
  readonly name: string;
  readonly room: string;
  readonly said: Said[] = [];
  readonly sent: string[] = [];
  messages: Message[] = [];
  ws!: WsClient;

  constructor(name: string, room: string) {
    this.name = name;
    this.room = room;
  }

  get seen(): number {
    return this.said.at(-1)?.seq ?? 0;
  }

  /** Of what was sent, how much came back. */
  get answered(): number {
    return this.said.filter(({ from }) => from === this.name).length;
  }

  async join(app: App, since: number = this.seen): Promise<this> {
    this.messages = [];
    this.ws = new WsClient(app.port("chat"), `/rooms/${this.room}?name=${this.name}&since=${since}`);
    this.ws.onMessage = (data) => this.#take(JSON.parse(data as string));
    await this.ws.opened();
    await this.sees(({ members }) => members !== undefined);
    return this;
  }

  say(text: string): void {
    this.sent.push(text);
    this.ws.send(JSON.stringify({ say: text }));
    this.ws.confirm(1);
  }

  async sees(matches: (message: Message) => boolean): Promise<Message> {
    const found = () => this.messages.find(matches);
    await this.ws.net.until(`a message ${matches}`, () => found() !== undefined || !this.ws.net.isOpen);
    const message = found();
    if (message === undefined) throw new Error(`not seen: ${matches} (${this.ws.describe()})`);
    return message;
  }

  #take(message: Message): void {
    this.messages.push(message);
    if (message.seq !== undefined) this.said.push(message as Said);
    this.said.push(...message.missed ?? []);
  }
}

describe("The chat", () => {
  let app: App;
  const members: Member[] = [];
  before(async () => {
    app = await start();
  });
  after(async () => {
    for (const { ws } of members) ws.net.close();
    await app[Symbol.asyncDispose]();
  });

  function enter(name: string, room: string, since?: number): Promise<Member> {
    const member = new Member(name, room);
    members.push(member);
    return member.join(app, since);
  }

  /** Status of a handshake that is refused. */
  async function refused(path: string): Promise<number> {
    const ws = new WsClient(app.port("chat"), path);
    await ws.net.until("an answer", () => ws.status !== 0);
    ws.net.close();
    return ws.status;
  }

  it("tells what is said to all of the room, in one order, and to nobody else", async () => {
    const [ann, bob] = [await enter("ann", "lobby"), await enter("bob", "lobby")];
    const carol = await enter("carol", "garden");
    for (let i = 0; i < 20; i++) (i % 2 === 0 ? ann : bob).say(`${i}`);
    for (const member of [ann, bob]) await member.sees(({ seq }) => seq === 20);
    assertEquals(ann.said, bob.said);
    assertEquals(ann.said.map(({ seq }) => seq), Array.from({ length: 20 }, (_, i) => i + 1));
    carol.say("alone");
    await carol.sees(({ seq }) => seq !== undefined);
    assertEquals(carol.said, [{ seq: 1, from: "carol", text: "alone" }]);
  });

  it("tells who comes and who goes", async () => {
    const dan = await enter("dan", "garden");
    const eve = await enter("eve", "garden");
    await dan.sees(({ joined }) => joined === "eve");
    assertEquals(eve.messages[0].members?.includes("dan"), true);
    assertMatch(await (await fetch(`${app.origin("chat")}/rooms`)).text(), /^{"lobby":\d+,"garden":\d+}$/);
    eve.ws.sayClose(1000);
    await dan.sees(({ left }) => left === "eve");
    dan.ws.net.reset();
    await (await enter("finn", "garden")).sees(({ members }) => members?.includes("dan") === false);
  });

  it("gives who comes back what was missed, and no more", async () => {
    const gil = await enter("gil", "garden");
    const from = gil.seen;
    for (const text of ["one", "two", "three"]) gil.say(text);
    await gil.sees(({ text }) => text === "three");
    const hal = await enter("hal", "garden", from + 1);
    assertEquals(hal.said.map(({ text }) => text), ["two", "three"]);
  });

  it("answers wrong messages with an error, and goes on", async () => {
    const ian = await enter("ian", "garden");
    const wrong = ["hello", "null", "{}", '{"say":7}', '{"say":""}', `{"say":"${"x".repeat(501)}"}`, Uint8Array.of(1)];
    ian.ws.send(...wrong);
    await until(
      () => "the errors",
      () => ian.messages.filter(({ error }) => error !== undefined).length === wrong.length,
    );
    ian.say("still here");
    await ian.sees(({ text }) => text === "still here");
    ian.ws.send("x".repeat(5000));
    await ian.ws.net.over();
    assertEquals(ian.ws.close?.code, 1009);
  });

  it("refuses rooms, names and pages that it doesn't know", async () => {
    assertEquals(await refused("/rooms/cellar?name=ann"), 404);
    assertEquals(await refused("/rooms/lobby?name=no%20name"), 400);
    assertEquals(await refused("/rooms/lobby?name=x&since=yesterday"), 400);
    const jo = await enter("jo", "lobby");
    const other = new WsClient(app.port("chat"), "/rooms/lobby?name=jo");
    await other.net.over();
    assertEquals([other.close?.code, jo.ws.isOpen], [4009, true]);
    const foreign = app.client("chat");
    const handshake = { Connection: "Upgrade", Upgrade: "websocket", Origin: "http://elsewhere.example" };
    const key = { "Sec-WebSocket-Version": 13, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" };
    const answer = await foreign.fetch(httpRequest("/rooms/lobby?name=eve", { headers: { ...handshake, ...key } }));
    assertEquals(answer.status, 403, bodyText(answer));
    assertMatch(await (await fetch(app.origin("chat"))).text(), /<h1>Chat<\/h1>/);
  });
});

/** Says something, waits until it comes back, thinks, and so on until the Close. */
function keepTalking(member: Member): void {
  let next = 0;
  const talk = () => {
    if (!member.ws.isOpen) return;
    member.say(`${member.name} ${next++}`);
  };
  const take = member.ws.onMessage!;
  member.ws.onMessage = (data) => {
    const before = member.answered;
    take(data);
    if (member.answered > before) setTimeout(talk, Math.random() * 60);
  };
  talk();
}

describe("The chat on SIGTERM", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-chat-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("answers everybody in both rooms, says goodbye, and the next process tells what each has missed", async () => {
    const env = { HISTORY: join(folder, "history.json") };
    const people = ["ann", "bob", "cat", "dan"];
    const members = ["lobby", "garden"].flatMap((room) => people.map((name) => new Member(`${name}_${room}`, room)));
    await using app = await start(env);
    for (const member of members) await member.join(app);
    for (const member of members) keepTalking(member);
    await until(() => "some talk", () => members.every(({ answered }) => answered > 3));
    app.terminate();
    for (const { ws } of members) await ws.net.over(20_000);
    await app.ended();
    for (const { ws, answered, messages } of members) {
      assert(answered >= ws.owed, `${ws.describe()}, ${answered} answered`);
      assertEquals([ws.net.end, ws.close?.code, ws.partial, ws.problem], ["fin", 1001, false, null]);
      assertEquals(messages.at(-1)?.bye, "we are back in a moment");
    }

    await using next = await start(env);
    for (const member of members) await member.join(next);
    for (const room of ["lobby", "garden"]) {
      const inside = members.filter((member) => member.room === room);
      const [first, ...others] = inside.map(({ said }) => said);
      assertEquals(first.map(({ seq }) => seq), first.map((_, i) => i + 1));
      for (const said of others) assertEquals(said, first);
      const newcomer = await new Member("newcomer", room).join(next);
      assertEquals(newcomer.said, first.slice(-KEPT));
      newcomer.ws.net.close();
      for (const { name, sent } of inside) {
        assertEquals(first.filter(({ from }) => from === name).map(({ text }) => text), sent);
      }
    }
    assertGreater(members[0].said.length, 16);
    for (const { ws } of members) ws.net.close();
    await next.stop();
  });

  it("does not begin with a port that is none", async () => {
    assertMatch(await refusal("chat", { PORT: "-1" }), /PORT must be a port.*got "-1"/);
  });
});
