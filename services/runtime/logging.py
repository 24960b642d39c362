"""Structured logs on standard error: one JSON line each, or coloured text for a terminal.

Configured by the entry point only. What people do is logged with the fields of BIO2 8.15.01, by `audit`.
"""

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Any, Literal, TextIO

import structlog
from pydantic import SecretStr

from events.envelope import writer
from services.runtime.settings import Settings

QUIET = ("aiokafka", "faststream", "uvicorn", "asyncio", "sqlalchemy", "httpx", "httpcore")
"""Libraries that speak from WARNING on only."""

REDACTED = "**********"
_SECRET_NAME = re.compile(r"passw|secret|token|authorization|credential|cookie|api_?key", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"(\w+://[^\s:/@]*):[^\s@/]+@")
_BEARER = re.compile(r"\b(Bearer\s+)[\w.~+/=-]+", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")

_AUDIT = logging.getLogger("koikarper.audit")
_TEXT = frozenset({str})
_json = writer(", ", ": ")  # as `json.dumps` writes, which makes an encoder for each line

Result = Literal["done", "refused", "failed"]
Event = MutableMapping[str, Any]


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every log of this process, also the libraries', through one format to `stream`, else standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        _Formatter(
            _last(settings),
            quick=settings.log_format != "console",
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_last(settings)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in QUIET:
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = True
        library.setLevel(max(logging.WARNING, root.level))


def audit(action: str, object: str, result: Result, *, origin: str, actor: str, **more: Any) -> None:  # noqa: A002 - the standard's own word
    """Log what a person or a system did (BIO2 8.15.01): the timestamp is added by the log itself.

    `action` is a verb of the glossary, `object` what it was done to (a type and an id), `origin` where the call came
    from (an address), `actor` who did it (a role or a code, never a name of a resident).
    """
    audit_all([audited(action, object, result, origin=origin, actor=actor, **more)])


def audited(action: str, object: str, result: Result, *, origin: str, actor: str, **more: Any) -> dict[str, Any]:  # noqa: A002 - as above
    """What `audit` logs, for `audit_all`."""
    return {"action": action, "object": object, "result": result, "origin": origin, "actor": actor, **more}


def audit_all(entries: Iterable[Mapping[str, Any]]) -> None:
    """Log several things that were done, in order, a line for each, of the same moment and with one write.

    The lines are with the operating system when this returns, as those of `audit` are.
    """
    if _AUDIT.isEnabledFor(logging.INFO):
        _AUDIT.handle(logging.LogRecord(_AUDIT.name, logging.INFO, "", 0, _Entries(entries), None, None))


class _Entries(tuple[Mapping[str, Any], ...]):
    """The message of a log record that is one or more lines of the audit log."""

    __slots__ = ()


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Every log line; those of the audit log without the detour that a library's lines need.

    The same fields in the same order. `quick`: lines are JSON, and one in which no mark of a secret stands is written
    as it is.
    """

    def __init__(self, last: Sequence[structlog.typing.Processor], *, quick: bool, **options: Any) -> None:
        super().__init__(**options)
        self._last = last
        self._quick = quick

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, or its lines."""
        if not isinstance(record.msg, _Entries):
            return super().format(record)
        moment = datetime.fromtimestamp(record.created, UTC).isoformat()[:-6] + "Z"
        own = {"logger": record.name, "level": record.levelname.lower(), "timestamp": moment}
        rest = _json(own)[1:-1]
        return "\n".join([self._quick_line(entry, rest) or self._line(entry, own) for entry in record.msg])

    def _quick_line(self, entry: Mapping[str, Any], rest: str) -> str | None:
        """The line put together by hand; None where it is not JSON that is asked for, or where a secret may stand."""
        if not self._quick or _is_any_secret(tuple(entry)) or not _TEXT.issuperset(map(type, entry.values())):
            return None
        line = _json(entry)[:-1]
        return None if _may_hold_secret(line) else f'{line}, {rest}, "message": {_quoted(entry["action"])}}}'

    def _line(self, entry: Mapping[str, Any], own: Mapping[str, str]) -> str:
        said: Any = {**entry, **own, "event": entry["action"]}
        for processor in self._last:
            said = processor(None, "info", said)
        return str(said)


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Take secrets out of a log line, by the name of a field and by the look of a value."""
    for name, value in event.items():
        if _is_secret(name) and value:
            event[name] = REDACTED
        elif type(value) is not str or _may_hold_secret(value):  # of most values the first look is the last
            event[name] = _cleaned(value)
    return event


@lru_cache(maxsize=1024)  # the fields of a log are a few dozen, and each line has ten of them
def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name))


@lru_cache(maxsize=256)  # lines of one sort have the same fields
def _is_any_secret(names: tuple[str, ...]) -> bool:
    return any(map(_is_secret, names))


def _cleaned(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return REDACTED
    if isinstance(value, dict):
        return dict(redact(None, "", {str(name): one for name, one in value.items()}))
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    if isinstance(value, str):
        value = _SECRET_IN_URL.sub(rf"\1:{REDACTED}@", value)
        return _JWT.sub(REDACTED, _BEARER.sub(rf"\1{REDACTED}", value))
    return value


def _may_hold_secret(value: str) -> bool:
    """Whether it can hold a password in a URL, a bearer token or a JWT: most values hold none of their marks."""
    return "://" in value or "eyJ" in value or "bearer" in value.lower()


def _last(settings: Settings) -> list[structlog.typing.Processor]:
    if settings.log_format == "console":
        colours = sys.stderr.isatty()
        return [redact, structlog.dev.ConsoleRenderer(colors=colours)]
    return [
        structlog.processors.format_exc_info,
        redact,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
