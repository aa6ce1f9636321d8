/**
 * The PROXY protocol, loaded where it is asked for.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { ProxyProtocolOptions, ProxySendOptions } from "../../proxied.ts";
import type {
  RawSocket,
  SocketAdapter,
  SocketConnectOptions,
  SocketListener,
  SocketListenOptions,
} from "../../socket.ts";
import { ProxiedListener } from "./proxied_listener.ts";
import { proxySettings } from "./settings.ts";
import { headerWriter } from "./writer.ts";

/**
 * What makes of each open listener one whose clients come through proxies.
 *
 * @throws {OptionError} An option can't be used.
 */
export function proxiedBy(
  options: ProxyProtocolOptions,
  { secureLater }: SocketListenOptions,
  clock: Clock,
): (listener: SocketListener) => SocketListener {
  const settings = proxySettings(options);
  return (listener) => new ProxiedListener(listener, secureLater === true, settings, clock);
}

/**
 * Connects, and says first for whom.
 *
 * @throws {OptionError} An option can't be used.
 */
export async function connectFor(
  options: ProxySendOptions | true,
  adapter: SocketAdapter,
  target: SocketConnectOptions,
): Promise<RawSocket> {
  const preface = headerWriter(options);
  if (target.tls !== undefined) return await adapter.connect({ ...target, preface });
  const socket = await adapter.connect(target);
  socket.write(preface(socket.local, socket.remote));
  return socket;
}
