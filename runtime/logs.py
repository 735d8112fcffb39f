"""Logs: constant event names with key-values, for a person on a terminal and as JSON elsewhere."""

import logging
import os
import sys
from collections.abc import Mapping
from datetime import date
from typing import TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from runtime.redaction import MASK, is_sensitive, redacted_text


def configure(level: str = "info", as_json: bool = False, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging to write lines of one form to ``stream``.

    ``stream`` is the standard error unless given. A terminal gets lines for people (without colour under
    ``NO_COLOR``), everything else JSON; ``as_json`` asks for JSON on a terminal too.
    """
    target = sys.stderr if stream is None else stream
    numeric = logging.getLevelNamesMapping()[level.upper()]
    renderer = _renderer(target, as_json)
    structlog.configure(
        processors=[*_shared_processors(), mask_secrets, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    _configure_standard_library(target, numeric, renderer)


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what is under a sensitive key, and the secrets inside every other value."""
    return {key: MASK if is_sensitive(key) else _masked(value) for key, value in event.items()}


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]


def _renderer(stream: TextIO, as_json: bool) -> Processor:
    if as_json or not stream.isatty():
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))


def _configure_standard_library(stream: TextIO, level: int, renderer: Processor) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_shared_processors()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask_secrets, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _masked(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {key: MASK if is_sensitive(str(key)) else _masked(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(item) for item in value]
        case _:
            return redacted_text(_shown(value))


def _shown(value: object) -> str:
    match value:
        case date():
            return value.isoformat()
        case BaseException() | bytes():
            return repr(value)
        case _:
            return str(value)
