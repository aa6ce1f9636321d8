/**
 * What a server of `sluice verify --kind channel --also direct,messages,calls` does: the part that its manual asks for.
 *
 * @module
 */
import type { AcceptOptions, ChannelLog, Channels, ClientCall, Recipient } from "../../../src/channels/mod.ts";
import type { MessageContext } from "../../../src/channels/mod.ts";

/** What is read of dead letters. */
const ALL = { count: 10_000, bytes: 2 ** 24 };

/** What a message asks to be published. */
interface Wished {
  readonly publish: readonly (readonly [channel: string, data: unknown])[];
}

/** A direct message that a call asks for; `ack`: it waits so long for its acknowledgement, in ms. */
interface Sent {
  readonly to: Recipient;
  readonly data: unknown;
  readonly id: string;
  readonly ack: number;
}

type Method = (call: ClientCall, ctx: MessageContext) => unknown;

/** Lets everybody in as whom they say, and do everything. */
export function partOf(channels: Channels, log: ChannelLog): AcceptOptions {
  const methods: Readonly<Record<string, Method>> = {
    who: ({ session }) => ({ user: session.user, session: session.id }),
    echo: async ({ data }) => {
      await pause((data as { readonly wait: number }).wait);
      return data;
    },
    send: ({ data }) => send(channels, data as Sent),
    dead: async ({ data }) => {
      const { entries } = await log.read(`$dead:user:${(data as { readonly user: string }).user}`, 0, ALL);
      return entries.map(({ data }) => JSON.parse(data as string));
    },
  };
  return {
    authenticate: ({ token }) => ({ user: token ?? "nobody" }),
    authorize: () => true,
    onMessage: async ({ data }, ctx) => {
      for (const [channel, message] of (data as Wished).publish) await ctx.publish(channel, message);
    },
    onCall: (call, ctx) => methods[call.method](call, ctx),
  };
}

async function send(channels: Channels, { to, data, id, ack }: Sent): Promise<{ readonly acknowledged: boolean }> {
  const signal = ack === 0 ? undefined : AbortSignal.timeout(ack);
  try {
    await channels.sendTo(to, data, { id, ack: ack > 0, signal });
    return { acknowledged: ack > 0 };
  } catch (error) {
    // It is in the log: nobody has acknowledged it by now.
    if (signal?.aborted === true && error === signal.reason) return { acknowledged: false };
    throw error;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
