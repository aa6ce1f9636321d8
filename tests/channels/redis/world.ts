/** Logs of users' clients, for tests of what may go wrong. */
import type { Appended, ChannelLog } from "../../../src/channels/log/log_api.ts";
import { ChannelLogError, redisLog, type RedisLogOptions } from "../../../src/channels/redis/mod.ts";
import { until } from "../../support/redis.ts";
import { keeping, message } from "../log_rules/tools.ts";
import type { Reached, UserClient } from "./clients.ts";

/** Logs that end with the block. */
export class Logs<P = Reached> implements AsyncDisposable {
  readonly #make: (place: P) => Promise<UserClient>;
  readonly #logs: ChannelLog[] = [];
  readonly #clients: UserClient[] = [];

  constructor(make: (place: P) => Promise<UserClient>) {
    this.#make = make;
  }

  /** A log of another process. */
  async open(place: P, options: RedisLogOptions = {}): Promise<ChannelLog> {
    const user = await this.#make(place);
    this.#clients.push(user);
    const log = redisLog(user.client, options);
    this.#logs.push(log);
    return log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const log of this.#logs) await log.close();
    for (const client of this.#clients) client.end();
  }
}

/** Appends with an id, again and again until somebody has it. */
export async function insist(log: ChannelLog, stream: string, text: string): Promise<Appended> {
  let appended: Appended | undefined;
  await until(async () => {
    appended = await log.append(stream, message(text), keeping({}, text)).catch(knownError);
    return appended !== undefined;
  }, `that ${text} is appended`);
  return appended!;
}

/** Undefined for the log's own error; others are thrown on. */
export function knownError(error: unknown): undefined {
  if (!(error instanceof ChannelLogError)) throw error;
  return undefined;
}

/** The log's error that a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<ChannelLogError> {
  const error = await promise.then(() => null, (error: unknown) => error);
  if (!(error instanceof ChannelLogError)) throw new Error(`no ChannelLogError: ${error}`);
  return error;
}
