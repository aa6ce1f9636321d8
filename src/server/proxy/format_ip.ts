/**
 * IP addresses as text, in one spelling.
 *
 * @module
 */
import { type IpGroups, isMapped } from "../../ip_ranges.ts";

/** An address as text: IPv4 where it is mapped, and IPv6 in its short form (RFC 5952, section 4). */
export function formatIp(groups: IpGroups): string {
  if (isMapped(groups)) return [groups[6] >> 8, groups[6] & 255, groups[7] >> 8, groups[7] & 255].join(".");
  const { from, length } = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, from).join(":")}::${hex.slice(from + length).join(":")}`;
}

/** The longest run of groups that are zero, the first of several. */
function longestZeros(groups: IpGroups): { from: number; length: number } {
  let best = { from: 0, length: 0 };
  for (let from = 0; from < groups.length; from++) {
    let length = 0;
    while (groups[from + length] === 0) length++;
    if (length > best.length) best = { from, length };
  }
  return best;
}
