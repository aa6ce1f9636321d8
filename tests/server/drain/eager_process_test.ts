import { describe, it } from "node:test";
import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { drained } from "../../support/drained.ts";
import { skipUnless } from "../../support/http_tools.ts";
import { startCommand } from "../../support/processes.ts";
import { TEST_CERT, TEST_KEY } from "../../support/tls.ts";

const PYTHON = "/usr/bin/python3";
const skip = skipUnless([PYTHON, "-c", "import ssl"], "python3");
const CLIENTS = 30;
/** Timers that are late by so many ms in all, within a drain: the machine is busy. */
const BUSY = 30;

// The last answers and the FIN are two system calls. A runtime's own clients see both in one turn; those of faster
// languages had the next window out between the two: 29 of 30 of them (issue 10).
describe("clients that never pause, faster than any runtime's own", { skip }, () => {
  for (const [window, kind] of [[1, "whole"], [16, "whole"], [16, "sliding"]] as const) {
    for (const tls of [false, true]) {
      it(`see the end with their last answer: ${window} in flight, ${kind}${tls ? ", over TLS" : ""}`, async () => {
        await using server = await drained({
          serve: tls ? { tls: { cert: TEST_CERT, key: TEST_KEY } } : {},
          run: { grace: 8000, patience: 1000 },
        });
        const { port } = server.swarm;
        const args = [String(port), String(CLIENTS), String(window), kind, ...(tls ? ["tls"] : [])];
        await using clients = startCommand([PYTHON, "tests/programs/eager_windows.py", ...args]);
        await clients.line(/^connected/);
        await new Promise((resolve) => setTimeout(resolve, 1500));
        const late = server.lag.mark();
        server.signal();
        const { stdout } = await clients.exited();
        const { sent, lost, resets } = JSON.parse(stdout.trim().split("\n").at(-1)!);
        const { report } = await server.outcome();
        assertEquals([resets, report.clean], [0, true]);
        // A server that is kept from its core between the two calls leaves that client a moment; not most of them, which
        // is what it was before last words and FIN left together (29 of 30).
        const lostAtMost = late() > BUSY ? window * CLIENTS / 3 : 0;
        assertLessOrEqual(lost, lostAtMost, `of ${window * CLIENTS} in flight; timers ${late()} ms late`);
        assertGreater(sent, CLIENTS * window * 10);
      });
    }
  }
});
