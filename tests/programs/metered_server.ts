/** A program for `sluice run` that counts: what it serves, and whatever it is told to. */
import process from "node:process";
import { run } from "../../mod.ts";
import { serveHttp } from "../../src/http/mod.ts";
import { Metrics } from "../../src/metrics/mod.ts";

const metrics = new Metrics();
const orders = metrics.counter("test.orders", { help: "Orders.", labels: ["kind"] });
metrics.gauge("test.highest", { help: "Highest.", across: "max", value: () => process.pid });
const server = await serveHttp({ port: Number(process.env.HTTP_PORT ?? 0), hostname: "127.0.0.1" }, (request, ctx) => {
  const { pathname } = new URL(request.url);
  ctx.route = pathname;
  if (pathname === "/order") orders.add(1, { kind: "book" });
  if (pathname === "/kill") process.kill(process.pid, "SIGKILL");
  return new Response(String(process.pid));
});
metrics.add({ servers: [server] });
const running = run(server, { grace: 5000 });
console.log(`http ${server.url}`);
await running;
