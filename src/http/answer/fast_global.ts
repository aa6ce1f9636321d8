/**
 * Puts `FastResponse` in the place of the global `Response`, for a whole program and the libraries in it. A program
 * imports it, before anything else; a library leaves globals alone.
 *
 * @example
 * ```ts
 * import "@sluice/sluice/http/fast-response";
 * import { serveHttp } from "@sluice/sluice/http";
 *
 * await serveHttp({ port: 8080 }, async (request) => Response.json(await request.json()));
 * ```
 *
 * @module
 */
import { FastResponse } from "./fast_response.ts";

globalThis.Response = FastResponse;
