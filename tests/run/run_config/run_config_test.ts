import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ADMISSION_NAMES, CONFIGURE_NAMES, CONN_NAMES } from "../../../src/server/serve_options.ts";
import { ConfigError } from "../../../src/run/config/mod.ts";
import {
  CHANGE_EFFECTS,
  findRunConfig,
  loadRunConfig,
  planChange,
  type RunConfig,
  runSchema,
} from "../../../src/run/run_config/mod.ts";
import { checked, faults } from "../../support/config_world.ts";

const SCHEMA = runSchema("/app");

/** Every key, as a file has it and as it is read. */
const WHOLE: readonly [text: string, read: Required<RunConfig>] = [
  `{
    "$schema": "./sluice.schema.json",
    "program": "app.ts", "name": "shop", "workers": 4, // one for each core
    "grace": "10s", "readyTimeout": "1m", "stable": 500, "hangTimeout": "0", "replaceHung": true, "watch": false,
    "envFile": ".env", "env": { "MODE": "production" }, "runtimeArgs": ["--no-warnings"], "args": ["-v"],
    "port": 8080, "host": "::", "unix": "run/app.sock", "tls": { "certFile": "/etc/tls/c.pem", "keyFile": "k.pem" },
    "control": "run/control.sock", "report": "report.json", "metrics": "127.0.0.1:9464", "lastScrape": "15s",
    "sockets": [{ "name": "http", "port": "80", "host": "::1" }, { "name": "admin", "unix": "admin.sock" }],
    "limits": {
      "readTimeout": "30s", "writeTimeout": 1, "idleTimeout": "1.5s", "maxLifetime": "1h", "lifetimeJitter": 0.5,
      "lingerTimeout": 2, "readHighWaterMark": 3, "writeHighWaterMark": 4, "keepAlive": 0, "noDelay": false,
      "answers": true, "maxConnections": 5, "maxConnectionsPerIp": 6, "ipv6Prefix": 64, "acceptRate": 7,
      "acceptBurst": 8, "policy": "queue", "rejectWith": "full\\n", "maxQueue": 9,
    },
  }`,
  {
    program: "/app/app.ts",
    name: "shop",
    workers: 4,
    grace: 10_000,
    readyTimeout: 60_000,
    stable: 500,
    hangTimeout: 0,
    replaceHung: true,
    watch: false,
    envFile: ["/app/.env"],
    env: { MODE: "production" },
    runtimeArgs: ["--no-warnings"],
    args: ["-v"],
    port: 8080,
    host: "::",
    unix: "/app/run/app.sock",
    tls: { certFile: "/etc/tls/c.pem", keyFile: "/app/k.pem" },
    control: "/app/run/control.sock",
    report: "/app/report.json",
    metrics: "127.0.0.1:9464",
    lastScrape: 15_000,
    sockets: [{ name: "http", port: 80, host: "::1" }, { name: "admin", unix: "/app/admin.sock" }],
    limits: {
      readTimeout: 30_000,
      writeTimeout: 1,
      idleTimeout: 1500,
      maxLifetime: 3_600_000,
      lifetimeJitter: 0.5,
      lingerTimeout: 2,
      readHighWaterMark: 3,
      writeHighWaterMark: 4,
      keepAlive: 0,
      noDelay: false,
      answers: true,
      maxConnections: 5,
      maxConnectionsPerIp: 6,
      ipv6Prefix: 64,
      acceptRate: 7,
      acceptBurst: 8,
      policy: "queue",
      rejectWith: "full\n",
      maxQueue: 9,
    },
  },
];

/** A key alone, and what is said of it. */
const WRONG: readonly (readonly [text: string, message: string])[] = [
  ['"program": ""', 'program must be a non-empty string, got ""'],
  ['"program": 1', "program must be a non-empty string, got 1"],
  ['"name": "a/b"', 'name must have letters, digits, ., _ and - alone, got "a/b"'],
  ['"workers": 0', "workers must be a whole number from 1 to 1024, got 0"],
  ['"workers": 1.5', "workers must be a whole number from 1 to 1024, got 1.5"],
  ['"workers": "four"', 'workers must be a whole number from 1 to 1024, got "four"'],
  ['"workers": null', "workers must be a whole number from 1 to 1024, got null"],
  [
    '"grace": "10 s"',
    'grace must be a duration like "10s", "500ms", "2m", "1h", or a number of milliseconds, up to 2147483647 ms, got "10 s"',
  ],
  [
    '"stable": -1',
    'stable must be a duration like "10s", "500ms", "2m", "1h", or a number of milliseconds, up to 2147483647 ms, got -1',
  ],
  ['"watch": "yes"', 'watch must be true or false, got "yes"'],
  ['"envFile": 5', "envFile must be a path, or a list of paths, got 5"],
  ['"env": { "A": 1 }', "env.A must be a string, got 1"],
  ['"args": "-v"', 'args must be a list of strings, got "-v"'],
  ['"args": ["-v", 1]', "args[1] must be a string, got 1"],
  ['"port": 65536', "port must be a whole number from 0 to 65535, got 65536"],
  ['"port": -1', "port must be a whole number from 0 to 65535, got -1"],
  ['"port": 1, "unix": "a"', 'unix excludes port: give one or the other, got "a"'],
  ['"tls": { "certFile": "a" }', "tls.keyFile is missing"],
  ['"sockets": { "name": "a" }', "sockets must be a list, got an object"],
  ['"sockets": [{ "name": "a" }]', "sockets[0] must have either a port or a unix path, got an object"],
  [
    '"sockets": [{ "name": "a", "unix": "b", "host": "c" }]',
    'sockets[0].unix excludes host: give one or the other, got "b"',
  ],
  [
    '"sockets": [{ "name": "a", "port": 1 }, { "name": "a", "port": 2 }]',
    "sockets must have names that differ, got a list",
  ],
  ['"limits": { "policy": "drop" }', 'limits.policy must be "reject", "queue" or "shedIdle", got "drop"'],
  ['"limits": { "lifetimeJitter": 2 }', "limits.lifetimeJitter must be a number from 0 to 1, got 2"],
  ['"limits": { "maxConnections": 0 }', "limits.maxConnections must be a whole number of at least 1, got 0"],
  ['"limits": { "maxConections": 1 }', "limits.maxConections is not known here, did you mean maxConnections?"],
  ['"worker": 4', "worker is not known here, did you mean workers?"],
];

describe("sluice.json", () => {
  it("may have every key; durations become ms, paths are seen from its folder", async () => {
    const { unix: _, ...read } = WHOLE[1];
    const text = WHOLE[0].replace('"unix": "run/app.sock",', "");
    assertEquals(await checked(text, SCHEMA), read);
    assertEquals(await checked('{ "unix": "run/app.sock", "envFile": ["a", "/b"] }', SCHEMA), {
      unix: "/app/run/app.sock",
      envFile: ["/app/a", "/b"],
    });
    assertEquals(await checked("{}", SCHEMA), {});
  });

  it("has every limit that configure() takes and JSON can say", () => {
    const limits = Object.keys(WHOLE[1].limits).sort();
    assertEquals(limits, Object.keys(CONFIGURE_NAMES).filter((name) => name !== "admit").sort());
    assertEquals(Object.keys({ ...CONN_NAMES, ...ADMISSION_NAMES }).sort(), [...limits, "admit"].sort());
  });

  it("takes numbers and switches from the environment, where they are text", async () => {
    const text = '{ "port": "${PORT}", "workers": "${N:-2}", "watch": "${WATCH}", "grace": "${GRACE}s" }';
    const env = { PORT: "80", WATCH: "true", GRACE: "5" };
    assertEquals(await checked(text, SCHEMA, { env }), { port: 80, workers: 2, watch: true, grace: 5000 });
  });

  for (const [text, message] of WRONG) {
    it(`is refused with ${text}`, async () => {
      const told = await faults(`{ ${text} }`, SCHEMA);
      assertEquals(told.map((line) => line.replace(/^line \d+, column \d+: /, "")), [message]);
    });
  }

  it("is read with its path, watched if asked, and found in a folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-run-config-"));
    try {
      assertEquals(findRunConfig(folder), null);
      const file = join(folder, "sluice.json");
      writeFileSync(file, '{ "program": "app.ts", "workers": 2 }');
      assertEquals(findRunConfig(folder), file);
      const config = await loadRunConfig(file);
      assertEquals(config.value, { program: join(folder, "app.ts"), workers: 2 });
      const plans: unknown[] = [];
      config.onChange((next, previous) => plans.push(planChange(previous, next).reload));
      writeFileSync(file, '{ "program": "app.ts", "workers": 3 }');
      assertEquals((await config.reload()).workers, 3);
      assertEquals(plans, [["workers"]]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("that is cut anywhere is refused, and nothing else is thrown", async () => {
    await fc.assert(fc.asyncProperty(fc.nat(WHOLE[0].length - 2), async (length) => {
      await assertRejects(() => checked(WHOLE[0].slice(0, length), SCHEMA), ConfigError);
    }));
  });

  it("whose characters are changed at random is taken or refused, and nothing else is thrown", async () => {
    const change = fc.tuple(fc.nat(WHOLE[0].length), fc.nat(20), fc.string({ maxLength: 5 }));
    await fc.assert(fc.asyncProperty(change, async ([at, length, text]) => {
      const changed = WHOLE[0].slice(0, at) + text + WHOLE[0].slice(at + length);
      await checked(changed, SCHEMA).catch((error) => assert(error instanceof ConfigError, String(error)));
    }));
  });
});

describe("planChange()", () => {
  const none = { restart: [], reload: [], tls: [], live: [], limits: null };
  const cases: readonly (readonly [what: string, previous: RunConfig, next: RunConfig, plan: object])[] = [
    ["nothing", { workers: 2, limits: { policy: "queue" } }, { workers: 2, limits: { policy: "queue" } }, {}],
    ["workers and environment", { workers: 2 }, { workers: 3, env: { A: "1" } }, { reload: ["workers", "env"] }],
    [
      "a socket's port",
      { sockets: [{ name: "a", port: 1 }] },
      { sockets: [{ name: "a", port: 2 }] },
      { reload: ["sockets[0].port"] },
    ],
    ["name and control", { name: "a" }, { name: "b", control: "/c" }, { restart: ["name", "control"] }],
    [
      "a limit",
      { limits: { maxConnections: 1, maxQueue: 2 } },
      { limits: { maxConnections: 3, maxQueue: 2 } },
      { live: ["limits.maxConnections"], limits: { maxConnections: 3, maxQueue: 2 } },
    ],
    ["the first limits", {}, { limits: { maxQueue: 2 } }, { live: ["limits"], limits: { maxQueue: 2 } }],
    ["a limit that is given up", { limits: { maxQueue: 2, ipv6Prefix: 64 } }, { limits: { ipv6Prefix: 64 } }, {
      reload: ["limits.maxQueue"],
    }],
    ["all limits that are given up", { limits: { maxQueue: 2 } }, {}, { reload: ["limits"] }],
    [
      "a certificate's file",
      { tls: { certFile: "/a", keyFile: "/k" } },
      { tls: { certFile: "/b", keyFile: "/k" } },
      { tls: ["tls.certFile"] },
    ],
    ["TLS where there was none", {}, { tls: { certFile: "/b", keyFile: "/k" } }, { reload: ["tls"] }],
    [
      "some of everything",
      { name: "a", workers: 1, tls: { certFile: "/a", keyFile: "/k" }, limits: { maxQueue: 1 } },
      { name: "b", workers: 2, tls: { certFile: "/b", keyFile: "/k" }, limits: { maxQueue: 2 } },
      {
        restart: ["name"],
        reload: ["workers"],
        tls: ["tls.certFile"],
        live: ["limits.maxQueue"],
        limits: { maxQueue: 2 },
      },
    ],
  ];
  for (const [what, previous, next, plan] of cases) {
    it(`says what a change of ${what} needs`, () => {
      assertEquals(planChange(previous, next), { ...none, ...plan });
    });
  }

  it("knows every key that a file may have", () => {
    assertEquals(Object.keys(CHANGE_EFFECTS).sort(), Object.keys(WHOLE[1]).sort());
    for (const key of Object.keys(CHANGE_EFFECTS) as (keyof RunConfig)[]) {
      const { restart, reload, tls, live } = planChange({}, { [key]: WHOLE[1][key] });
      assertEquals([...restart, ...reload, ...tls, ...live], [key]);
    }
  });
});
