"""Connections that would hold a place for ever: they are closed, and whoever behaves is not disturbed."""

from collections.abc import Iterator

import pytest
from starlette.responses import PlainTextResponse

from console.web.connection import HEAD_BYTES
from tests.web.serving import Wire, ask, served

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def port() -> Iterator[int]:
    """Of an application that never reads a body; heads may take a moment."""
    with served(PlainTextResponse("quick"), head_seconds=0.3) as found:
        yield found


@pytest.mark.parametrize("said", [b"", b"GET", HEAD], ids=["nothing", "word", "head"])
def test_a_head_that_does_not_end_ends_the_connection(port: int, said: bytes) -> None:
    wire = Wire(port)
    wire.send(said)
    assert wire.rest() == ""
    wire.close()


def test_a_second_head_that_does_not_end_ends_the_connection_after_the_first_answer() -> None:
    with served(PlainTextResponse("quick"), head_seconds=1.0) as port:
        wire = Wire(port)
        wire.send(HEAD + b"\r\n" + HEAD)
        assert wire.rest().count("HTTP/1.1 200 ") == 1
        wire.close()


def test_a_head_that_trickles_in_is_given_no_more_time_for_each_byte(port: int) -> None:
    wire = Wire(port)
    with pytest.raises(ConnectionError):  # noqa: PT012 - which of the writes meets the end is chance
        for number in range(1_000_000):
            wire.send(b"GET / HTTP/1.1\r\n" if number == 0 else f"X-{number}: y\r\n".encode())
            wire.pause(0.05)
    wire.close()


def test_a_head_without_end_is_refused_by_its_size() -> None:
    with served(PlainTextResponse("quick")) as port:
        wire = Wire(port)
        wire.send(HEAD + b"X: " + b"x" * HEAD_BYTES)
        assert wire.rest().startswith("HTTP/1.1 431 ")
        wire.close()


def test_a_large_head_within_the_limit_and_a_body_beside_it_are_taken() -> None:
    with served(PlainTextResponse("quick")) as port:
        headers = {"X": "x" * (HEAD_BYTES // 2)}
        assert ask(port, "POST", "/", b"y" * 3 * HEAD_BYTES, headers).text == "quick"


def test_a_body_that_goes_on_after_the_answer_ends_the_connection(port: int) -> None:
    wire = Wire(port)
    wire.send(HEAD + b"Content-Length: 1000000\r\n\r\n")
    with pytest.raises(ConnectionError):  # noqa: PT012 - as above
        for _ in range(100_000):
            wire.send(b"y")
            wire.pause(0.05)
    wire.close()


@pytest.mark.parametrize("said", [b"\r\n", b"\r", b"\n\n"], ids=repr)
def test_a_line_break_after_an_answer_holds_no_connection(port: int, said: bytes) -> None:
    wire = Wire(port)
    wire.send(HEAD + b"\r\n")
    wire.until("quick")
    wire.send(said)
    assert wire.rest() == ""
    wire.close()


def test_one_connection_after_an_answer_serves_the_next_request() -> None:
    with served(PlainTextResponse("quick")) as port:
        wire = Wire(port)
        wire.send(HEAD + b"\r\n")
        wire.send(HEAD + b"Connection: close\r\n\r\n")
        assert wire.rest().count("HTTP/1.1 200 ") == 2
        wire.close()
