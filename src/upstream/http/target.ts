/**
 * One of the addresses of an upstream: its connections, its health and its counts.
 *
 * @module
 */
import { Dialer } from "../../server/connect.ts";
import { ConnPool } from "../pool/pool.ts";
import { ClientConn, type ClientLimits } from "./client_conn.ts";
import { Health } from "./health.ts";
import type { AddressStats } from "./upstream_api.ts";
import type { Place, UpstreamLimits } from "./upstream_options.ts";

/** An address that is asked. */
export class Target {
  readonly place: Place;
  readonly pool: ConnPool<ClientConn>;
  readonly health: Health;
  /** Of the smooth round robin: how long it has waited for its turn. */
  current = 0;
  active = 0;
  calls = 0;
  failures = 0;

  constructor(place: Place, limits: UpstreamLimits) {
    this.place = place;
    this.health = new Health(limits);
    const { options, clock, adapter } = limits;
    const client: ClientLimits = { ...limits, address: place.origin, host: place.host };
    const dialer = new Dialer({ clock, adapter, connectTimeout: 0 });
    const { address, tls } = place;
    const where = address.transport === "tcp"
      ? { port: address.port, hostname: address.hostname }
      : { path: address.path };
    this.pool = new ConnPool(
      async (context) => new ClientConn(await dialer.connect({ ...where, tls: tls ?? false, context }), client),
      {
        name: `${limits.name} ${place.origin}`,
        max: options.max ?? 100,
        minIdle: options.minIdle ?? 0,
        idleTimeout: options.idleTimeout ?? 4000,
        maxLifetime: options.maxLifetime ?? 300_000,
        acquireTimeout: options.acquireTimeout ?? 5000,
        connectTimeout: options.connectTimeout ?? 5000,
        leakWarning: options.leakWarning,
        retryConnect: false,
        watch: (conn, gone) => conn.watch(gone),
        close: (conn) => conn.close(),
        logger: limits.logger,
        clock,
      },
    );
  }

  get stats(): AddressStats {
    const { place: { origin, weight }, health, active, calls, failures } = this;
    const { state, ejections } = health;
    return { address: origin, state, weight, active, calls, failures, ejections, pool: this.pool.stats };
  }
}

/**
 * Whose turn it is: smooth weighted round robin, as nginx does it, among those that are well. Where none is, because
 * calls find out about all of them, the one whose turn it is all the same.
 */
export function nextTarget(targets: readonly Target[], tried: ReadonlySet<Target>, now: number): Target | null {
  if (targets.length === 1) return tried.size === 0 ? targets[0] : null;
  const left = targets.filter((target) => !tried.has(target));
  const well = left.filter((target) => target.health.takes(now));
  const among = well.length > 0 ? well : left;
  if (among.length <= 1) return among[0] ?? null;
  let sum = 0;
  let best = among[0];
  for (const target of among) {
    sum += target.place.weight;
    target.current += target.place.weight;
    if (target.current > best.current) best = target;
  }
  best.current -= sum;
  return best;
}
