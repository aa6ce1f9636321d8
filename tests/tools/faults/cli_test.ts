/** What `sluice faults` understands, and the HTTP side of a running proxy. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { OptionError } from "../../../mod.ts";
import { COMMAND } from "../../../src/tools/cli/faults/command.ts";
import { type FaultsInput, faultsOf } from "../../../src/tools/cli/faults/faults_options.ts";
import { UsageError } from "../../../src/cli/usage_errors.ts";
import { readArgs } from "../../../src/cli/read_args.ts";
import { type Fault, faultControl, type FaultProxy } from "../../../src/tools/faults/mod.ts";
import type { HttpContext } from "../../../src/http/mod.ts";
import { faultsWorld } from "../../support/faults_world.ts";

function inputOf(args: string): FaultsInput {
  return readArgs(args.split(" "), COMMAND).options as FaultsInput;
}

describe("the options of sluice faults", () => {
  it("stand for faults, several of which combine", () => {
    const cases: readonly (readonly [args: string, faults: readonly Fault[]])[] = [
      ["--latency 50ms~20ms", [{ kind: "latency", ms: 50, jitter: 20 }]],
      ["--latency 1s", [{ kind: "latency", ms: 1000 }]],
      ["--bandwidth 64KiB/s", [{ kind: "bandwidth", bytesPerSecond: 65_536 }]],
      ["--bandwidth 1.5MB/s", [{ kind: "bandwidth", bytesPerSecond: 1_500_000 }]],
      ["--bandwidth 5000", [{ kind: "bandwidth", bytesPerSecond: 5000 }]],
      ["--slice 10", [{ kind: "slice", bytes: 10 }]],
      ["--slice 10 --slice-delay 1ms", [{ kind: "slice", bytes: 10, delay: 1 }]],
      ["--reset-after 1000", [{ kind: "reset", afterBytes: 1000 }]],
      ["--reset-chance 0.01", [{ kind: "reset", chance: 0.01 }]],
      ["--stall", [{ kind: "stall", afterBytes: 0 }]],
      ["--stall-after 100", [{ kind: "stall", afterBytes: 100 }]],
      ["--slow-close 2s", [{ kind: "slowClose", ms: 2000 }]],
      ["--half-open", [{ kind: "halfOpen" }]],
      ["--refuse", [{ kind: "refuse" }]],
      ["--partition 5s", [{ kind: "partition", ms: 5000 }]],
      ["--seed 7", []],
      ["--latency 5 --half-open --share .5 --direction up", [
        { kind: "latency", ms: 5, direction: "up", share: 0.5 },
        { kind: "halfOpen", direction: "up", share: 0.5 },
      ]],
    ];
    for (const [args, faults] of cases) assertEquals(faultsOf(inputOf(args)), faults, args);
  });

  it("say where it listens and what is behind it", () => {
    const input = inputOf("--listen 9001 --upstream [::1]:9000 --control localhost:8474 --seed 5 --grace 2s");
    assertEquals(input, {
      listen: { port: 9001 },
      upstream: { port: 9000, hostname: "::1" },
      control: { port: 8474, hostname: "localhost" },
      seed: 5,
      grace: 2000,
    });
    assertEquals(inputOf("--upstream unix:/tmp/x").upstream, { path: "/tmp/x" });
  });

  it("are refused by name and value", async () => {
    const cases: readonly (readonly [args: string, message: string])[] = [
      ["--latency 50ms~", '--latency must be a duration like 10s, 500ms, 2m, 1h, or a number of milliseconds, got ""'],
      ["--latency 1~2~3", '--latency must be like 50ms or 50ms~20ms, got "1~2~3"'],
      ["--bandwidth fast", '--bandwidth must be a rate like 64KiB/s, 1MB/s or 5000, got "fast"'],
      ["--bandwidth 0", '--bandwidth must be a rate like 64KiB/s, 1MB/s or 5000, got "0"'],
      ["--share 2", '--share must be a number from 0 to 1, got "2"'],
      ["--upstream 70000", '--upstream must be a port, host:port or unix:PATH, got "70000"'],
      ["--control unix:/x", '--control must be a port or host:port, got "unix:/x"'],
      ["--direction left", '--direction must be one of up, down, both, got "left"'],
      ["--stall=1", '--stall takes no value, got "1"'],
    ];
    for (const [args, message] of cases) assertThrows(() => inputOf(args), UsageError, message, args);
    const run = (args: string) => COMMAND.run(readArgs(args.split(" "), COMMAND), () => Promise.resolve());
    await assertRejects(() => run("--seed 1"), UsageError, "There is no --upstream, e.g. --upstream 9000");
    await assertRejects(() => run("--upstream 0"), OptionError, "upstream.port must be from 1 to 65535, got 0");
    await assertRejects(() => run("--upstream 9 --slice 0"), OptionError, "bytes must be a whole number of at least 1");
    assertThrows(() => faultsOf(inputOf("--share 0.5")), UsageError, "--share is for a fault, give one too");
    assertThrows(() => faultsOf(inputOf("--slice-delay 5")), UsageError, "--slice-delay needs --slice too");
  });
});

describe("the HTTP side of a fault proxy", () => {
  it("tells the faults, and replaces them", async () => {
    await using world = await faultsWorld([{ kind: "latency", ms: 50 }], { seed: 42 });
    const { proxy } = world;
    assertEquals(await ask(proxy, "GET", "/faults"), [200, { seed: 42, faults: [{ kind: "latency", ms: 50 }] }]);
    const faults = [{ kind: "stall", direction: "down", share: 0.5 }, { kind: "refuse" }];
    assertEquals(await ask(proxy, "PUT", "/faults", JSON.stringify(faults)), [200, { seed: 42, faults }]);
    assertEquals(proxy.faults, faults as Fault[]);
    assertEquals((await ask(proxy, "PUT", "/faults", "[]"))[0], 200);
    assertEquals(proxy.faults, []);
  });

  it("answers what can't be used with 400 and its name, and changes nothing", async () => {
    await using world = await faultsWorld([{ kind: "halfOpen" }]);
    const cases: readonly (readonly [method: string, path: string, body: string | undefined, message: string])[] = [
      ["PUT", "/faults", "latency", 'The body must be a JSON list of faults, got "latency"'],
      ["PUT", "/faults", "", 'The body must be a JSON list of faults, got ""'],
      ["PUT", "/faults", "{}", "faults must be a list"],
      [
        "PUT",
        "/faults",
        '[{"kind":"latency","ms":"5"}]',
        'faults[0].ms must be from 0 to 2147483647 milliseconds, got "5"',
      ],
      ["PUT", "/faults", '[{"kind":"nothing"}]', 'got "nothing"'],
      ["POST", "/partition", undefined, "ms must be a number of milliseconds as in /partition?ms=500, got null"],
      ["POST", "/partition?ms=long", undefined, 'got "long"'],
      ["POST", "/partition?ms=-5", undefined, "ms must be from 0 to 2147483647 milliseconds, got -5"],
    ];
    for (const [method, path, body, message] of cases) {
      const [status, text] = await ask(world.proxy, method, path, body);
      assertEquals(status, 400, `${method} ${path}: ${text}`);
      assertStringIncludes(String(text), message);
    }
    assertEquals(world.proxy.faults, [{ kind: "halfOpen" }]);
  });

  it("starts a partition, and tells what was done", async () => {
    await using world = await faultsWorld([]);
    const { client, upstream } = await world.pair();
    assertEquals((await ask(world.proxy, "POST", "/partition?ms=500"))[0], 200);
    client.send("held");
    await world.pass(499);
    assertEquals(upstream.text, "");
    await world.pass(1);
    assertEquals(upstream.text, "held");
    const [status, stats] = await ask(world.proxy, "GET", "/stats");
    assertEquals([status, stats], [200, JSON.parse(JSON.stringify(world.proxy.stats()))]);
    assertEquals([world.proxy.stats().bytes.up, world.proxy.stats().faults.partition], [4, 1]);
  });

  it("says what there is instead, and by which method", async () => {
    await using world = await faultsWorld([]);
    const [status, text] = await ask(world.proxy, "GET", "/fault");
    assertEquals(status, 404);
    assertStringIncludes(String(text), "GET /faults, PUT /faults, POST /partition, GET /stats");
    assertEquals((await ask(world.proxy, "DELETE", "/faults"))[0], 405);
    assertEquals((await ask(world.proxy, "GET", "/partition?ms=5"))[0], 405);
    assert(world.proxy.faults.length === 0);
  });

  it("lets no page of another origin in, and no name that a stranger can give out", async () => {
    await using world = await faultsWorld([]);
    const status = async (url: string, origin?: string): Promise<number> => {
      const headers: HeadersInit = origin === undefined ? {} : { origin };
      const request = new Request(url, { method: "PUT", body: "[]", headers });
      return (await faultControl(world.proxy)(request, {} as HttpContext))!.status;
    };
    const hosts = ["localhost:8474", "127.0.0.1:8474", "[::1]:8474", "faults:8474", "a.localhost", "10.0.0.5"];
    for (const host of hosts) assertEquals([host, await status(`http://${host}/faults`)], [host, 200]);
    for (const host of ["evil.example:8474", "127.0.0.1.evil.example"]) {
      assertEquals([host, await status(`http://${host}/faults`)], [host, 403]);
    }
    const here = "http://localhost:8474";
    assertEquals(await status(`${here}/faults`, here), 200);
    for (const origin of ["http://evil.example", "http://localhost:3000", "null", "https://localhost"]) {
      assertEquals([origin, await status(`${here}/faults`, origin)], [origin, 403]);
    }
  });
});

async function ask(proxy: FaultProxy, method: string, path: string, body?: string): Promise<[number, unknown]> {
  const request = new Request(`http://localhost${path}`, { method, body });
  const response = await faultControl(proxy)(request, {} as HttpContext) as Response;
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  return [response.status, isJson ? JSON.parse(text) : text];
}
