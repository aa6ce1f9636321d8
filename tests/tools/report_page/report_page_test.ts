/** The pages of reports as text: what they say, and what they can't be made to say. In a browser: `…_chromium_…`. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { loadPage, reloadPage, verifyPage } from "../../../src/tools/report_page/mod.ts";
import { repeatLoad } from "../../../src/tools/report_page/load_command.ts";
import { markup } from "../../../src/tools/report_page/markup.ts";
import { SCRIPT, SCRIPT_HASH } from "../../../src/tools/report_page/script.ts";
import { commandLine } from "../../../src/tools/report_page/shell.ts";
import { STYLE, STYLE_HASH } from "../../../src/tools/report_page/style.ts";
import type { LossCounts } from "../../../src/tools/verify/mod.ts";
import { emptyReport, faultyReport, hugeReport, rampReport, steadyReport } from "../../support/load_reports.ts";
import {
  cleanReloads,
  cleanReport,
  losingReloads,
  losingReport,
  nothingRunReport,
} from "../../support/verify_reports.ts";

const LOADS = { steadyReport, rampReport, faultyReport, emptyReport, hugeReport };
const VERIFIES = { cleanReport, losingReport, nothingRunReport };
const RELOADS = { cleanReloads, losingReloads };

const PAGES: readonly (readonly [name: string, page: string])[] = [
  ...Object.entries(LOADS).map(([name, report]) => [name, loadPage(report())] as const),
  ...Object.entries(VERIFIES).map(([name, report]) => [name, verifyPage(report())] as const),
  ...Object.entries(RELOADS).map(([name, report]) => [name, reloadPage(report())] as const),
];

/** A name that no report has, so that what is made of it can be found. */
const HOSTILE = `</code></style></script>"'\`><img src=x onerror=alert(1)>&lt;\u0000\u001b[31m\u202e\ud800\n`;

describe("a page", () => {
  it("needs nothing from anywhere", () => {
    for (const [name, page] of PAGES) {
      assertNotMatch(page, /<(img|iframe|object|embed|base|form|audio|video|source)\b/, name);
      assertNotMatch(page.replace(SCRIPT, ""), /\b(src|srcset|action|xlink:href|style|on\w+)="/, name);
      assertNotMatch(page, /url\(|@import|import\(|fetch\(/, name);
      assertEquals([...page.matchAll(/href="([^"]{0,5})/g)].map(([, to]) => to), ["data:"], name);
    }
  });

  it("has a policy that lets in its style and its script and nothing else", () => {
    const hash = (text: string) => `sha256-${createHash("sha256").update(text).digest("base64")}`;
    assertEquals([STYLE_HASH, SCRIPT_HASH], [hash(STYLE), hash(SCRIPT)]);
    for (const [name, page] of PAGES) {
      const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1];
      assertEquals(policy.replaceAll("&#39;", "'").split("; "), [
        "default-src 'none'",
        `style-src '${STYLE_HASH}'`,
        `script-src '${SCRIPT_HASH}'`,
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
      ], name);
      assertEquals([page.split("<style>").length, page.split("<script>").length], [2, 2], name);
      assert(page.indexOf("Content-Security-Policy") < page.indexOf("<style>"), name);
    }
  });

  it("is the same for a report that has been JSON", () => {
    for (const report of Object.values(LOADS)) {
      assertEquals(loadPage(JSON.parse(JSON.stringify(report()))), loadPage(report()));
    }
    for (const report of Object.values(VERIFIES)) {
      assertEquals(verifyPage(JSON.parse(JSON.stringify(report()))), verifyPage(report()));
    }
    for (const report of Object.values(RELOADS)) {
      assertEquals(reloadPage(JSON.parse(JSON.stringify(report()))), reloadPage(report()));
    }
  });

  it("has no number that is none, and no place outside of a plot", () => {
    for (const [name, page] of PAGES) {
      assertNotMatch(page.replace(SCRIPT, ""), /NaN|Infinity|undefined|\[object/, name);
      for (const [, path] of page.matchAll(/ d="([^"]+)"/g)) assertMatch(path, /^[MLHVhZ\d. -]+$/, name);
    }
  });

  it("names every element once, and has the table of each chart", () => {
    for (const [name, page] of PAGES) {
      const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
      assertEquals(ids.length, new Set(ids).size, name);
      for (const [, id] of page.matchAll(/data-table="([^"]+)"/g)) assert(ids.includes(id), `${name}: ${id}`);
      for (const [, id] of page.matchAll(/aria-(?:describedby|labelledby)="([^"]+)"/g)) {
        assert(ids.includes(id), `${name}: ${id}`);
      }
    }
  });
});

describe("text of others in a page", () => {
  it("stays text, wherever a report has it", () => {
    const base = { ...faultyReport(), ramp: rampReport().ramp! };
    const report = {
      ...base,
      target: HOSTILE,
      runtime: HOSTILE,
      options: { ...base.options, body: HOSTILE, headers: [[HOSTILE, HOSTILE]] as const },
      samples: [{ fault: "wrong" as const, detail: HOSTILE, at: 1 }],
      ramp: { ...base.ramp, knee: { load: 119, words: HOSTILE } },
    };
    staysText(loadPage(report), loadPage(base));
    staysText(loadPage(base, { repeat: HOSTILE, settings: [[HOSTILE, HOSTILE]] }), loadPage(base));
  });

  it("stays text in a verification", () => {
    const base = losingReport();
    const scenarios = base.scenarios.map((round) => ({ ...round, details: [HOSTILE] }));
    const skipped = [{ scenario: "stream" as const, reason: HOSTILE }];
    staysText(verifyPage({ ...base, command: HOSTILE, scenarios, skipped }, { repeat: HOSTILE }), verifyPage(base));
  });

  it("stays text in reloads", () => {
    const base = losingReloads();
    const report = { ...base, command: HOSTILE, details: base.details.map(() => HOSTILE) };
    staysText(reloadPage(report, { repeat: HOSTILE }), reloadPage(base));
  });

  it("shows what can't be seen, and cuts what is too long", () => {
    const page = loadPage(faultyReport());
    assertStringIncludes(
      page,
      "&lt;script&gt;alert(1)&lt;/script&gt;\\n\\u{202e}&lt;b onclick=&#39;x&#39;&gt;&amp;amp;",
    );
    assertMatch(page, /x{300,400} … \(2,\d{3} more characters\)/);
  });

  it("is escaped in every template, pieces and lists too", () => {
    assertEquals(markup`<p>${"<"}${["&", markup`<b>${">"}</b>`, null, 1]}</p>`.text, "<p>&lt;&amp;<b>&gt;</b>1</p>");
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      // deno-lint-ignore no-control-regex -- those are what it looks for
      assertNotMatch(markup`${text}`.text, /[<>"'`\p{Cs}\u0000-\u001f\u202e]/u);
    }));
  });
});

describe("the page of a load", () => {
  it("says in words what was driven, what came out and what failed", () => {
    const page = words(loadPage(steadyReport()));
    assertStringIncludes(page, "20,531 right answers a second, nothing failed");
    assertStringIncludes(page, "50 clients kept asking http://127.0.0.1:8080/ for 10 s");
    assertStringIncludes(
      page,
      "Half of the answers came within 2.11 ms and 99 of 100 within 6.4 ms; the slowest took 41.2 ms.",
    );
    const faulty = words(loadPage(faultyReport()));
    assertStringIncludes(faulty, "1,729 right answers a second, 3,065 failures");
    assertStringIncludes(
      faulty,
      "3,065 failed (10.57 %): 2,500 refused, 61 reset, 2 truncated, 500 timed out and 2 wrong.",
    );
    const one = loadPage({ ...steadyReport(), faults: { ...steadyReport().faults, wrong: 1 } });
    assertStringIncludes(words(one), "1 failed (< 0.01 %): 1 wrong.");
    assertStringIncludes(faulty, "sent 2,000 requests a second");
    assertStringIncludes(faulty, "corrected for coordinated omission");
  });

  it("names the knee, or says that there is none", () => {
    const report = rampReport();
    const page = words(loadPage(report));
    assertStringIncludes(page, report.ramp!.knee!.words);
    assertStringIncludes(page, "knee at 119 clients");
    const without = words(loadPage({ ...report, ramp: { ...report.ramp!, knee: null } }));
    assertStringIncludes(without, "There is no knee: latency stays in its linear part up to 500 clients.");
    assertNotMatch(without, /knee at/);
  });

  it("says so where there is nothing to show", () => {
    const page = words(loadPage(emptyReport()));
    assertStringIncludes(page, "Nothing was sent");
    const silent = { ...steadyReport(), percentiles: [], timeline: [], requests: emptyReport().requests };
    const failed = words(loadPage({ ...silent, faults: { ...silent.faults, refused: 3 }, ended: "unreachable" }));
    for (
      const text of ["No right answer came; 3 failures", "No connection could be made", "there is no latency to show"]
    ) {
      assertStringIncludes(failed, text);
    }
    assertStringIncludes(
      words(loadPage({ ...rampReport(), ramp: { unit: "clients", steps: [], knee: null } })),
      "first step",
    );
    assertStringIncludes(words(loadPage({ ...rampReport(), server: { pid: 1, samples: [] } })), "There are no samples");
  });

  it("has every option, and the command that repeats it", () => {
    const page = words(loadPage(faultyReport()));
    const command =
      String.raw`sluice load ws://127.0.0.1:8080/ws --clients 20 --duration 15s --rate 2000 --size 16,4096 ` +
      String.raw`--header 'Cookie: who=O'\''Hara & <sons>' --check echo --seed 80421`;
    assertEquals(repeatLoad(faultyReport()), command);
    assertStringIncludes(page, command);
    for (const row of ["seed 80421", "size of a message 16 bytes to 4,096 bytes", "requests in all no limit"]) {
      assertStringIncludes(page, row);
    }
    const ramp = rampReport();
    const line = "sluice load http://127.0.0.1:8080/ --ramp 10..500/30s --steps 10 --check same --seed 80421";
    assertEquals(repeatLoad(ramp), line);
    const rates = { ...ramp.options, ramp: { ...ramp.options.ramp!, unit: "rate" as const } };
    assertStringIncludes(repeatLoad({ ...ramp, options: rates }), "--clients 10 --ramp 10..500rps/30s");
    assertStringIncludes(words(loadPage(steadyReport(), { repeat: "npx sluice load again" })), "npx sluice load again");
  });
});

describe("a command line", () => {
  it("is quoted where a shell would take it for something else", () => {
    assertEquals(commandLine(["a", "--b=c", "", "x y", "it's", "$HOME"]), `a --b=c '' 'x y' 'it'\\''s' '$HOME'`);
    assertEquals(commandLine(["a\nb'\\"]), `$'a\\u000ab\\'\\\\'`);
  });
});

describe("the page of a verification", () => {
  it("says in words that nothing was lost, or what was", () => {
    const clean = words(verifyPage(cleanReport()));
    assertStringIncludes(clean, "Nothing was lost in 11 scenarios");
    assertStringIncludes(clean, "The server was started and stopped 33 times");
    assertStringIncludes(clean, "The longest stop took 988 ms, in big-message.");
    assertNotMatch(clean, /not clean/);
    const losing = words(verifyPage(losingReport()));
    assertStringIncludes(losing, "666 losses in 6 of 11 scenarios");
    assertStringIncludes(losing, "The server had to be killed in 1 of 11 rounds.");
    assertStringIncludes(words(verifyPage(nothingRunReport())), "Nothing was run");
  });

  it("says of reloads what was lost, what was held by the killed, and how long clients waited", () => {
    const clean = words(reloadPage(cleanReloads()));
    assertStringIncludes(clean, "Nothing was lost in 2 reloads");
    assertStringIncludes(clean, "27 clients made 480 connections: 2,800 messages sent, 2,797 answered.");
    assertStringIncludes(clean, "1 worker killed between reloads held 2 connections and 3 messages that are lost");
    assertStringIncludes(clean, "Outside of reloads the longest was 21.2 ms.");
    assertNotMatch(clean, /not clean/);
    const losing = words(reloadPage(losingReloads()));
    assertStringIncludes(losing, "16 losses in 2 reloads");
    assertStringIncludes(losing, "Not clean: refused, reset and failed.");
    const none = { ...cleanReloads(), parts: [], clean: false };
    assertStringIncludes(words(reloadPage(none)), "Not proven in 0 reloads");
  });

  it("has a row and two dots for each reload", () => {
    const page = reloadPage(losingReloads());
    assertEquals(page.match(/<circle [^>]*cx="[\d.]+%"/g)?.length, 4);
    const row = /<tr><th scope="row"><span class="name">reload 2<\/span>[^]*?<\/tr>/.exec(page)![0];
    const bad = [...row.matchAll(/<span class="bad-words">([\d,]+)/g)].map(([, count]) => count);
    assertEquals(bad, ["16", "12", "3", "1"]);
  });

  it("has one row per scenario, all rounds together, and one per round behind it", () => {
    const page = verifyPage(cleanReport());
    const [scenarios, rounds] = [...page.matchAll(/<tbody>([^]*?)<\/tbody>/g)].map(([, body]) =>
      body.split("<tr>").length - 1
    );
    assertEquals([scenarios, rounds], [11, 33]);
    assertEquals(page.match(/<circle [^>]*cx="[\d.]+%"/g)?.length, 33);
    assertMatch(words(page), /connect-storm ✓ clean 771 ms/);
  });

  it("blames what counts as lost, and only counts the rest", () => {
    const page = verifyPage(losingReport());
    const row = (name: string) =>
      new RegExp(`<tr><th scope="row"><span class="name">${name}</span>[^]*?</tr>`).exec(page)![0];
    const marked = (text: string, kind: string) =>
      [...text.matchAll(new RegExp(`<span class="${kind}">([\\d,]+)`, "g"))].map(([, count]) => count);
    assertEquals(marked(row("pipelined"), "bad-words"), ["405", "361", "44"]);
    assertEquals([marked(row("connect-storm"), "bad-words"), marked(row("connect-storm"), "counted")], [
      ["194", "194"],
      ["212", "2"],
    ]);
    assertEquals([marked(row("second-signal"), "bad-words"), marked(row("second-signal"), "counted")], [[], [
      "48",
      "1",
    ]]);
    assertStringIncludes(row("half-closed"), "SIGKILL");
    assertStringIncludes(words(page), "refused connection refused 212 counted");
  });

  it("blames nothing in a clean round, and of a forced stop only the exit", () => {
    const report = cleanReport();
    const change = (scenario: string, losses: Partial<LossCounts>, clean: boolean) => {
      const scenarios = report.scenarios.map((round) =>
        round.scenario === scenario ? { ...round, losses: { ...round.losses, ...losses }, clean } : round
      );
      return words(verifyPage({ ...report, scenarios, clean }));
    };
    const forgiven = change("silent", { resetInsteadOfFin: 5 }, true);
    for (const text of ["Nothing was lost in 11 scenarios", "lost 0 messages sent"]) {
      assertStringIncludes(forgiven, text);
    }
    assertStringIncludes(change("second-signal", { stillThere: 1 }, false), "3 losses in 1 of 11 scenarios");
  });

  it("tells what was seen, what was not run, and how to do it again", () => {
    const page = words(verifyPage(losingReport(), { settings: [["seed", "7"]] }));
    for (
      const text of [
        "still there after 10000 ms",
        "stream there is no path of a long answer",
        `sluice verify --kind http -- go run ./server`,
        "seed 7",
      ]
    ) assertStringIncludes(page, text);
  });
});

/** What is between the tags, as it is read. */
function words(page: string): string {
  const text = page.replace(/^[^]*<body>/, "").replace(SCRIPT, "").replace(/<[^>]*>/g, " ");
  const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', "#39": "'", "#96": "`", amp: "&" };
  return text.replace(/&(\w+|#\d+);/g, (_, name) => entities[name]).replace(/\s+/g, " ");
}

/** The hostile page has no element that the harmless one has not. */
function staysText(page: string, harmless: string): void {
  assertStringIncludes(page, "&lt;img src=x onerror=alert(1)&gt;");
  // deno-lint-ignore no-control-regex -- those are what it looks for
  assertNotMatch(page, /<img|\u0000|\u001b|\u202e|\p{Cs}/u);
  const names = (text: string) => new Set([...text.matchAll(/<(\/?[a-z]\w*)/g)].map(([, name]) => name));
  assertEquals([...names(page)].filter((name) => !names(harmless).has(name)), []);
  for (const name of ["style", "script", "title"]) assertEquals(page.split(`</${name}>`).length, 2, name);
}
