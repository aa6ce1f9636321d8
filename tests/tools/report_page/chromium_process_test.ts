/** The pages of reports in a real browser, opened from a file as people open them. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLessOrEqual, assertMatch } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadPage, reloadPage, verifyPage } from "../../../src/tools/report_page/mod.ts";
import { Chromium, evaluate, type Page, type Tab } from "../../support/chromium.ts";
import { skipWithout } from "../../support/http_tools.ts";
import { emptyReport, faultyReport, hugeReport, rampReport, steadyReport } from "../../support/load_reports.ts";
import {
  cleanReloads,
  cleanReport,
  losingReloads,
  losingReport,
  nothingRunReport,
} from "../../support/verify_reports.ts";

/** The narrowest and the widest window, in pixels. */
const WIDTHS = [380, 1400];

/** What WCAG asks of text (1.4.3, level AA). */
const CONTRAST = 4.5;

const PAGES: Readonly<Record<string, () => string>> = {
  steady: () => loadPage(steadyReport()),
  ramp: () => loadPage(rampReport()),
  faulty: () => loadPage(faultyReport()),
  empty: () => loadPage(emptyReport()),
  huge: () => loadPage(hugeReport()),
  clean: () => verifyPage(cleanReport()),
  losing: () => verifyPage(losingReport()),
  nothingRun: () => verifyPage(nothingRunReport()),
  cleanReloads: () => reloadPage(cleanReloads()),
  losingReloads: () => reloadPage(losingReloads()),
};

const browser = new Chromium();

describe("a page of a report in Chromium", { skip: skipWithout("chromium") }, () => {
  let folder = "";
  let tab: Tab;
  const requests: string[] = [];
  const failures: string[] = [];
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-pages-"));
    tab = await browser.open("about:blank");
    tab.page.on("request", (request) => requests.push(request.url()));
    tab.page.on("requestfailed", (request) => failures.push(`${request.url()} ${request.failure()?.errorText}`));
  });
  after(async () => {
    await browser.close();
    if (folder !== "") rmSync(folder, { recursive: true });
  });

  /** Shows a page, and gives the one that shows it. */
  const show = async (name: string): Promise<Page> => {
    const file = join(folder, `${name}.html`);
    writeFileSync(file, PAGES[name]());
    await tab.page.emulateMedia({ colorScheme: "light", media: "screen" });
    requests.length = failures.length = tab.complaints.length = 0;
    await tab.page.goto(pathToFileURL(file).href);
    return tab.page;
  };

  it("asks nobody for anything, and has nothing to complain about", async () => {
    for (const name of Object.keys(PAGES)) {
      await show(name);
      assertEquals(requests.filter((url) => !url.startsWith("data:")).length, 1, `${name}: ${requests}`);
      assertEquals(tab.complaints, [], name);
      assertEquals(await evaluate(tab, "document.styleSheets[0].cssRules.length > 50"), true, `${name}: style`);
    }
  });

  it("fits a phone and a wide window", async () => {
    for (const name of Object.keys(PAGES)) {
      const page = await show(name);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        assertEquals(await evaluate(tab, "document.documentElement.scrollWidth"), width, `${name} at ${width}`);
        assertEquals(await evaluate<string[]>(tab, `(${cutTexts})(${width})`), [], `${name} at ${width}`);
      }
    }
  });

  it("can be read in light and in dark", async () => {
    for (const name of ["faulty", "ramp", "losing"]) {
      const page = await show(name);
      const papers: string[] = [];
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        papers.push(await evaluate(tab, "getComputedStyle(document.body).backgroundColor"));
        const texts = await evaluate<[text: string, contrast: number][]>(tab, `(${contrasts})()`);
        assertGreater(texts.length, 50);
        assertEquals(texts.filter(([, contrast]) => contrast < CONTRAST), [], `${name}, ${colorScheme}`);
      }
      assertEquals(papers, ["rgb(255, 255, 255)", "rgb(17, 21, 26)"], name);
    }
  });

  it("is printed on white paper, all of it inside of the sheet", async () => {
    const page = await show("losing");
    await page.emulateMedia({ colorScheme: "dark", media: "print" });
    await page.setViewportSize({ width: 794, height: 1123 });
    assertEquals(await evaluate(tab, "getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    assertLessOrEqual(await evaluate<number>(tab, "document.documentElement.scrollWidth"), 794);
    assertEquals(await page.locator("td:has(.zero)").first().isVisible(), false);
  });

  it("draws every value of a run, at its place", async () => {
    await show("huge");
    const report = hugeReport();
    assertEquals(await points("rate", "right answers a second"), 600);
    assertEquals([await points("latency-time", "p50"), await points("latency-time", "p99")], [600, 600]);
    assertEquals(await points("latency", "latency"), report.percentiles.length);
    for (const name of ["processor, of one core", "memory (resident)", "open descriptors"]) {
      assertEquals(await points("server", name), 600);
    }
    assertEquals(await evaluate(tab, "document.querySelectorAll('#time-numbers tbody tr').length"), 600);
  });

  it("leaves a gap where nothing was answered, and shows a single fault among many", async () => {
    await show("faulty");
    const gone = faultyReport().timeline.filter(({ rate }) => rate === 0).length;
    assertEquals([await points("latency-time", "p50"), await runs("latency-time", "p50")], [60 - gone, 2]);
    assertEquals(await runs("rate", "failed"), gone + 1);
    const lowest = await evaluate<number>(tab, `Math.min(...(${barHeights})("rate", "failed"))`);
    assert(lowest >= 2, `${lowest} pixels`);
  });

  it("marks the knee on both plots, and names it where it is", async () => {
    const page = await show("ramp");
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      const label = page.getByText("knee at 119 clients", { exact: true });
      assert(await label.isVisible());
      const box = (await label.boundingBox())!;
      const lines = await page.locator("#ramp .marked").evaluateAll((all) =>
        all.map((line) => line.getBoundingClientRect().x)
      );
      assertEquals([lines.length, lines[0]], [2, lines[1]]);
      const dots = await page.locator("#ramp .plot").first().locator(".dot.main").evaluateAll((all) =>
        all.map((dot) => dot.getBoundingClientRect()).map(({ x, width }) => x + width / 2)
      );
      assertEquals(dots.length, 10);
      assertLessOrEqual(Math.abs(dots[2] - lines[0]), 1.5, "the third step is the knee");
      assertLessOrEqual(Math.abs(box.x - lines[0]), 12, "the words stand at their line");
    }
    assertEquals([await points("ramp", "p50"), await points("ramp", "p99")], [10, 10]);
  });

  it("reads out the place that is pointed at, in all charts of that time", async () => {
    const page = await show("steady");
    await page.setViewportSize({ width: 1400, height: 900 });
    const plot = page.locator("#rate .plot > svg").first();
    await plot.scrollIntoViewIfNeeded();
    const { x, y, width } = (await plot.boundingBox())!;
    const slot = steadyReport().timeline[20];
    await page.mouse.move(x + width * slot.at / steadyReport().duration, y + 50);
    assertMatch(await readout("rate"), /^time 5 s: clients 50, right answers\/s 2\d,\d{3}, failed 0$/);
    assertMatch(await readout("latency-time"), /^time 5 s: p50 [\d.]+ ms, p99 [\d.]+ ms$/);
    assertEquals(await readout("latency"), "", "another table's");
    assertEquals(await page.locator(".cursor[visibility=visible]").count(), 2);
    await page.locator("#rate figcaption").hover();
    assertEquals(await readout("rate"), "");
    assertEquals(await page.locator(".cursor[visibility=visible]").count(), 0);
  });

  it("has words for who can't see the charts, and tables that a keyboard opens", async () => {
    const page = await show("ramp");
    await page.getByRole("img", { name: "Latency over time: latency" }).waitFor();
    assertEquals(await page.getByRole("heading", { level: 1 }).count(), 1);
    await page.getByText("The steps of the ramp in numbers").first().focus();
    await page.keyboard.press("Enter");
    const table = page.getByRole("table", { name: "The steps of the ramp in numbers" });
    await table.getByRole("row").nth(10).waitFor();
    assertEquals(await table.getByRole("row").count(), 11);
    assertEquals(await table.getByRole("columnheader").allInnerTexts(), [
      "clients",
      "right answers/s",
      "p50",
      "p99",
      "failed",
    ]);
  });

  it("has a row for each scenario, and on a phone a card of what there is to say", async () => {
    const page = await show("losing");
    const row = page.getByRole("row").filter({ hasText: "pipelined" }).first();
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      assertEquals(await page.locator(".cards").first().locator("tbody tr").count(), 11);
      assert(await row.getByText("361", { exact: true }).isVisible());
      assertEquals(await row.locator("td:has(.zero)").first().isVisible(), width > 1000);
    }
    assertEquals(await page.locator("#stops .dot[cx$='%']").count(), 10);
    assert(await page.locator("#stops").getByText("not gone").isVisible());
  });

  it("shows a server's markup as text, and runs none of it", async () => {
    const page = await show("faulty");
    assert(await page.getByText(`got "<script>alert(1)</script>\\n\\u{202e}<b onclick='x'>`).isVisible());
    await show("losing");
    assert(await page.getByText(`client 7: got "<img src=x onerror=alert(1)>`).isVisible());
    assertEquals(await page.locator("img, b[onclick]").count(), 0);
    assertEquals(tab.complaints, []);
  });

  it("would not run what was slipped in, nor load it", async () => {
    await show("steady");
    const blocked = await evaluate<string>(tab, SLIP_IN);
    assertEquals(blocked, "img-src script-src-elem style-src-attr");
    assertEquals(failures, ["http://127.0.0.1:9/ csp"]);
  });

  const path = (chart: string, series: string) =>
    evaluate<string>(tab, `document.querySelector('#${chart} [data-series="${series}"]').getAttribute("d")`);
  const points = async (chart: string, series: string) => (await path(chart, series)).match(/[ML]/g)?.length;
  const readout = async (chart: string) => (await tab.page.innerText(`#${chart} .readout`)).replaceAll("\u00a0", " ");
  const runs = async (chart: string, series: string) => (await path(chart, series)).match(/M/g)?.length;
});

/** Texts that reach beyond the window, outside of what scrolls. */
const cutTexts = `(width) => [...document.querySelectorAll("h1, h2, h3, p, dt, dd, summary, text, th, td")]
  .filter((each) => each.checkVisibility() && !each.closest(".scroll, .unseen") && each.textContent.trim() !== "")
  .filter((each) => {
    const { left, right } = each.getBoundingClientRect();
    return left < 0 || right > width;
  })
  .map((each) => each.textContent)`;

/** Every visible text of its own, and its contrast with the paper: everything stands on paper, or on something nearer to it. */
const contrasts = `() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((each) => each / 255)
      .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paperOf = (each) => {
    for (let at = each; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (backgroundColor !== "rgba(0, 0, 0, 0)") return backgroundColor;
    }
  };
  return [...document.body.querySelectorAll("*")]
    .filter((each) => each.checkVisibility() && each.closest("script") === null)
    .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ""))
    .map((each) => {
      const style = getComputedStyle(each);
      const colour = luminance(each instanceof SVGElement ? style.fill : style.color);
      const paper = luminance(paperOf(each));
      return [each.textContent, (Math.max(colour, paper) + 0.05) / (Math.min(colour, paper) + 0.05)];
    });
}`;

/** Heights of a series' bars in pixels. */
const barHeights = `(chart, series) => {
  const path = document.querySelector("#" + chart + ' [data-series="' + series + '"]').getAttribute("d");
  return [...path.matchAll(/M[\\d.]+ ([\\d.]+)V([\\d.]+)/g)].map(([, low, high]) => low - high);
}`;

/** Tries what the page's policy forbids, and gives what was reported of it. */
const SLIP_IN = `new Promise((resolve) => {
  const blocked = [];
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
    blocked.push(effectiveDirective);
    if (blocked.length === 3) resolve(blocked.sort().join(" "));
  });
  const script = document.createElement("script");
  script.textContent = "document.title = 'slipped in'";
  const image = document.createElement("img");
  image.src = "http://127.0.0.1:9/";
  const text = document.createElement("p");
  text.setAttribute("style", "color: red");
  document.body.append(script, image, text);
})`;
