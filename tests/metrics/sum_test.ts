/** What several workers are together. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { type FamilySnapshot, type MetricDefinition, MetricSum } from "../../src/metric_snapshot.ts";

const counter: MetricDefinition = { name: "a", kind: "counter", unit: "", help: "A.", labels: ["x"] };
const most: MetricDefinition = { name: "b", kind: "gauge", unit: "", help: "B.", labels: [], across: "max" };
const least: MetricDefinition = { name: "c", kind: "gauge", unit: "", help: "C.", labels: [], across: "min" };
const each: MetricDefinition = { name: "d", kind: "gauge", unit: "", help: "D.", labels: [], across: "worker" };
const spread: MetricDefinition = { name: "e", kind: "histogram", unit: "s", help: "E.", labels: [], buckets: [1] };

function told(a: number, b: number): FamilySnapshot[] {
  const one = (definition: MetricDefinition, value: number): FamilySnapshot => ({
    definition,
    series: [{ labels: [], value }],
  });
  return [
    { definition: counter, series: [{ labels: ["1"], value: a }, { labels: null, value: 1 }] },
    one(most, b),
    one(least, b),
    one(each, b),
    { definition: spread, series: [{ labels: [], value: { counts: [a, b], sum: a + b } }] },
  ];
}

function seriesOf(sum: MetricSum, name: string) {
  return sum.families.find(({ definition }) => definition.name === name)?.series;
}

describe("MetricSum", () => {
  it("adds up what can be added, takes the highest or lowest, and tells the rest for each worker", () => {
    const sum = new MetricSum();
    sum.add(told(1, 10), "1");
    sum.add(told(2, 20), "2");
    assertEquals(seriesOf(sum, "a"), [{ labels: ["1"], value: 3 }, { labels: null, value: 2 }]);
    assertEquals(seriesOf(sum, "b"), [{ labels: [], value: 20 }]);
    assertEquals(seriesOf(sum, "c"), [{ labels: [], value: 10 }]);
    assertEquals(seriesOf(sum, "d"), [{ labels: ["1"], value: 10 }, { labels: ["2"], value: 20 }]);
    assertEquals(seriesOf(sum, "e"), [{ labels: [], value: { counts: [3, 30], sum: 33 } }]);
    const [family] = sum.families.filter(({ definition }) => definition.name === "d");
    assertEquals(family.definition.labels, ["sluice.worker"]);
  });

  it("keeps of who is gone what it has counted, and not what it was", () => {
    const gone = new MetricSum();
    gone.retire(told(5, 50));
    const sum = new MetricSum();
    sum.add(told(1, 10), "1");
    sum.add(gone.families, "");
    assertEquals(seriesOf(sum, "a")![0], { labels: ["1"], value: 6 });
    assertEquals(seriesOf(sum, "b"), [{ labels: [], value: 10 }]);
    assertEquals(seriesOf(sum, "e"), [{ labels: [], value: { counts: [6, 60], sum: 66 } }]);
    assertEquals(gone.families.length, 2);
  });

  it("names each worker once where a sum is added to another", () => {
    const workers = new MetricSum();
    workers.add(told(1, 10), "1");
    workers.add(told(1, 20), "2");
    const all = new MetricSum();
    all.add(workers.families, "");
    all.add(told(1, 30), "supervisor");
    const family = all.families.find(({ definition }) => definition.name === "d")!;
    assertEquals(family.definition.labels, ["sluice.worker"]);
    assertEquals(family.series.map(({ labels }) => labels), [["1"], ["2"], ["supervisor"]]);
    assertEquals(family.series.map(({ value }) => value), [10, 20, 30]);
  });

  it("has no more series than one process", () => {
    const sum = new MetricSum();
    for (let worker = 0; worker < 3; worker++) {
      const series = Array.from({ length: 1000 }, (_, i) => ({ labels: [`${worker}-${i}`], value: 1 }));
      sum.add([{ definition: counter, series }], String(worker));
    }
    const all = seriesOf(sum, "a")!;
    assertEquals([all.length, all.at(-1)], [2001, { labels: null, value: 1000 }]);
  });

  it("leaves out what JSON could not say", () => {
    const sum = new MetricSum();
    const said = JSON.parse(JSON.stringify([{ definition: most, series: [{ labels: [], value: Infinity }] }]));
    sum.add(said, "1");
    assertEquals(seriesOf(sum, "b"), []);
  });
});
