/**
 * A server of channels whose log has a flaw, on the port in PORT: `flawed_server.ts loses`, `duplicates`, `reorders`,
 * `hides` a hole, or `forgets` members.
 *
 * @module
 */
import process from "node:process";
import { run, silentLogger } from "../../../mod.ts";
import { type ChannelLog, Channels, memoryLog } from "../../../src/channels/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";

const [flaw] = process.argv.slice(2);
/** One of so many messages meets it. */
const EACH = 40;

/** Clients get to work before members are forgotten. */
const FIRST = 3;

let count = 0;
let asked = 0;
const isDue = (stream: string): boolean =>
  stream.startsWith("verify:") && !stream.includes("members") && ++count % EACH === 0;

function flawed(log: ChannelLog): ChannelLog {
  const append: ChannelLog["append"] = async (stream, entry, options) => {
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
    return flaw === "forgets" && group.startsWith("members:") && ++asked > FIRST ? all.slice(1) : all;
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
    remove: (stream, offset) => log.remove(stream, offset),
    streams: (prefix, limit) => log.streams(prefix, limit),
    take: (...args) => log.take(...args),
    renew: (...args) => log.renew(...args),
    release: (group, name, generation) => log.release(group, name, generation),
    close: () => log.close(),
  };
  return all;
}

const channels = new Channels({ log: flawed(memoryLog()), session: { expiry: 1000 } });
const server = await serveHttp({ hostname: "127.0.0.1", port: Number(process.env.PORT) }, (request) => {
  return channels.accept(request, { authorize: () => true });
});
server.onShutdown("channels", () => channels.close());
await run(server, { grace: 3000, logger: silentLogger });
