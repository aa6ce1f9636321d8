import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { NameTable } from "../../../src/server/tls/name_table.ts";

function table(...names: string[]): NameTable<string> {
  const made = new NameTable<string>();
  names.forEach((name, i) => made.add(name, `${i}: ${name}`));
  return made;
}

describe("the names of certificates", () => {
  it("are found whole, in any case, and with a final dot", () => {
    const names = table("a.example", "B.example");
    for (const asked of ["a.example", "A.Example", "a.example."]) assertEquals(names.find(asked), "0: a.example");
    assertEquals(names.find("b.example"), "1: B.example");
    for (const asked of ["", "example", "x.a.example", "a.example.org"]) assertEquals(names.find(asked), undefined);
  });

  it("may have a wildcard, which stands for one label", () => {
    const names = table("*.a.example");
    assertEquals([names.find("x.a.example"), names.find("X.A.example.")], ["0: *.a.example", "0: *.a.example"]);
    for (const asked of ["a.example", "x.y.a.example", ".a.example", "a.example.x", "*"]) {
      assertEquals(names.find(asked), undefined);
    }
  });

  it("are preferred whole, and of two alike the first", () => {
    const names = table("*.a.example", "x.a.example", "*.a.example", "x.a.example");
    assertEquals([names.find("x.a.example"), names.find("y.a.example")], ["1: x.a.example", "0: *.a.example"]);
  });
});
