import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { Opening } from "../../src/http/conn/opening.ts";

describe("how a head begins", () => {
  it("follows the status, the fields and the second, each by itself", () => {
    const opening = new Opening();
    const asked: [status: number, lines: string, date: string][] = [
      [200, "a: 1\r\n", "date: x\r\n"],
      [200, "a: 1\r\n", "date: x\r\n"],
      [404, "a: 1\r\n", "date: x\r\n"],
      [404, "a: 2\r\n", "date: x\r\n"],
      [404, "a: 2\r\n", "date: y\r\n"],
      [200, "", "date: y\r\n"],
    ];
    assertEquals(asked.map((parts) => opening.of(...parts)), [
      "HTTP/1.1 200 OK\r\na: 1\r\ndate: x\r\n",
      "HTTP/1.1 200 OK\r\na: 1\r\ndate: x\r\n",
      "HTTP/1.1 404 Not Found\r\na: 1\r\ndate: x\r\n",
      "HTTP/1.1 404 Not Found\r\na: 2\r\ndate: x\r\n",
      "HTTP/1.1 404 Not Found\r\na: 2\r\ndate: y\r\n",
      "HTTP/1.1 200 OK\r\ndate: y\r\n",
    ]);
  });
});
