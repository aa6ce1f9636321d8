const root = process.argv[2];
const port = Number(process.argv[3]);
const { serveHttp, reply } = await import(root + "/src/http/mod.ts");
const { silentLogger, serve, lines } = await import(root + "/mod.ts");
await serveHttp(
  { port, hostname: "127.0.0.1", logger: silentLogger },
  (r: any, ctx: any) =>
    r.url.endsWith("/ws")
      ? ctx.upgradeWebSocket((ws: any) => ws.forEach((m: any) => void ws.send(m)))
      : reply("hello world"),
);
await serve({ port: port + 1, hostname: "127.0.0.1", logger: silentLogger }, (conn: any) => {
  const t = lines(conn);
  return t.forEach((l: string) => void t.send(l));
});
console.log("up");
