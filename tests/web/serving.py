"""The web application behind a real server in a thread, and how to talk to it down to single bytes."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse

from starlette.types import ASGIApp

from console.web.serve import Server, listening
from tests.deadline import wait_until


@contextmanager
def served(app: ASGIApp, *, head_seconds: float = 60.0) -> Iterator[int]:
    """The port on which `app` is served; heads may take so long."""
    ports: list[int] = []
    with listening("127.0.0.1", 0) as listener:
        server = Server(app, ports.append, head_seconds=head_seconds)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_until(lambda: ports, what="serving")
            yield ports[0]
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


class Answer:
    """What came back."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = dict(response.getheaders())
        self.text = response.read().decode()


def ask(port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """One request over a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Wire:
    """A connection on which a test writes what it likes, and reads until the other side closes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def head(self, path: str, *headers: str) -> None:
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
        self.send("\r\n".join(lines).encode())

    def until(self, last: str) -> None:
        """Read until this has come; ConnectionError if the server closes before."""
        received = b""
        while not received.endswith(last.encode()):
            if not (chunk := self._socket.recv(65536)):
                raise ConnectionError("the server closed")
            received += chunk

    def rest(self) -> str:
        """Everything until the server closes."""
        received = b""
        while chunk := self._socket.recv(65536):
            received += chunk
        return received.decode()

    def pause(self, seconds: float) -> None:
        """Wait that long; ConnectionError if the server closes meanwhile."""
        if select.select([self._socket], [], [], seconds)[0] and not self._socket.recv(65536):
            raise ConnectionError("the server closed")

    def close(self) -> None:
        self._socket.close()
