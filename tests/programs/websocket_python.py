"""The package websockets (Debian: python3-websockets), as a client and as a server.

  websocket_python.py client URL deflate|plain     talks to websocket_server.ts; says what came of it as JSON
  websocket_python.py wait URL                     connects to URL, says "open", then how it ended as JSON
  websocket_python.py server deflate|plain         echoes; says "port N"; "bye CODE WORDS" makes it close
"""
import asyncio
import json
import sys

import websockets


def messages():
    sizes = [0, 1, 125, 126, 65535, 65536, 1048576]
    for size in sizes:
        yield "x" * size
        yield bytes(i * 7 % 256 for i in range(min(size, 65536))) * (1 if size <= 65536 else 16)
    yield "hällo € 😀 " * 5000


async def echoes(ws):
    wrong = []
    for message in messages():
        await ws.send(message)
        if await ws.recv() != message:
            wrong.append(f"{type(message).__name__} of {len(message)}")
    return wrong


async def fragments(ws):
    await ws.send(["in ", "", "fünf ", "Stücken ", "€"])
    text = await ws.recv()
    await ws.send([b"\x00", b"\xff" * 70000, b""])
    return [text, len(await ws.recv())]


async def seen_close(url):
    async with websockets.connect(url) as ws:
        try:
            await ws.recv()
        except websockets.ConnectionClosed as closed:
            return [closed.rcvd.code, closed.rcvd.reason]


async def refusal(url, **options):
    try:
        async with websockets.connect(url, **options):
            return 101
    except Exception as error:
        response = getattr(error, "response", None)
        return getattr(error, "status_code", None) or getattr(response, "status_code", None) or repr(error)


async def client(url, compression):
    told = {}
    options = {"compression": compression, "max_size": None}
    async with websockets.connect(f"{url}/echo?id=python", subprotocols=["chat.v1", "chat.v2"], **options) as ws:
        headers = getattr(ws, "response_headers", None) or ws.response.headers
        told["protocol"] = ws.subprotocol
        told["extensions"] = headers.get("Sec-WebSocket-Extensions", "")
        told["wrong"] = await echoes(ws)
        told["fragments"] = await fragments(ws)
        await (await ws.ping(b"any"))
        await asyncio.gather(*[ws.send(str(i)) for i in range(200)])
        told["inOrder"] = sorted([await ws.recv() for _ in range(200)], key=int) == [str(i) for i in range(200)]
        await ws.close(4001, "schönen Tag")
        told["closed"] = [ws.close_code, ws.close_reason]
    told["byServer"] = await seen_close(f"{url}/close?code=4002&reason=enough")
    told["tooLarge"] = await too_large(url)
    told["missing"] = await refusal(f"{url}/nowhere")
    told["origin"] = await refusal(f"{url}/echo", origin="http://elsewhere.example")
    print(json.dumps(told))


async def too_large(url):
    async with websockets.connect(f"{url}/echo") as ws:
        await ws.send(b"x" * 1048577)
        try:
            await ws.recv()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code


async def wait(url):
    async with websockets.connect(url) as ws:
        print("open", flush=True)
        try:
            while True:
                await ws.recv()
        except websockets.ConnectionClosed as closed:
            print(json.dumps([closed.rcvd.code, closed.rcvd.reason]))


async def echo(ws, *_path):
    try:
        async for message in ws:
            await answer(ws, message)
    except websockets.ConnectionClosed:
        pass
    print(f"closed {ws.close_code} {ws.close_reason}", flush=True)


async def answer(ws, message):
    if isinstance(message, str) and message.startswith("bye "):
        _, code, reason = message.split(" ", 2)
        await ws.close(int(code), reason)
    else:
        # In two frames, so that its peer sees fragments.
        half = len(message) // 2
        await ws.send([message[:half], message[half:]])


async def server(compression):
    options = {"subprotocols": ["chat.v2"], "compression": compression, "max_size": None}
    async with websockets.serve(echo, "127.0.0.1", 0, **options) as listening:
        sockets = getattr(listening, "sockets", None) or listening.server.sockets
        print(f"port {list(sockets)[0].getsockname()[1]}", flush=True)
        await asyncio.Future()


mode, *rest = sys.argv[1:]
compression = "deflate" if rest[-1] == "deflate" else None
asyncio.run({"client": lambda: client(rest[0], compression), "wait": lambda: wait(rest[0]),
             "server": lambda: server(compression)}[mode]())
