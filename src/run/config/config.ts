/**
 * A configuration file: read, checked, watched, and applied whole or not at all.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import process from "node:process";
import { type Clock, idleTimer, systemClock, wallOf } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { jsonLogger, type Logger, safeLogger } from "../../log.ts";
import { checkNames, type Names } from "../../names.ts";
import { checkParts, duration, text, yesOrNo } from "../../validate.ts";
import { changedPaths } from "./changes.ts";
import { type Checked, checkText } from "./check.ts";
import type { Config, ConfigHook, ConfigOptions, ConfigStatus } from "./config_api.ts";
import { ConfigError } from "./config_error.ts";
import { type ConfigFiles, type FileWatch, systemFiles } from "./files.ts";
import type { StandardSchema } from "./standard_schema.ts";

const NAMES: Names<ConfigOptions<unknown>> = {
  schema: true,
  watch: true,
  env: true,
  debounce: true,
  poll: true,
  logger: true,
  clock: true,
};

/** Checked options. */
interface Settings<T> {
  readonly file: string;
  readonly schema: StandardSchema<T>;
  readonly variable: (name: string) => string | undefined;
  readonly debounce: number;
  readonly poll: number;
  readonly logger: Required<Logger>;
  readonly clock: Clock;
  readonly files: ConfigFiles;
}

/** Who goes on changing a file is not waited for longer than so many silences. */
const MAX_SILENCES = 10;

/**
 * Reads a configuration: JSON with comments, in which `${NAME}` and `${NAME:-default}` stand for variables of the
 * environment and `{ "$file": "…" }` for what a file has. Names that the schema does not know are refused.
 *
 * With `watch: true` the file may change, in place, by another that takes its name, or by a link to another (as
 * Kubernetes does it). A change is read and checked whole before anybody hears of it; what is empty, half-written or
 * wrong changes nothing, and is told in the log and in `status`.
 *
 * @param file Its path. Paths of secrets in it are seen from its folder.
 * @throws {OptionError} An option can't be used.
 * @throws {ConfigError} (the promise) It can't be read, or is wrong; the error has all that is wrong with it.
 * @example
 * ```ts
 * import * as v from "valibot";
 *
 * const schema = v.object({ port: v.number(), limits: v.object({ maxConnections: v.number() }) });
 * const config = await loadConfig("app.json", { schema, watch: true });
 * const server = await serve({ port: config.value.port, ...config.value.limits }, handler);
 * config.onChange(({ limits }) => server.configure(limits));
 * ```
 */
export function loadConfig<T>(file: string, options: ConfigOptions<T>): Promise<Config<T>> {
  return openConfig(settingsOf(file, options, systemFiles), options.watch === true);
}

/** The same with other files, for tests. */
export function loadConfigFrom<T>(files: ConfigFiles, file: string, options: ConfigOptions<T>): Promise<Config<T>> {
  return openConfig(settingsOf(file, options, files), options.watch === true);
}

async function openConfig<T>(settings: Settings<T>, isWatched: boolean): Promise<Config<T>> {
  const first = await readConfig(settings);
  if (first.error !== null) throw first.error;
  return new ConfigFile(settings, first, isWatched);
}

function settingsOf<T>(file: string, options: ConfigOptions<T>, files: ConfigFiles): Settings<T> {
  if (typeof file !== "string" || file === "") {
    throw new OptionError("file", `file must be the path of a configuration, got ${JSON.stringify(file)}`);
  }
  checkNames("loadConfig()", options, NAMES);
  checkParts(options);
  yesOrNo("watch", options.watch, false);
  const { schema, env, clock = systemClock } = options;
  if (typeof schema?.["~standard"]?.validate !== "function") {
    const got = schema === null ? "null" : typeof schema;
    throw new OptionError("schema", `schema must be one of Standard Schema, such as v.object({ … }), got ${got}`);
  }
  if (env !== undefined && (typeof env !== "object" || env === null)) {
    throw new OptionError("env", `env must be an object such as process.env, got ${String(env)}`);
  }
  return {
    file: resolve(text("file", file, "")),
    schema,
    variable: (name) => env === undefined ? process.env[name] : Object.hasOwn(env, name) ? env[name] : undefined,
    debounce: duration("debounce", options.debounce, 100),
    poll: duration("poll", options.poll, 5000),
    logger: safeLogger(options.logger ?? jsonLogger()),
    clock,
    files,
  };
}

/** What one look at the files has found. */
interface Found<T> {
  /** The same for the same contents. */
  readonly key: string;
  /** The file, and those of secrets. */
  readonly files: readonly string[];
  readonly checked: Checked<T> | null;
  readonly error: ConfigError | null;
}

/** It never rejects. */
async function readConfig<T>({ file, schema, variable, files }: Settings<T>): Promise<Found<T>> {
  const read: string[] = [file];
  const contents: unknown[] = [];
  const secret = async (path: string): Promise<string> => {
    const whole = resolve(dirname(file), path);
    read.push(whole);
    const content = await files.read(whole);
    contents.push(content);
    return content;
  };
  let error: ConfigError;
  try {
    const content = await files.read(file);
    contents.push(content);
    const checked = await checkText(file, content, schema, { variable, secret });
    return { key: JSON.stringify(contents), files: read, checked, error: null };
  } catch (reason) {
    error = reason instanceof ConfigError ? reason : unreadable(file, reason as Error);
  }
  return { key: JSON.stringify([...contents, error.message]), files: read, checked: null, error };
}

function unreadable(file: string, cause: Error): ConfigError {
  const issue = { path: "", expected: `can't be read: ${cause.message}`, value: null, line: null, column: null };
  return new ConfigError(file, [issue], { cause });
}

class ConfigFile<T> implements Config<T> {
  readonly #settings: Settings<T>;
  readonly #hooks: { readonly hook: ConfigHook<T> }[] = [];
  #value: T;
  #input: unknown;
  #status: ConfigStatus;
  /** Of what was looked at last, whether it is in use or not. */
  #key: string;
  #watch: FileWatch | null = null;
  #watchFailure: string | null = null;
  #stopPoll: () => void = () => {};
  #stopTimer: (() => void) | null = null;
  #heardFirst = 0;
  #isClosed = false;
  /** One look after the other. */
  #looks: Promise<void> = Promise.resolve();

  constructor(settings: Settings<T>, { checked, key, files }: Found<T>, isWatched: boolean) {
    this.#settings = settings;
    this.#value = frozen(checked!.value);
    this.#input = checked!.input;
    this.#key = key;
    const { file } = settings;
    this.#status = { file, loadedAt: this.#time(), applied: 0, refused: 0, error: null, failedAt: null };
    if (isWatched) this.#startWatch(files);
  }

  get value(): T {
    return this.#value;
  }

  get status(): ConfigStatus {
    return this.#status;
  }

  onChange(hook: ConfigHook<T>): () => void {
    if (typeof hook !== "function") {
      throw new OptionError("hook", `hook must be a function, got ${String(hook)}`);
    }
    const entry = { hook };
    this.#hooks.push(entry);
    return () => {
      const at = this.#hooks.indexOf(entry);
      if (at >= 0) this.#hooks.splice(at, 1);
    };
  }

  async reload(): Promise<T> {
    await this.#look(true);
    if (this.#status.error !== null) throw this.#status.error;
    return this.#value;
  }

  close(): void {
    this.#isClosed = true;
    this.#watch?.close();
    this.#stopPoll();
    this.#stopTimer?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #startWatch(files: readonly string[]): void {
    this.#watch = this.#settings.files.watch(() => this.#heard());
    void this.#follow(this.#watch, files);
    this.#nextPoll();
  }

  /** Reads when it has been silent for a while. */
  #heard(): void {
    if (this.#isClosed) return;
    const { clock, debounce } = this.#settings;
    if (this.#stopTimer === null) this.#heardFirst = clock.now();
    this.#stopTimer?.();
    const left = this.#heardFirst + debounce * MAX_SILENCES - clock.now();
    this.#stopTimer = idleTimer(clock, () => {
      this.#stopTimer = null;
      void this.#look(false);
    }, Math.max(0, Math.min(debounce, left)));
  }

  #nextPoll(): void {
    const { clock, poll } = this.#settings;
    if (poll === 0 || this.#isClosed) return;
    this.#stopPoll = idleTimer(clock, () => void this.#look(false).then(() => this.#nextPoll()), poll);
  }

  #look(isAsked: boolean): Promise<void> {
    this.#looks = this.#looks.then(() => this.#lookNow(isAsked));
    return this.#looks;
  }

  /** It never rejects. */
  async #lookNow(isAsked: boolean): Promise<void> {
    if (this.#isClosed && !isAsked) return;
    const found = await readConfig(this.#settings);
    if (this.#isClosed && !isAsked) return;
    const isNew = found.key !== this.#key;
    this.#key = found.key;
    if (isNew || isAsked) await this.#take(found);
    if (!this.#isClosed && this.#watch !== null) await this.#follow(this.#watch, found.files);
  }

  /** It never rejects. */
  async #follow(watch: FileWatch, files: readonly string[]): Promise<void> {
    // A folder that is watched only from now on may have changed before.
    if (await watch.follow(files)) this.#heard();
    this.#tellWatch(watch.failed?.message ?? null);
  }

  async #take({ checked, error }: Found<T>): Promise<void> {
    if (checked === null) return this.#refuse(error!);
    const changed = changedPaths(this.#input, checked.input);
    const next = frozen(checked.value);
    if (changed.length > 0) {
      const refusal = await this.#apply(next, changed);
      if (refusal !== null) return this.#refuse(refusal);
      this.#value = next;
      this.#input = checked.input;
    }
    const applied = this.#status.applied + (changed.length > 0 ? 1 : 0);
    const wasRefused = this.#status.error !== null;
    this.#status = { ...this.#status, loadedAt: this.#time(), applied, error: null, failedAt: null };
    const { logger, file } = this.#settings;
    if (changed.length > 0) logger.info("configuration applied", { file, changed });
    else if (wasRefused) logger.info("configuration is as it was", { file });
  }

  #refuse(error: ConfigError): void {
    const { logger, file } = this.#settings;
    this.#status = { ...this.#status, refused: this.#status.refused + 1, error, failedAt: this.#time() };
    logger.error("configuration refused, the previous one stays in use", { file, error });
  }

  /** All hooks, or none; null, or why it is none. */
  async #apply(next: T, changed: readonly string[]): Promise<ConfigError | null> {
    const previous = this.#value;
    const done: ConfigHook<T>[] = [];
    for (const { hook } of [...this.#hooks]) {
      try {
        done.unshift(hook);
        await hook(next, previous, changed);
      } catch (reason) {
        await this.#goBack(done.slice(1), next, changed);
        return refusedBy(this.#settings.file, reason as Error);
      }
    }
    return null;
  }

  async #goBack(hooks: readonly ConfigHook<T>[], next: T, changed: readonly string[]): Promise<void> {
    for (const hook of hooks) {
      try {
        await hook(this.#value, next, changed);
      } catch (error) {
        this.#settings.logger.error("a hook could not go back to the previous configuration", { error });
      }
    }
  }

  /** Once for each reason. */
  #tellWatch(reason: string | null): void {
    if (reason !== null && reason !== this.#watchFailure) {
      const { logger, file, poll } = this.#settings;
      logger.warn("configuration can't be watched, it is looked at now and then", { file, poll, reason });
    }
    this.#watchFailure = reason;
  }

  #time(): Date {
    return new Date(wallOf(this.#settings.clock));
  }
}

function refusedBy(file: string, cause: Error): ConfigError {
  const expected = `was refused by a hook: ${cause?.message ?? String(cause)}`;
  return new ConfigError(file, [{ path: "", expected, value: null, line: null, column: null }], { cause });
}

/** Plain objects and lists, whole; what else a schema makes is its own business. */
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value;
  for (const item of Object.values(value)) frozen(item);
  return Object.freeze(value);
}
