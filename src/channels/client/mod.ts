/**
 * The client of channels, for browsers, Deno, Bun and Node, without dependencies.
 *
 * @example
 * ```ts
 * import { ChannelClient } from "@sluice/sluice/channels/client";
 *
 * const client = new ChannelClient("wss://example.net/channels");
 * for await (const { data } of client.subscribe("room:1")) console.log(data);
 * ```
 *
 * @module
 */
export { ChannelError } from "../channels_errors.ts";
export type { ChannelCode } from "../wire/frames.ts";
export { ChannelClient } from "./client.ts";
export { memoryOutbox } from "./outbox.ts";
export type {
  CallOptions,
  ChannelClientOptions,
  ChannelMember,
  ChannelUrl,
  ClientEnd,
  ClientEvents,
  ClientPosition,
  ClientPublished,
  ClientPublishOptions,
  ClientState,
  ClientToken,
  DirectMessage,
  MemberChange,
  MessageHeaders,
  Outbox,
  OutboxLimits,
  ReceivedGap,
  ReceivedMessage,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
} from "./client_api.ts";
