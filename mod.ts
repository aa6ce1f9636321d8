/**
 * Sluice: socket servers that behave the same on Node, Deno and Bun, and stop without losing anything.
 *
 * @example A line server that drains on SIGTERM
 * ```ts
 * import { lines, run, serve } from "@sluice/sluice";
 *
 * const server = serve({ port: 9000 }, async (conn) => {
 *   for await (const line of lines(conn)) await conn.write(`echo: ${line}\n`);
 * });
 * await run(server, { grace: 10_000 });
 * ```
 *
 * @module
 */
export type {
  Address,
  ConnTls,
  TcpAddress,
  TlsCertificate,
  TlsConnectOptions,
  TlsIdentity,
  TlsListenOptions,
  TlsVersion,
  UnixAddress,
} from "./src/endpoint.ts";
export type { ProxyHeader, ProxyProtocolOptions, ProxySendOptions, ProxySsl, ProxyTlv } from "./src/proxied.ts";
export type {
  Adapter,
  DeflateOptions,
  Deflater,
  Inflater,
  Isolated,
  Platform,
  ResourceUse,
  ResponseBody,
  TlsParts,
} from "./src/platform.ts";
export type {
  BoundSocket,
  Parent,
  ParentServer,
  SocketHolder,
  SocketLane,
  SocketWish,
  ToWorker,
} from "./src/parent.ts";
export type {
  EndedHandshake,
  HeldSocket,
  ListenerEvents,
  RawSocket,
  SocketAdapter,
  SocketConnectOptions,
  SocketEvents,
  SocketListener,
  SocketListenOptions,
} from "./src/socket.ts";
export type { Bytes } from "./src/bytes.ts";
export { type Clock, systemClock } from "./src/clock.ts";
export { defaultAdapter } from "./src/runtime.ts";
export {
  ConnClosedError,
  ConnectError,
  ConnResetError,
  DeadlineError,
  DrainedError,
  DrainTimeoutError,
  FrameError,
  InUseError,
  ListenError,
  OptionError,
  ServerClosedError,
  SluiceError,
  UnsupportedError,
} from "./src/errors.ts";
export { checkNames, didYouMean, gotNumber, type Names } from "./src/names.ts";
export {
  afterFunc,
  background,
  type CancelCauseFunc,
  Canceled,
  type CancelFunc,
  type Context,
  ContextKey,
  type ContextParent,
  type ContextValue,
  DeadlineExceeded,
  withCancel,
  withCancelCause,
  withDeadline,
  withoutCancel,
  withTimeout,
  withValue,
} from "./src/context/mod.ts";
export {
  jsonLogger,
  type JsonLoggerOptions,
  LOG_LEVELS,
  type Logger,
  type LogLevel,
  prettyLogger,
  type PrettyLoggerOptions,
  safeLogger,
  silentLogger,
} from "./src/log.ts";
export type { Conn, ConnState, Consumer } from "./src/server/conn/conn.ts";
export type { HandlerContext } from "./src/server/conn/handler_context.ts";
export type {
  AdmissionOptions,
  AdmissionPolicy,
  ConfigureOptions,
  ConnOptions,
  DrainOptions,
  ListenOptions,
  ServeOptions,
} from "./src/server/serve_options.ts";
export type {
  CertForResult,
  NamedTlsPair,
  TlsCertificates,
  TlsOptions,
  TlsPair,
} from "./src/server/tls/tls_options.ts";
export type { AdmissionReason } from "./src/server/accept/admission.ts";
export type { HookFunction } from "./src/server/drain/hooks.ts";
export type {
  BusyConn,
  ConnOutcome,
  CutConn,
  Delivery,
  DrainedConn,
  DrainPhase,
  DrainReport,
  Holder,
  HookResult,
  TruncatedConn,
} from "./src/server/drain/report.ts";
export type {
  Handler,
  HookOptions,
  Server,
  ServerStats,
  ShutdownBudget,
  ShutdownOptions,
} from "./src/server/server_api.ts";
export type { EndedConn, MetricSource, ServerObserver } from "./src/server/server_observer.ts";
export { listen, Listener } from "./src/server/accept/listener.ts";
export { createServer, serve } from "./src/server/serve.ts";
export { connect, type ConnectOptions, Dialer } from "./src/server/connect.ts";
export { run } from "./src/server/run/run.ts";
export type { RunHook, Runnable, Runnables, RunOptions, RunReport } from "./src/server/run/run_options.ts";
export { Once, Semaphore, SingleFlight, WaitGroup } from "./src/sync.ts";
export {
  type ByteLineOptions,
  type Codec,
  type Decoder,
  delimiterCodec,
  delimiterDecoder,
  delimiterEncoder,
  type DelimiterOptions,
  type Encoder,
  fixedCodec,
  fixedDecoder,
  fixedEncoder,
  type FrameConn,
  Framed,
  framed,
  type FramedConn,
  type FrameErrorCode,
  frames,
  FrameStream,
  type FrameStreamOptions,
  type Heartbeat,
  heartbeat,
  type HeartbeatOptions,
  type HeartbeatTarget,
  lengthPrefixCodec,
  lengthPrefixDecoder,
  lengthPrefixEncoder,
  type LengthPrefixOptions,
  lineCodec,
  lineDecoder,
  lineEncoder,
  type LineEncoderOptions,
  type LineOptions,
  lines,
  type SealedFrames,
  textDecoder,
  type TextOptions,
  type Unterminated,
  Utf8Decoder,
} from "./src/framing/mod.ts";
