"""A web server for static files, as plain as any host's, that remembers what was asked of it.

with serving(folder) as host:
    … host.url …
    host.requests
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote


class Request(NamedTuple):
    path: str
    status: int
    bytes: int


class Host:
    """Serves a folder at url, which ends in "/". stop() and start() switch it off and on at that address."""

    def __init__(self, folder: Path, below: str, anyone: bool):
        self.folder, self.below, self.anyone, self.requests = folder, below, anyone, []
        self.connections: set[socket.socket] = set()
        self.port, self._server = 0, None
        self.start()
        self.url = f"http://127.0.0.1:{self.port}{below}"

    def start(self) -> None:
        handler = partial(_Handler, host=self, directory=str(self.folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            for connection in list(self.connections):  # a browser keeps some open
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(folder: Path, below: str = "/", anyone: bool = False):
    """Serve a folder on a free port.

    below: the path under which it stands, as on a host that has other sites as well
    anyone: whether pages from elsewhere may use the files, as the hosts of public releases allow
    """
    host = Host(folder, below, anyone)
    try:
        yield host
    finally:
        host.stop()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".wasm": "application/wasm",
        ".mjs": "text/javascript",
        ".js": "text/javascript",
    }

    def __init__(self, *arguments, host: Host, **options):
        self.host, self.status, self.length = host, 0, 0
        super().__init__(*arguments, **options)

    def setup(self):
        super().setup()
        self.host.connections.add(self.connection)

    def finish(self):
        self.host.connections.discard(self.connection)
        super().finish()

    def translate_path(self, path):
        inside = unquote(path).startswith(self.host.below)
        return super().translate_path("/" + path[len(self.host.below) :] if inside else "/../nothing")

    def send_response(self, code, message=None):
        self.status, self.length = code, 0
        super().send_response(code, message)

    def send_header(self, name, value):
        if name.lower() == "content-length":
            self.length = int(value)
        super().send_header(name, value)

    def end_headers(self):
        if self.host.anyone:
            self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def do_GET(self):
        with suppress(BrokenPipeError, ConnectionResetError):  # the browser has changed its mind
            super().do_GET()
        self.host.requests.append(Request(self.path, self.status, self.length))

    def log_message(self, *_):
        pass
