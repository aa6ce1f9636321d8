import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { ATTACK_CASES, type AttackCase, SMUGGLED } from "../fixtures/http_attacks.ts";
import { type HttpClient, httpRequest } from "../support/http_client.ts";
import { assertWhole, type HttpDrained, httpDrained } from "../support/http_drained.ts";
import { crowd, MEGABYTE, Siege } from "../support/http_hostile.ts";
import { pause } from "../support/http_loads.ts";

/** Sends one more byte of each text on each connection that is open, again and again, until all are over. */
async function drip(clients: readonly HttpClient[], every: number, byte: (i: number) => string): Promise<void> {
  let sent = 1;
  const timer = setInterval(() => {
    for (const client of clients) if (client.isOpen) client.more(byte(sent));
    sent++;
  }, every);
  try {
    await Promise.all(clients.map((client) => client.over()));
  } finally {
    clearInterval(timer);
  }
}

function statuses(clients: readonly HttpClient[]): number[] {
  return [...new Set(clients.flatMap(({ answers }) => answers.map(({ status }) => status)))];
}

describe("slow clients", () => {
  it("1,000 heads that come byte by byte get 408, in bounded memory, while others are served", async () => {
    await using server = await httpDrained({ http: { readHeaderTimeout: 1000 } });
    using siege = await Siege.begin(server);
    const clients = await crowd(server, 1000);
    const head = `${httpRequest("/").slice(0, -2)}X-Slow: ${"a".repeat(1000)}`;
    for (const client of clients) client.ask(head[0]);
    await drip(clients, 150, (i) => head[i]);
    assertWhole(clients, "slowloris");
    assertEquals([statuses(clients), clients.every(({ saidClose }) => saidClose)], [[408], true]);
    assertGreater(siege.served, 10);
    await siege.lifted();
    siege.assertMemory();
    const { ran } = await siege.end();
    assertEquals([ran.stats.refused.headTimeout, ran.stats.statuses["4xx"]], [1000, 1000]);
  });

  it("200 uploads that stop in the middle, or never end, are over after readTimeout", async () => {
    await using server = await httpDrained({ http: { readTimeout: 700 } });
    using siege = await Siege.begin(server);
    const upload = async (path: string, bytes: number) => {
      const clients = await crowd(server, 50);
      for (const [i, client] of clients.entries()) {
        const sized = i % 2 === 0;
        const headers: Record<string, string> = sized
          ? { "Content-Length": `${bytes}` }
          : { "Transfer-Encoding": "chunked" };
        client.ask(httpRequest(path, { method: "POST", headers }));
        client.more(sized ? "half" : "1000\r\nhalf");
      }
      return clients;
    };
    const read = [...await upload("/upload", 5 * MEGABYTE), ...await upload("/echo", 5 * MEGABYTE)];
    // So little that the server would drop it, to keep the connection.
    const unread = await upload("/unread", 200_000);
    const piped = await upload("/pipe", 5 * MEGABYTE);
    await drip([...read.slice(25, 75), ...unread.slice(25)], 100, () => "x");
    for (const client of [...read, ...unread]) await client.over();
    for (const client of piped) assertEquals(await client.over(), "reset");
    assertWhole([...read, ...unread], "slow bodies");
    assertEquals([statuses(read), statuses(unread), statuses(piped)], [[408], [200], []]);
    await siege.lifted();
    siege.assertMemory();
    assertEquals((await siege.end()).ran.stats.refused.bodyTimeout, 200);
  });

  it("connections on which nothing is said are over after idleTimeout, without a word", async () => {
    await using server = await httpDrained({ http: { idleTimeout: 500 } });
    using siege = await Siege.begin(server);
    const clients = await crowd(server, 200);
    for (const client of clients) assertEquals([await client.over(), client.net.received], ["fin", 0]);
    await siege.lifted();
    await siege.end();
  });
});

describe("clients that don't read", () => {
  const http = { writeTimeout: 700, maxBodyBytes: 64 * MEGABYTE };

  /** Waits for the end of clients that read nothing until now. */
  async function assertDropped(clients: readonly HttpClient[]): Promise<void> {
    for (const client of clients) client.net.look();
    for (const client of clients) assertEquals(await client.over(), "reset");
  }

  it("are dropped after writeTimeout in the middle of large answers", async () => {
    await using server = await httpDrained({ http });
    using siege = await Siege.begin(server);
    const clients = await server.connect(5, { reads: "never" });
    for (const client of clients) client.ask(httpRequest(`/big?bytes=${20 * MEGABYTE}`));
    await pause(300);
    await siege.lifted();
    // As bytes, and as the text that they were made of, which may not have been collected yet.
    siege.assertMemory(2 * 5 * 20 * MEGABYTE);
    await assertDropped(clients);
    assertEquals((await siege.end()).ran.stats.aborted, 0);
  });

  it("are not read from while an answer that is made of their upload waits", async () => {
    await using server = await httpDrained({ http });
    using siege = await Siege.begin(server);
    const clients = await server.connect(5, { reads: "never" });
    const body = new Uint8Array(32 * MEGABYTE);
    for (const client of clients) {
      client.ask(httpRequest("/pipe", { method: "POST", headers: { "Content-Length": body.length } }));
      client.net.socket.write(body);
    }
    await pause(300);
    await siege.lifted();
    siege.assertMemory();
    await assertDropped(clients);
    assertEquals((await siege.end()).ran.stats.aborted, 5);
  });

  it("are answered all of 10,000 pipelined requests once they read, in bounded memory", async () => {
    await using server = await httpDrained();
    using siege = await Siege.begin(server);
    const client = await server.client({ reads: "never" });
    const length = (i: number) => 30_000 + i % 7;
    let wrong = 0;
    client.onAnswer = ({ status, body }) => {
      if (status !== 200 || body.length !== length(client.answered - 1)) wrong++;
    };
    client.askAll(Array.from({ length: 10_000 }, (_, i) => httpRequest(`/big?bytes=${length(i)}`)));
    await pause(500);
    siege.assertMemory();
    assertEquals(client.answered, 0);
    client.net.look();
    await client.answer();
    assertEquals([client.answered, wrong, client.problem, client.end], [10_000, 0, null, "open"]);
    client.close();
    await siege.lifted();
    // Handlers made 300 MB, of which a garbage collector may be late to take the last.
    siege.assertMemory(64 * MEGABYTE);
    assertEquals((await siege.end()).ran.stats.aborted, 0);
  });

  it("are not read from while the answers to what they pipelined wait, and dropped after writeTimeout", async () => {
    await using server = await httpDrained({ http });
    using siege = await Siege.begin(server);
    const clients = await server.connect(4, { reads: "never" });
    const request = httpRequest("/big?bytes=20000");
    for (const client of clients) {
      client.askAll(Array.from({ length: 10_000 }, () => request));
      client.onAnswer = () => {};
    }
    await pause(300);
    await siege.lifted();
    siege.assertMemory();
    await assertDropped(clients);
    const { ran } = await siege.end();
    assert(ran.stats.requests < 30_000, `${ran.stats.requests} were run`);
  });
});

/** The head of a request that a handler notes. */
const noted = (id: string) => httpRequest("/upload", { headers: { "X-Id": id } });

/** The attack as it is sent: to a route that reads its body, without the request that lies in wait. */
function attackOf({ input }: AttackCase): string {
  assert(input.endsWith(SMUGGLED));
  return input.slice(0, -SMUGGLED.length).replace(/^POST \/ /, "POST /upload ");
}

/** A good request, the attack, and the smuggled request: in one write, or when the refusal was seen. */
async function attack(server: HttpDrained, attack: AttackCase, id: number, late: boolean): Promise<string | null> {
  const client = await server.client({ closesOnFin: false });
  client.askAll([noted(`good.${id}`), attackOf(attack) + (late ? "" : noted(`smuggled.${id}`))]);
  const end = await client.over();
  if (late) client.more(noted(`smuggled.${id}`));
  client.net.finish();
  const got = [end, client.problem?.message, client.saidClose, ...client.answers.map(({ status }) => status)];
  const wanted = ["fin", undefined, true, 200, attack.status];
  return JSON.stringify(got) === JSON.stringify(wanted) ? null : `${attack.name}: ${JSON.stringify(got)}`;
}

describe("every attack of the table, behind a good request and before a smuggled one", () => {
  // JSON has no Infinity; the default of maxBodyBytes refuses those bodies as well. Heads under 64 bytes can't be asked for.
  const strict = { maxTargetBytes: 20, maxBodyBytes: 10, maxHeaders: 3, maxHeadBytes: 100 };
  const own = ATTACK_CASES.filter(({ limits }) => limits !== undefined && limits.maxBodyBytes !== Infinity);
  const groups = {
    "with the default limits": { http: {}, cases: ATTACK_CASES.filter((attack) => !own.includes(attack)) },
    "with limits of their own": {
      http: strict,
      cases: own.filter(({ limits }) => limits?.maxHeadBytes === undefined || limits.maxHeadBytes >= 64),
    },
  };
  for (const [name, { http, cases }] of Object.entries(groups)) {
    it(`gets its status and a clean end, and the smuggled one is never run, ${name}`, async () => {
      await using server = await httpDrained({ http });
      const wrong: (string | null)[] = [];
      for (let at = 0; at < cases.length; at += 20) {
        const wave = cases.slice(at, at + 20).flatMap((one, i) =>
          [false, true].map((late) => attack(server, one, 2 * (at + i) + Number(late), late))
        );
        wrong.push(...await Promise.all(wave));
      }
      assertEquals(wrong.filter((line) => line !== null), []);
      // The proof that a request like the smuggled one can be run and noted.
      const control = await server.client();
      assertEquals((await control.fetch(noted("control.0"))).status, 200);
      control.close();
      const { ran, report } = await server.stop();
      assertEquals(ran.clients, { good: [2 * cases.length, 2 * cases.length - 1], control: [1, 0] });
      assertEquals(report.clean, true);
      const refused: Record<string, number> = {};
      for (const { reason } of cases) refused[reason] = (refused[reason] ?? 0) + 2;
      const counted = Object.entries(ran.stats.refused).filter(([, number]) => number > 0);
      assertEquals(Object.fromEntries(counted), refused);
    });
  }
});

describe("clients that come and go", () => {
  it("500 resets in every state of a request leave nothing behind", async () => {
    await using server = await httpDrained();
    using siege = await Siege.begin(server);
    const wave = async (number: number, act: (client: HttpClient) => unknown) => {
      for (const client of await crowd(server, number)) {
        act(client);
        if (Math.random() < 0.5) await pause(1);
        client.net.reset();
      }
    };
    await wave(100, () => {});
    await wave(100, (client) => client.ask("GET / HTTP/1.1\r\nHo"));
    await wave(100, (client) => client.ask(httpRequest("/slow?ms=100")));
    await wave(50, (client) => client.ask(httpRequest("/upload", { body: "a".repeat(20_000) }).slice(0, -1)));
    await wave(50, (client) => client.ask(httpRequest("/stream?n=20&ms=5")));
    await wave(50, (client) => client.ask(httpRequest(`/big?bytes=${MEGABYTE}`)));
    await wave(50, (client) => client.askAll(Array.from({ length: 20 }, () => httpRequest("/slow?ms=1"))));
    await wave(50, (client) => client.ask(httpRequest("/sse?ms=5")));
    await siege.lifted();
    // What the handlers make, 50 MiB, is theirs.
    siege.assertMemory(50 * MEGABYTE);
    await siege.end();
  });

  it("half-closed ones are answered what they asked whole, and nothing else", async () => {
    await using server = await httpDrained();
    using siege = await Siege.begin(server);
    const asked = await crowd(server, 50);
    for (const client of asked) {
      client.askAll([httpRequest("/slow?ms=20"), httpRequest("/"), httpRequest("/big?bytes=100000")]);
    }
    // More than the kernel takes at once: the last of these are run when the first are read.
    const flooding = await server.connect(2, { reads: "never" });
    for (const client of flooding) {
      client.askAll(Array.from({ length: 1000 }, () => httpRequest("/big?bytes=20000")));
    }
    const halfHead = await crowd(server, 50);
    for (const client of halfHead) client.more("GET / HTTP/1.1\r\nHost: te");
    const halfBody = await crowd(server, 50);
    for (const client of halfBody) client.more(httpRequest("/upload", { body: "0123456789" }).slice(0, -1));
    const silent = await crowd(server, 50);
    const all = [...asked, ...flooding, ...halfHead, ...halfBody, ...silent];
    for (const client of all) client.net.finish();
    for (const client of flooding) client.net.look();
    for (const client of all) await client.over();
    assertWhole([...asked, ...flooding], "half-closed");
    assertEquals(statuses([...asked, ...flooding]), [200]);
    assertEquals([...halfHead, ...silent].filter(({ net }) => net.end !== "fin" || net.received > 0).length, 0);
    assertEquals(halfBody.filter(({ net }) => net.end !== "reset" || net.received > 0).length, 0);
    await siege.lifted();
    await siege.end();
  });
});
