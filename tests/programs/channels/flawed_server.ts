/**
 * A server of channels with a flaw, on the port in PORT. That of its log: `flawed_server.ts loses`, `duplicates`,
 * `reorders`, `hides` a hole, `forgets` members; of direct messages it `drops` some, `redelivers` what is acknowledged,
 * `recounts` deliveries from 1 on, has no `graves` for dead letters. That of its handlers: it `swaps` answers, `mutes` some
 * callers, `settles` direct messages by itself, publishes `twice` or `backwards` what a message asks for.
 *
 * @module
 */
import process from "node:process";
import { run, silentLogger } from "../../../mod.ts";
import {
  type AcceptOptions,
  type ChannelLog,
  Channels,
  type ClientCall,
  memoryLog,
} from "../../../src/channels/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { partOf } from "./part.ts";

const [flaw] = process.argv.slice(2);
/** One of so many messages meets it. */
const EACH = 40;

/** Where so many were seen, some are forgotten so long in ms behind it: clients get to work before that. */
const MEMBERS = 3;
const FORGETS_AFTER = 300;

let count = 0;
const whole = new Set<string>();
const isDue = (stream: string): boolean =>
  stream.startsWith("verify:") && !stream.includes("members") && ++count % EACH === 0;

function flawed(log: ChannelLog): ChannelLog {
  const append: ChannelLog["append"] = async (stream, entry, options) => {
    const isLetter = stream.startsWith("$user:") || stream.startsWith("$session:");
    if ((flaw === "drops" && isLetter && ++count % EACH === 0) || (flaw === "graves" && stream.startsWith("$dead:"))) {
      const [{ epoch, top }] = await log.tops([stream]);
      return { epoch, offset: top + 1, duplicate: false };
    }
    if (flaw === "hides" || !isDue(stream)) return await log.append(stream, entry, options);
    if (flaw === "loses") {
      const [{ epoch, top }] = await log.tops([stream]);
      return { epoch, offset: top + 1, duplicate: false };
    }
    if (flaw === "duplicates") await log.append(stream, entry, { ...options, id: undefined });
    if (flaw === "reorders") await new Promise((resolve) => setTimeout(resolve, 100));
    return await log.append(stream, entry, options);
  };
  const read: ChannelLog["read"] = async (stream, after, limit) => {
    const page = await log.read(stream, after, limit);
    const skips = flaw === "hides" && page.entries.length > 0 && isDue(stream);
    return skips ? { ...page, entries: page.entries.slice(1) } : page;
  };
  const leases: ChannelLog["leases"] = async (group) => {
    const all = await log.leases(group);
    if (flaw !== "forgets" || !group.startsWith("members:")) return all;
    if (whole.has(group)) return all.slice(1);
    if (all.length === MEMBERS) setTimeout(() => whole.add(group), FORGETS_AFTER);
    return all;
  };
  const all: ChannelLog = {
    name: "memory",
    shared: log.shared,
    append,
    read,
    leases,
    tops: (streams) => log.tops(streams),
    follow: (stream, heard) => {
      if (flaw !== "hides") return log.follow(stream, heard);
      return log.follow(stream, (notice) => heard({ ...notice, entry: null }));
    },
    remove: (stream, offset) => flaw === "redelivers" ? Promise.resolve(true) : log.remove(stream, offset),
    streams: (prefix, limit) => log.streams(prefix, limit),
    take: async (...args) => {
      const taken = await log.take(...args);
      return flaw === "recounts" && args[0].startsWith("tries:") ? { ...taken, generation: 1 } : taken;
    },
    renew: (...args) => log.renew(...args),
    release: (group, name, generation) => log.release(group, name, generation),
    close: () => log.close(),
  };
  return all;
}

/** What the handlers do wrong. */
function flawedPart(part: AcceptOptions): AcceptOptions {
  const { onCall, onMessage } = part;
  let last: unknown = null;
  const isSend = ({ method }: ClientCall): boolean => method === "send";
  return {
    ...part,
    onCall: async (call, ctx) => {
      const question = call.data as { readonly ack: number };
      if (flaw === "settles" && isSend(call) && question.ack > 0) {
        await onCall!({ ...call, data: { ...question, ack: 0 } }, ctx);
        return { acknowledged: true };
      }
      if (flaw === "mutes" && call.method === "echo" && ++count % EACH === 0) return await new Promise(() => {});
      const answer = await onCall!(call, ctx);
      if (flaw !== "swaps" || call.method !== "echo") return answer;
      const other = last;
      last = answer;
      return ++count % EACH === 0 && other !== null ? other : answer;
    },
    onMessage: async (message, ctx) => {
      const { publish } = message.data as { readonly publish: readonly unknown[] };
      const isMet = (flaw === "twice" || flaw === "backwards") && ++count % (EACH / 4) === 0;
      if (!isMet) return await onMessage!(message, ctx);
      const wrong = flaw === "twice" ? [...publish, ...publish] : [...publish].reverse();
      await onMessage!({ ...message, data: { publish: wrong } }, ctx);
    },
  };
}

const log = flawed(memoryLog());
const channels = new Channels({ log, session: { expiry: 1000 }, queue: { attempts: 8 } });
const part = flawedPart(partOf(channels, log));
const server = await serveHttp({ hostname: "127.0.0.1", port: Number(process.env.PORT) }, (request) => {
  return channels.accept(request, part);
});
server.onShutdown("channels", () => channels.close());
await run(server, { grace: 3000, logger: silentLogger });
