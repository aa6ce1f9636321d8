/**
 * What the server programs have in common: an HTTP server for a parent that reads its standard output and sends it
 * signals.
 *
 * @module
 */
import { defaultAdapter, run, type RunOptions } from "../../mod.ts";
import { type HttpHandler, type HttpOptions, type HttpServer, type HttpStats, serveHttp } from "../../src/http/mod.ts";

/** What the parent asks for. */
export interface ToldSetup {
  readonly http?: HttpOptions;
  readonly run?: RunOptions;
}

/**
 * Serves until a signal; prints its port and a line for each drain phase, and at the end `ran` and the report as JSON.
 *
 * @param ran What was run, given HTTP's counters.
 */
export async function serveTold(
  setup: ToldSetup,
  handler: HttpHandler,
  ran: (stats: HttpStats) => unknown,
): Promise<void> {
  const start = async (): Promise<HttpServer> => {
    const onDrainPhase = (phase: string) => console.log(`phase ${phase}`);
    const server = await serveHttp({ hostname: "127.0.0.1", onDrainPhase, ...setup.http }, handler);
    if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
    return server;
  };
  // Signals are heard before the port is printed: whoever reads it may send one at once.
  const adapter = await defaultAdapter();
  const starting = start();
  await run(starting, {
    adapter,
    ...setup.run,
    onReport: async (report) => {
      console.log(`ran ${JSON.stringify(ran((await starting).http))}`);
      console.log(`report ${JSON.stringify(report)}`);
    },
  });
}
