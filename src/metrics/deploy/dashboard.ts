/**
 * A dashboard for Grafana: a panel for each metric, in rows by what they are about.
 *
 * @module
 */
import type { MetricDefinition } from "../../metric_snapshot.ts";
import { GROUPS } from "../definitions.ts";
import { promName, underscored, unitOf } from "../spelling.ts";

/** Grafana's format, as of its version 9. */
const SCHEMA_VERSION = 38;

/** Panels are so wide and high; a row has 24 columns. */
const WIDTH = 8;
const HEIGHT = 7;
const COLUMNS = 24;

const DATASOURCE = { type: "prometheus", uid: "${datasource}" } as const;

/** What is shown: of one job, and some of its instances. */
const MATCHER = '{job=~"$job", instance=~"$instance"}';

/** The first row is what one looks at first, and open; the others are folded up. */
const TITLES: Readonly<Record<keyof typeof GROUPS, string>> = {
  HTTP: "HTTP",
  CONNECTIONS: "Connections",
  WEBSOCKETS: "WebSockets",
  DRAINS: "Drains",
  HUBS: "Hubs",
  CHANNELS: "Channels",
  CONFIGS: "Configuration",
  PROCESS: "Process",
  POOLS: "Pools",
  UPSTREAMS: "Upstreams",
  SUPERVISORS: "Supervisor",
  OWN: "Metrics",
};

/** Units, as Grafana calls them. */
const UNITS: Readonly<Record<string, string>> = { seconds: "s", bytes: "bytes" };

interface Target {
  readonly expr: string;
  readonly legend: string;
}

/** The dashboard, as JSON. */
export function dashboard(): string {
  const panels: object[] = [];
  let y = 0;
  for (const [group, definitions] of Object.entries(GROUPS)) {
    const title = TITLES[group as keyof typeof GROUPS];
    const children = Object.values(definitions).map((definition, i) => panelOf(definition, i, y + 1));
    const isOpen = group === "HTTP";
    panels.push({
      type: "row",
      title,
      collapsed: !isOpen,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: isOpen ? [] : children,
    });
    if (isOpen) panels.push(...children);
    y += 1 + (isOpen ? Math.ceil(children.length / (COLUMNS / WIDTH)) * HEIGHT : 0);
  }
  return `${JSON.stringify(whole(numbered(panels)), null, 2)}\n`;
}

/** With numbers that differ. */
function numbered(panels: readonly object[]): object[] {
  let id = 0;
  const renumber = (panel: object): object => {
    const own = ++id;
    const { panels: within } = panel as { readonly panels?: readonly object[] };
    return { ...panel, id: own, ...(within === undefined ? {} : { panels: within.map(renumber) }) };
  };
  return panels.map(renumber);
}

function whole(panels: readonly object[]): object {
  return {
    title: "Sluice",
    uid: "sluice",
    tags: ["sluice"],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: { list: [datasource(), variable("job", "sluice_metrics_overflowed_values_total", "job"), instances()] },
    annotations: { list: [drains()] },
    panels,
  };
}

function datasource(): object {
  return { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" };
}

function instances(): object {
  return variable("instance", 'sluice_metrics_overflowed_values_total{job=~"$job"}', "instance");
}

function variable(name: string, of: string, label: string): object {
  const query = `label_values(${of}, ${label})`;
  return {
    name,
    type: "query",
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: name },
    includeAll: true,
    multi: true,
    current: { text: "All", value: "$__all" },
    refresh: 2,
    sort: 1,
  };
}

/** Drains stand over all panels. */
function drains(): object {
  return {
    name: "Drains",
    datasource: DATASOURCE,
    enable: true,
    iconColor: "orange",
    expr: `sum by (instance, sluice_server) (sluice_drain_phase${MATCHER.replace("}", ', phase="drain"}')}) > 0`,
    titleFormat: "Drain of {{sluice_server}}",
    textFormat: "{{instance}}",
  };
}

function panelOf(definition: MetricDefinition, at: number, top: number): object {
  const perRow = COLUMNS / WIDTH;
  const unit = UNITS[unitOf(definition)] ?? "short";
  const isRate = definition.kind === "counter";
  return {
    type: "timeseries",
    title: definition.help.replace(/\.$/, ""),
    description: `\`${promName(definition)}\`${isRate ? ", per second" : ""}`,
    datasource: DATASOURCE,
    gridPos: { x: (at % perRow) * WIDTH, y: top + Math.floor(at / perRow) * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: {
      defaults: { unit: isRate && unit === "bytes" ? "Bps" : unit, min: 0, custom: { fillOpacity: 10 } },
      overrides: [],
    },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
    targets: targetsOf(definition).map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

/** What is asked of Prometheus for a panel. */
export function targetsOf(definition: MetricDefinition): readonly Target[] {
  const name = promName(definition);
  const labels = definition.labels.map(underscored);
  const legend = labels.map((label) => `{{${label}}}`).join(" ");
  if (definition.kind === "histogram") {
    // By its server alone: a line for each route and status would be a thicket.
    const by = labels.at(-1)!;
    return [0.5, 0.95, 0.99].map((quantile) => ({
      expr: `histogram_quantile(${quantile}, sum by (le, ${by}) (rate(${name}_bucket${MATCHER}[$__rate_interval])))`,
      legend: `p${quantile * 100} {{${by}}}`,
    }));
  }
  const by = labels.length === 0 ? "" : ` by (${labels.join(", ")})`;
  if (definition.kind === "counter") {
    return [{ expr: `sum${by} (rate(${name}${MATCHER}[$__rate_interval]))`, legend }];
  }
  const across = definition.across === "max" || definition.across === "min" ? definition.across : "sum";
  if (definition.across === "worker") return [{ expr: `${name}${MATCHER}`, legend: "{{instance}} {{sluice_worker}}" }];
  return [{ expr: `${across}${by} (${name}${MATCHER})`, legend }];
}
