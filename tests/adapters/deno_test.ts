import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { conformance, type Features } from "./conformance/mod.ts";
import { certify } from "../support/certificates.ts";
import { runtimeName, startProgram } from "../support/processes.ts";

/** What the program prints on Deno with these permissions. */
async function outcome(permissions: string[], address: object): Promise<string[]> {
  const options = { permissions: ["--no-prompt", ...permissions], args: [JSON.stringify(address)] };
  await using program = startProgram("tests/programs/listen_server.ts", options);
  const { stdout } = await program.exited();
  return stdout.trim().split("\n");
}

if (runtimeName() !== "deno") {
  describe("deno adapter", () => it("needs Deno", { skip: "runs on Deno only" }, () => {}));
} else {
  const features: Features = {
    tls: true,
    unix: true,
    ipv6: true,
    kernel: true,
    lateAddresses: true,
    // Deno's TLS client takes ECONNRESET for an end (the server's side sends the reset).
    tlsReset: false,
  };
  const { adapter, DenoAdapter } = await import("../../adapters/deno/mod.ts");
  conformance("deno", () => Promise.resolve(adapter), features);
  conformance("deno, on streams", () => Promise.resolve(new DenoAdapter({ sockets: "streams" })), features);

  describe("deno adapter's permissions", () => {
    const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 };

    it("needs --allow-net and nothing more", async () => {
      assertEquals(await outcome(["--allow-net"], address), ["echo", "kernel table: none"]);
    });

    it("reads the kernel's table where everything is allowed", async () => {
      assertEquals(await outcome(["-A"], address), ["echo", "kernel table: some"]);
    });

    it("names the flag that is missing to listen", async () => {
      assertEquals(await outcome(["--allow-net=127.0.0.1:1"], { ...address, port: 8000 }), [
        "ListenError: Cannot listen on 127.0.0.1:8000: run with --allow-net=127.0.0.1:8000",
      ]);
      assertEquals(await outcome(["--allow-net"], { transport: "unix", path: "/tmp/x.sock" }), [
        "ListenError: Cannot listen on /tmp/x.sock: run with --allow-read=/tmp/x.sock",
      ]);
    });

    it("takes up certificates that it may read, and asks for nothing more", async () => {
      const folder = mkdtempSync(join(tmpdir(), "sluice-tls-"));
      const write = () => {
        const { cert, key } = certify("a.example");
        writeFileSync(join(folder, "tls.crt"), cert);
        writeFileSync(join(folder, "tls.key"), key);
      };
      const start = (path: string) => {
        const permissions = ["--no-prompt", "--allow-net", `--allow-read=${path}`];
        return startProgram("tests/programs/tls_server.ts", { permissions, args: [folder] });
      };
      try {
        write();
        await using server = start(folder);
        await server.line(/^serving/);
        write();
        await server.line(/^TLS certificates were replaced/);
        await using blind = start(join(folder, "tls.crt"));
        assertMatch(await blind.line(/^refused/), /Can't read the TLS file .*tls\.key: .*--allow-read/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it("names the flag that is missing to connect", async () => {
      const [line] = await outcome(["--allow-net=127.0.0.1:0"], address);
      assertMatch(line, /^ConnectError: Cannot connect to 127.0.0.1:\d+: run with --allow-net=127.0.0.1:\d+$/);
    });
  });
}
