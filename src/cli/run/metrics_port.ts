/**
 * Where a supervisor tells what its workers have counted.
 *
 * @module
 */
import { RUN_CONFIG_FILE } from "../../run/run_config/mod.ts";
import type { Supervisor } from "../../run/supervisor/mod.ts";
import { silentLogger } from "../../../mod.ts";
import type { HttpServer } from "../../http/mod.ts";
import { place } from "../option_values.ts";
import { StartError } from "../usage_errors.ts";
import type { RunFile } from "./run_file.ts";
import type { RunSettings } from "./run_settings.ts";

/** A port for whoever scrapes. */
export class MetricsPort {
  readonly #server: HttpServer;
  readonly #wait: number;

  private constructor(server: HttpServer, wait: number) {
    this.#server = server;
    this.#wait = wait;
  }

  /**
   * Opens it; null where nobody asked for one.
   *
   * @throws {UsageError} It is no place.
   * @throws {StartError} It can't be opened.
   */
  static async open(
    supervisor: Supervisor,
    file: RunFile | null,
    { metrics, lastScrape = 0 }: Pick<RunSettings, "metrics" | "lastScrape">,
  ): Promise<MetricsPort | null> {
    if (metrics === undefined) return null;
    const where = place("--metrics", metrics);
    // Most runs have none, and don't load it.
    const [{ Metrics }, { serveHttp }] = await Promise.all([
      import("../../metrics/mod.ts"),
      import("../../http/mod.ts"),
    ]);
    try {
      const config = file === null ? {} : { config: { [RUN_CONFIG_FILE]: file.measured } };
      const handler = new Metrics({ supervisor, ...config }).handler();
      return new MetricsPort(await serveHttp({ ...where, name: "metrics", logger: silentLogger }, handler), lastScrape);
    } catch (error) {
      throw new StartError(`--metrics ${metrics} can't be served: ${(error as Error).message}`, "", { cause: error });
    }
  }

  /** All workers are gone: whoever scrapes once more sees what their drains have cost. */
  async lastScraped(): Promise<void> {
    if (this.#wait === 0) return;
    const { lastScrape } = await import("../../metrics/mod.ts");
    const { lameDuck, acceptQuiet, grace } = lastScrape(this.#wait);
    await this.#server.shutdown({ lameDuck, acceptQuiet, grace });
  }

  async close(): Promise<void> {
    await this.#server.close();
  }
}
