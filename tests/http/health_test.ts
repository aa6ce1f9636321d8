import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import { type HealthHandler, healthHandler, type HealthOptions, livez, readyz } from "../../src/http/extras/health.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

const SERVER = { name: "web", ready: true };

async function probe(handler: HealthHandler, path = "/", method = "GET", server = SERVER): Promise<[number, string]> {
  const response = await handler({ method, url: `http://127.0.0.1${path}` }, { server });
  return [response.status, await response.text()];
}

describe("livez()", () => {
  it("is 200 while a drain runs", async () => {
    assertEquals(await probe(livez(), "/", "GET", { name: "web", ready: false }), [200, "ok\n"]);
  });

  it("is 503 when a check doesn't hold, and names it", async () => {
    const checks = { loop: () => false, fine: () => true, silent: () => {} };
    assertEquals(await probe(livez({ checks })), [503, "loop failed\n"]);
  });
});

describe("readyz()", () => {
  it("follows the server that runs it", async () => {
    const handler = readyz();
    assertEquals(await probe(handler), [200, "ok\n"]);
    assertEquals(await probe(handler, "/", "GET", { name: "web", ready: false }), [503, "web not ready\n"]);
    assertEquals(await probe(handler), [200, "ok\n"]);
  });

  it("is 503 as soon as one of several servers isn't ready, whoever runs the handler", async () => {
    const servers = [{ name: "tcp", ready: true }, { name: "http", ready: true }];
    const handler = readyz({ servers });
    assertEquals(await probe(handler, "/", "GET", { name: "other", ready: false }), [200, "ok\n"]);
    servers[1].ready = false;
    assertEquals(await probe(handler), [503, "http not ready\n"]);
    servers[0].ready = false;
    assertEquals(await probe(handler), [503, "tcp not ready\nhttp not ready\n"]);
    assertEquals((await handler({ method: "GET", url: "http://a/" })).status, 503);
  });

  it("doesn't try the checks in a drain", async () => {
    let tried = 0;
    const handler = readyz({ checks: { db: () => tried++ } });
    await probe(handler, "/", "GET", { name: "web", ready: false });
    assertEquals(tried, 0);
    await probe(handler);
    assertEquals(tried, 1);
  });

  it("takes false, a throw and a rejection for a failure, and tells no more than the check's name", async () => {
    const checks = {
      no: () => false,
      nope: () => Promise.resolve(false),
      throwing: () => {
        throw new Error("password=secret");
      },
      rejecting: () => Promise.reject(new Error("password=secret")),
      fine: () => Promise.resolve(0),
      nothing: () => null,
    };
    assertEquals(await probe(readyz({ checks })), [
      503,
      "no failed\nnope failed\nthrowing failed\nrejecting failed\n",
    ]);
  });

  it("gives up on a check after the timeout, and tells it by its signal", async () => {
    const clock = new VirtualClock();
    let stopped = false;
    const hang = (signal: AbortSignal) => {
      signal.addEventListener("abort", () => stopped = true);
      return new Promise(() => {});
    };
    const pending = probe(readyz({ checks: { hang, fine: () => true }, timeout: 500, clock }));
    await clock.advance(499);
    assertEquals(stopped, false);
    await clock.advance(1);
    assertEquals(await pending, [503, "hang timed out\n"]);
    assertEquals([stopped, clock.pending], [true, 0]);
  });

  it("tries the checks side by side, and leaves no timer when they hold", async () => {
    const clock = new VirtualClock();
    const after = (ms: number) => () => new Promise<void>((resolve) => clock.setTimer(resolve, ms));
    const pending = probe(readyz({ checks: { a: after(400), b: after(400), c: after(400) }, clock }));
    await clock.advance(400);
    assertEquals(await pending, [200, "ok\n"]);
    assertEquals(clock.pending, 0);
  });

  it("is never cached, and says so as plain text", async () => {
    const { headers } = await readyz()({ method: "GET", url: "http://a/" }, { server: SERVER });
    assertEquals(headers.get("cache-control"), "no-store");
    assertEquals(headers.get("content-type"), "text/plain; charset=utf-8");
  });

  it("answers GET and HEAD, and refuses the rest with Allow", async () => {
    assertEquals((await probe(readyz(), "/", "HEAD"))[0], 200);
    for (const handler of [livez(), readyz()]) {
      for (const method of ["POST", "DELETE", "OPTIONS", "get"]) {
        const response = await handler({ method, url: "http://a/" }, { server: SERVER });
        assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
      }
    }
  });

  it("demands servers where the context has none, instead of being always ready", async () => {
    await assertRejects(() => readyz()({ method: "GET", url: "http://a/" }), OptionError, "servers");
    await assertRejects(() => readyz()({ method: "GET", url: "http://a/" }, {}), OptionError, "servers");
  });

  it("refuses options that can't be used", () => {
    assertThrows(() => readyz({ timeout: -1 }), OptionError, "timeout");
    assertThrows(() => livez({ checks: { db: true } } as unknown as HealthOptions), OptionError, "checks.db");
    assertThrows(() => healthHandler({ timeout: NaN }), OptionError, "timeout");
  });
});

describe("healthHandler()", () => {
  it("serves both probes, and nothing else", async () => {
    const handler = healthHandler();
    assertEquals(await probe(handler, "/livez"), [200, "ok\n"]);
    assertEquals(await probe(handler, "/readyz?from=lb"), [200, "ok\n"]);
    assertEquals(await probe(handler, "/"), [404, "not found\n"]);
    assertEquals(await probe(handler, "/livez/x"), [404, "not found\n"]);
  });

  it("lets the checks decide on readiness alone", async () => {
    const handler = healthHandler({ checks: { db: () => false } });
    assertEquals(await probe(handler, "/livez"), [200, "ok\n"]);
    assertEquals(await probe(handler, "/readyz"), [503, "db failed\n"]);
  });
});
