import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { existsSync, readFileSync } from "node:fs";
import { listenerOf } from "../../adapters/shared/kernel_table.ts";
import { listen, type TcpAddress } from "../../mod.ts";
import { connKey, parseKernelTable } from "../../src/server/drain/kernel_table.ts";

const HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const row = (local: string, remote: string, state: string, queues: string) =>
  `   0: ${local} ${remote} ${state} ${queues} 00:00000000 00000000     0        0 12345 1 0000000000000000 20 4 0 10 -1`;

const TCP4 = [
  HEADER,
  row("0100007F:2328", "00000000:0000", "0A", "00000000:00000003"),
  row("0100007F:2328", "0100007F:C001", "01", "0000ABCD:00000000"),
  row("0100007F:2328", "0100007F:C002", "05", "00000000:00000000"),
  row("0100007F:C001", "0100007F:2328", "01", "00000007:00000000"),
  "",
].join("\n");

const TCP6 = [
  HEADER,
  row(
    "0000000000000000FFFF00000100007F:2328",
    "0000000000000000FFFF00000200000A:C003",
    "04",
    "00000001:00000000",
  ),
  row(
    "B80D0120000000000000000001000000:2328",
    "B80D0120000000000000000002000000:C004",
    "01",
    "00000010:00000000",
  ),
].join("\n");

const tcp = (hostname: string, port: number) => ({ transport: "tcp", hostname, port } as const);

describe("the kernel's table of TCP sockets", () => {
  const table = parseKernelTable(`${TCP4}\n${TCP6}`, [9000]);

  it("tells what the peer's kernel has not acknowledged, by both ends", () => {
    const local = tcp("127.0.0.1", 9000);
    assertEquals(table.get(connKey(local, tcp("127.0.0.1", 0xc001))), 0xabcd);
    assertEquals(table.get(connKey(local, tcp("127.0.0.1", 0xc002))), 0);
  });

  it("knows an IPv4-mapped address as IPv4, and IPv6 in any spelling", () => {
    assertEquals(table.get(connKey(tcp("127.0.0.1", 9000), tcp("10.0.0.2", 0xc003))), 1);
    assertEquals(table.get(connKey(tcp("::ffff:127.0.0.1", 9000), tcp("::ffff:10.0.0.2", 0xc003))), 1);
    assertEquals(table.get(connKey(tcp("2001:db8::1", 9000), tcp("2001:db8:0:0::2", 0xc004))), 16);
  });

  it("leaves out other ports, even where ours is the remote one", () => {
    assertEquals(table.has(connKey(tcp("127.0.0.1", 0xc001), tcp("127.0.0.1", 9000))), false);
    assertEquals(parseKernelTable(TCP4, [80]).size, 0);
    assertEquals(parseKernelTable("", [9000]).size, 0);
  });
});

describe("a listening socket of which the inode is known", {
  skip: existsSync("/proc/self/net/tcp") ? false : "needs /proc",
}, () => {
  for (const hostname of ["127.0.0.1", "0.0.0.0", "::1", "::"]) {
    it(`is found where it is bound: ${hostname}`, async () => {
      await using listener = await listen({ port: 0, hostname });
      const { port } = listener.address as TcpAddress;
      const hex = port.toString(16).toUpperCase().padStart(4, "0");
      const rows = ["tcp", "tcp6"].flatMap((name) => readFileSync(`/proc/self/net/${name}`, "utf8").split("\n"));
      const [row] = rows.map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === "0A" && fields[1].endsWith(`:${hex}`));
      assertEquals(listenerOf(row[9]), tcp(hostname, port));
    });
  }

  it("is told to be in none of the tables", () => {
    assertEquals(listenerOf("0"), null);
  });
});
