"""Clients that send the next lines as soon as answers are there, and never pause.

They do so when a whole window is answered, or (sliding) for each answer.

usage: eager_windows.py PORT CLIENTS WINDOW whole|sliding [tls]; prints what was sent and never answered when all connections have ended.
"""
import json
import selectors
import socket
import ssl
import sys

port, clients, window = map(int, sys.argv[1:4])
sliding = "sliding" in sys.argv
context = None
if "tls" in sys.argv:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
selector = selectors.DefaultSelector()
lost = sent = resets = 0


class Client:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.socket = context.wrap_socket(self.socket)
        self.socket.setblocking(False)
        self.owed = 0
        selector.register(self.socket, selectors.EVENT_READ, self)
        self.send()

    def send(self):
        global sent
        count = window - self.owed
        self.socket.sendall(b"hello\n" * count)
        self.owed = window
        sent += count

    def read(self):
        """Everything that is here; then, if it is time and the end is not to be seen, the next lines."""
        global lost, resets
        while True:
            try:
                data = self.socket.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                if self.owed == 0 or (sliding and self.owed < window):
                    self.send()
                return
            except ConnectionResetError:
                resets += 1
                data = b""
            if data == b"":
                lost += self.owed
                selector.unregister(self.socket)
                self.socket.close()
                return
            self.owed -= data.count(b"\n")


for _ in range(clients):
    Client()
print("connected", flush=True)
while len(selector.get_map()) > 0:
    for key, _ in selector.select():
        key.data.read()
print(json.dumps({"sent": sent, "lost": lost, "resets": resets}), flush=True)
