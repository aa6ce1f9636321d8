/** The page of `sluice demo`: what it says, and what it may do. What it does in a browser: `websocket_chromium_…`. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import process from "node:process";
import { VERSION } from "../../src/cli/version.ts";
import { askOnce, type Demo, startDemo } from "../support/demo.ts";
import { bodyText, type RequestParts } from "../support/http_client.ts";
import { runtimeName } from "../support/processes.ts";

describe("the page of sluice demo", () => {
  let demo: Demo;
  before(async () => demo = await startDemo());
  after(async () => {
    await demo.program.kill();
  });

  const ask = (target: string, parts?: RequestParts) => askOnce(demo.httpPort, target, parts);

  it("says what runs and which commands to type", async () => {
    const answer = await ask("/", { headers: { Host: `127.0.0.1:${demo.httpPort}` } });
    const page = bodyText(answer);
    assertEquals([answer.status, answer.headers.get("content-type")], [200, "text/html; charset=utf-8"]);
    assertStringIncludes(page, `Sluice ${VERSION} on ${runtimeAndVersion()}, up `);
    assertStringIncludes(page, `nc 127.0.0.1 ${demo.tcpPort}\n`);
    assertStringIncludes(page, `curl http://127.0.0.1:${demo.httpPort}/echo -d hello\n`);
    assertStringIncludes(page, `127.0.0.1:${demo.tcpPort}, running, `);
    assertStringIncludes(page, `127.0.0.1:${demo.httpPort}, running, `);
  });

  it("needs nothing from elsewhere", async () => {
    const answer = await ask("/");
    const page = bodyText(answer).replace(/<pre>[^]*<\/pre>/, "");
    assert(!/https?:|src=|url\(|@import|import\(|fetch\(|\bon\w+="/.test(page), page);
  });

  it("has a policy that names its style and its script, and lets nothing else in", async () => {
    const answer = await ask("/");
    const [style, script] = ["style", "script"].map((name) => {
      const parts = bodyText(answer).split(new RegExp(`</?${name}>`));
      assertEquals(parts.length, 3, `one ${name}`);
      return `'sha256-${createHash("sha256").update(parts[1]).digest("base64")}'`;
    });
    assertEquals(answer.headers.get("content-security-policy")?.split("; "), [
      "default-src 'none'",
      `style-src ${style}`,
      `script-src ${script}`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
  });

  it("has links that work", async () => {
    const links = [...bodyText(await ask("/")).matchAll(/<a href="([^"]*)"/g)].map(([, link]) => link);
    assertEquals(links.map((link) => link.split("?")[0]), [
      "/echo",
      "#console",
      "/channels",
      "/slow",
      "/stream",
      "/headers",
      "/readyz",
      "/livez",
    ]);
    for (const link of links.filter((each) => each !== "#console")) {
      const answer = await ask(link.replaceAll("&amp;", "&").replace(/ms=\d+/, "ms=1"));
      assertEquals(answer.status, 200, link);
    }
  });
});

function runtimeAndVersion(): string {
  const name = runtimeName();
  const title = `${name[0].toUpperCase()}${name.slice(1)}`;
  return `${title} ${(process.versions as Record<string, string | undefined>)[name]}`;
}
