/**
 * Channels: ordered messages with history, and clients that come back to where they left off, on any instance.
 *
 * @example
 * ```ts
 * import { Channels } from "@sluice/sluice/channels";
 * import { serveHttp } from "@sluice/sluice/http";
 *
 * const channels = new Channels();
 * const server = await serveHttp({ port: 0, hostname: "127.0.0.1" }, (request) => channels.accept(request));
 * const { offset } = await channels.publish("room:1", { text: "hello" });
 * console.log(offset); // 1
 * await server.shutdown();
 * await channels.close();
 * ```
 *
 * @module
 */
export { Channels } from "./channels.ts";
export { ChannelError } from "./channels_errors.ts";
export type { ChannelsObserver, ObservedMessage, ObservedPublish } from "./channels_observer.ts";
export { type FileLog, fileLog } from "./log/file/file_log.ts";
export type { FileLogOptions } from "./log/file/file_options.ts";
export type { FileAccess, FolderLock, OpenFile } from "../files.ts";
export { memoryLog, type MemoryLogOptions } from "./log/memory_log.ts";
export { type ChannelLogCode, ChannelLogError } from "./log/log_errors.ts";
export { type ChannelCode, CHANNELS_PROTOCOL, CLOSE_CODES } from "./wire/frames.ts";
export type {
  Appended,
  AppendOptions,
  ChannelLog,
  Entry,
  EntryKind,
  Lease,
  NewEntry,
  Notice,
  Page,
  ReadLimit,
  Retention,
  Taken,
  TrimReason,
} from "./log/log_api.ts";
export type {
  AcceptOptions,
  AuthenticateRequest,
  AuthorizeRequest,
  ChannelData,
  ChannelGap,
  ChannelHeaders,
  ChannelLimits,
  ChannelMessage,
  ChannelReader,
  ChannelSession,
  ChannelsOptions,
  ChannelsStats,
  ClientCall,
  ClientMessage,
  GapReason,
  HistoryOptions,
  Identity,
  InstanceState,
  Member,
  MessageContext,
  PresenceChange,
  Published,
  PublishOptions,
  QueueOptions,
  ReadOptions,
  Recipient,
  SendToOptions,
  SessionOptions,
} from "./channels_api.ts";
