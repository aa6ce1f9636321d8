/** The bridge to OpenTelemetry, with its real SDK. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as api from "@opentelemetry/api";
import { DataPointType, MeterProvider, type MetricData, MetricReader } from "@opentelemetry/sdk-metrics";
import { OptionError } from "../../mod.ts";
import { reply } from "../../src/http/mod.ts";
import { bridgeOpenTelemetry, Metrics, type OpenTelemetryApi } from "../../src/metrics/mod.ts";
import { httpWorld, request } from "../support/http_world.ts";

/** Collects when it is asked. */
class Reader extends MetricReader {
  protected onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected onShutdown(): Promise<void> {
    return Promise.resolve();
  }

  /** All metrics, by their names. */
  async all(): Promise<Map<string, MetricData>> {
    const { resourceMetrics, errors } = await this.collect();
    assertEquals(errors, []);
    const metrics = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
    return new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
  }
}

/** OpenTelemetry as a program sets it up, but for the global. */
function setUp() {
  const reader = new Reader();
  const provider = new MeterProvider({ readers: [reader] });
  const otel: OpenTelemetryApi = { metrics: { getMeter: (name) => provider.getMeter(name) } };
  return { reader, otel };
}

describe("bridgeOpenTelemetry()", () => {
  it("hands on counters, gauges and histograms with the same names, units, buckets and attributes", async () => {
    await using w = await httpWorld((_req, ctx) => {
      ctx.route = "/users/:id";
      return reply("ok");
    });
    const { reader, otel } = setUp();
    const metrics = new Metrics({ servers: [w.server] });
    const end = bridgeOpenTelemetry(metrics, otel);
    await w.ask([request("/users/1"), request("/users/2")]);
    const all = await reader.all();
    const duration = all.get("http.server.request.duration")!;
    assertEquals([duration.descriptor.unit, duration.dataPointType], ["s", DataPointType.HISTOGRAM]);
    const [point] = duration.dataPoints;
    assertEquals(point.attributes, {
      "http.request.method": "GET",
      "url.scheme": "http",
      "http.response.status_code": 200,
      "http.route": "/users/:id",
      "network.protocol.version": "1.1",
      "sluice.server": "http",
    });
    const { buckets, count } = point.value as { buckets: { boundaries: number[] }; count: number };
    assertEquals([count, buckets.boundaries.length, buckets.boundaries[0]], [2, 14, 0.005]);
    const accepted = all.get("sluice.accepted_connections")!;
    assertEquals([accepted.dataPoints[0].value, accepted.descriptor.unit], [1, "{connection}"]);
    assertEquals((accepted as { isMonotonic?: boolean }).isMonotonic, true);
    const active = all.get("sluice.active_connections")!;
    assertEquals([active.dataPoints[0].value, (active as { isMonotonic?: boolean }).isMonotonic], [1, false]);
    assertEquals(all.get("process.uptime")!.dataPointType, DataPointType.GAUGE);
    end();
    await w.ask(request("/users/3"));
    const [after] = (await reader.all()).get("http.server.request.duration")!.dataPoints;
    assertEquals((after.value as { count: number }).count, 2);
    metrics.close();
  });

  it("hands on what a program makes later, and what was one too many", async () => {
    const { reader, otel } = setUp();
    const metrics = new Metrics({ maxSeries: 1 });
    bridgeOpenTelemetry(metrics, otel);
    const orders = metrics.counter("shop.orders", { help: "Orders.", unit: "{order}", labels: ["kind"] });
    const wait = metrics.histogram("shop.wait", { help: "Waiting.", unit: "s", labels: ["kind"], buckets: [1, 2] });
    for (const kind of ["a", "b", "c"]) {
      orders.add(1, { kind });
      wait.record(1.5, { kind });
    }
    await reader.all();
    const all = await reader.all();
    const points = all.get("shop.orders")!.dataPoints.map(({ attributes, value }) => [attributes, value]);
    assertEquals(points, [[{ kind: "a" }, 1], [{ "otel.metric.overflow": true }, 2]]);
    const spreads = all.get("shop.wait")!.dataPoints.map(({ attributes }) => attributes);
    assertEquals(spreads, [{ kind: "a" }, { "otel.metric.overflow": true }]);
  });

  it("works with the api as it is, where nothing was set up", () => {
    const metrics = new Metrics();
    const end = bridgeOpenTelemetry(metrics, api);
    metrics.histogram("a", { help: "A." }).record(1);
    end();
    assert(true);
  });

  it("refuses what is neither", () => {
    assertThrows(() => bridgeOpenTelemetry({} as Metrics, api), OptionError, "takes Metrics first");
    assertThrows(() => bridgeOpenTelemetry(new Metrics(), {} as OpenTelemetryApi), OptionError, "@opentelemetry/api");
  });
});
