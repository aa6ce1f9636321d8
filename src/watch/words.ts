/**
 * Warnings in words.
 *
 * @module
 */
import type { ResourceKind } from "./watch_api.ts";

/** One sentence. @param value Descriptors, bytes or ms. @param count Handlers or connections over the mark. */
export function describe(kind: ResourceKind, value: number, limit: number, count: number): string {
  const percent = `${Math.round(value / limit * 100)} %`;
  switch (kind) {
    case "descriptors":
      return `${value} of ${limit} descriptors are in use, ${percent}`;
    case "heap":
      return `The heap has ${mebibytes(value)} of ${mebibytes(limit)} MiB in use, ${percent}`;
    case "rss":
      return `The process occupies ${mebibytes(value)} of ${mebibytes(limit)} MiB, ${percent}`;
    case "lag":
      return `The event loop was blocked, a timer came ${Math.round(value)} ms late`;
    case "latency":
      return `Requests took ${Math.round(value)} ms on the average, the limit is ${limit}`;
    case "saturation":
      return `${value} of ${limit} handlers are at work, ${percent}`;
    case "handlers":
      return `${count} ${count === 1 ? "handler has" : "handlers have"} not come to an end for ${seconds(value)} s`;
    case "connections":
      return `${count} ${count === 1 ? "connection has" : "connections have"} made no progress for ${seconds(value)} s`;
  }
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
