/**
 * The option `proxyProtocol` of listeners, checked.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import { PeerSet } from "../../ip_ranges.ts";
import { checkNames, type Names } from "../../names.ts";
import type { ProxyProtocolOptions } from "../../proxied.ts";
import { duration, yesOrNo } from "../../validate.ts";

const NAMES: Names<ProxyProtocolOptions> = { from: true, required: true, timeout: true };

const FROM = `proxyProtocol.from`;

/** A proxy sends its header at once: this is for a packet that is lost, twice. */
const DEFAULT_TIMEOUT = 3000;

/** Whom to believe, and how long to wait. */
export interface ProxySettings {
  readonly from: PeerSet;
  readonly required: boolean;
  /** In ms; Infinity for no limit. */
  readonly timeout: number;
}

/** @throws {OptionError} An option can't be used. */
export function proxySettings(options: ProxyProtocolOptions): ProxySettings {
  checkNames("proxyProtocol", options, NAMES);
  const { from } = options;
  if (!Array.isArray(from) || from.length === 0) {
    throw new OptionError(
      FROM,
      `${FROM} must name the proxies, such as ["10.0.0.0/8"], got ${JSON.stringify(from)}`,
    );
  }
  const timeout = duration("proxyProtocol.timeout", options.timeout, DEFAULT_TIMEOUT);
  return {
    from: new PeerSet(FROM, from),
    required: yesOrNo("proxyProtocol.required", options.required, true),
    timeout: timeout === 0 ? Infinity : timeout,
  };
}
