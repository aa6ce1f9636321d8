/** OpenTelemetry's real SDK, set up as a program does it, with spans that stay in memory. */
import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

/** Ends with the test: what is set up is the process's. */
export class Spans implements Disposable {
  readonly #exporter: InMemorySpanExporter = new InMemorySpanExporter();

  constructor(sampler: Sampler = new ParentBasedSampler({ root: new AlwaysOnSampler() })) {
    const spanProcessors = [new SimpleSpanProcessor(this.#exporter)];
    api.trace.setGlobalTracerProvider(new BasicTracerProvider({ sampler, spanProcessors }));
    api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  }

  /** Those that have ended. */
  get all(): ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  /** Their names, in the order of their ends. */
  get names(): string[] {
    return this.all.map(({ name }) => name);
  }

  /** The only one of that name. */
  named(name: string): ReadableSpan {
    const found = this.all.filter((span) => span.name === name);
    if (found.length !== 1) throw new Error(`${found.length} spans are called ${name}: ${this.names.join(", ")}`);
    return found[0];
  }

  [Symbol.dispose](): void {
    api.trace.disable();
    api.context.disable();
    api.propagation.disable();
  }
}

/** Whose child it is: 16 hex digits, or undefined. */
export function parentOf({ parentSpanContext }: ReadableSpan): string | undefined {
  return parentSpanContext?.spanId;
}

/** Which span it is: 16 hex digits. */
export function idOf(span: ReadableSpan): string {
  return span.spanContext().spanId;
}

/** A span of the program's own, as its libraries make them. */
export async function inSpan<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  return await api.trace.getTracer("program").startActiveSpan(name, async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });
}
