/**
 * Counts requests. It stands in the way of each of them, so it looks a series up only where the last one doesn't fit.
 *
 * @module
 */
import { errorType, methodOf, METHODS } from "../conventions.ts";
import type { HttpObserver, ObservedRequest } from "../http/mod.ts";
import { HTTP, WEBSOCKETS } from "./definitions.ts";
import type { Cell, Family, HistogramCell } from "./family.ts";
import type { Registry } from "./registry.ts";

/** A duration's series, and whose requests it is. */
interface RequestCell {
  readonly method: string;
  readonly status: number;
  readonly route: string;
  readonly protocol: string;
  readonly scheme: string;
  readonly histogram: HistogramCell;
}

/** Requests under way. */
interface ActiveCell {
  readonly method: string;
  readonly scheme: string;
  readonly cell: Cell;
}

/** So many series of one route are looked through; a route has few. */
const MAX_LISTED = 16;

/** What one HTTP server's requests come to. */
export class RequestMetrics implements HttpObserver {
  readonly #server: string;
  readonly #durations: Family<HistogramCell>;
  readonly #active: Family<Cell>;
  readonly #received: Cell;
  readonly #sent: Cell;
  readonly #webSockets: Family<HistogramCell>;
  /** By route: those whose requests have not failed. */
  readonly #known: Map<string, RequestCell[]> = new Map();
  #last: RequestCell | null = null;
  #lastActive: ActiveCell | null = null;

  constructor(server: string, registry: Registry) {
    this.#server = server;
    this.#durations = registry.histogram(HTTP.duration);
    this.#active = registry.values(HTTP.active);
    const io = registry.values(HTTP.io);
    this.#received = io.of(["receive", server]);
    this.#sent = io.of(["transmit", server]);
    this.#webSockets = registry.histogram(WEBSOCKETS.duration);
  }

  began({ method, scheme }: ObservedRequest): void {
    this.#activeOf(method, scheme).value++;
  }

  ended(request: ObservedRequest): void {
    // Each is found anew whenever it is asked for.
    const { method, scheme, error } = request;
    this.#activeOf(method, scheme).value--;
    this.#received.value += request.bytesIn;
    this.#sent.value += request.bytesOut;
    const histogram = error === undefined
      ? this.#wellOf(request, method, scheme)
      : this.#seriesOf(request, errorType(error));
    histogram.record(request.duration / 1000);
  }

  upgradeEnded({ protocol, duration, code }: { protocol: string; duration: number; code: number }): void {
    if (protocol === "websocket") this.#webSockets.of([String(code), this.#server]).record(duration / 1000);
  }

  #activeOf(method: string, scheme: string): Cell {
    const last = this.#lastActive;
    if (last !== null && last.method === method && last.scheme === scheme) return last.cell;
    const cell = this.#active.of([methodOf(method), scheme, this.#server]);
    this.#lastActive = { method, scheme, cell };
    return cell;
  }

  #wellOf(request: ObservedRequest, method: string, scheme: string): HistogramCell {
    const last = this.#last;
    if (last !== null && fits(last, request, method, scheme)) return last.histogram;
    const known = this.#known.get(request.route)?.find((cell) => fits(cell, request, method, scheme));
    if (known === undefined) return this.#learn(request);
    this.#last = known;
    return known.histogram;
  }

  #learn(request: ObservedRequest): HistogramCell {
    const { status, route, protocol, scheme } = request;
    const isFull = this.#durations.isFull;
    const histogram = this.#seriesOf(request, status >= 500 ? String(status) : "");
    // What is remembered is bounded as the series are; and of methods that are any client's none is.
    if (isFull || !METHODS.has(request.method)) return histogram;
    const cells = this.#known.get(route) ?? [];
    const cell = { method: request.method, status, route, protocol, scheme, histogram };
    if (cells.length < MAX_LISTED) this.#known.set(route, [...cells, cell]);
    this.#last = cell;
    return histogram;
  }

  #seriesOf({ method, scheme, status, route, protocol }: ObservedRequest, error: string): HistogramCell {
    const code = status === 0 ? "" : String(status);
    return this.#durations.of([methodOf(method), scheme, code, route, protocol, error, this.#server]);
  }
}

function fits(
  cell: RequestCell,
  { status, route, protocol }: ObservedRequest,
  method: string,
  scheme: string,
): boolean {
  return cell.status === status && cell.method === method && cell.route === route && cell.protocol === protocol &&
    cell.scheme === scheme;
}
