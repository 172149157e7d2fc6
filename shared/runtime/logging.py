"""Logging: one JSON object a line on standard error, without secrets, and without floods.

Every record, ours and the libraries', passes the same three filters: what is known to be a secret is blanked,
noisy libraries are limited to a few lines a window, and the HTTP client's URLs never get this far.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, MutableMapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, Literal, TextIO

import structlog

from shared import errors

BLANK: Final = "[redacted]"
NOISY: Final = ("aiokafka", "kafka")
SILENT: Final = ("httpx", "httpcore", "uvicorn.access", "aiohttp.access", "aiosqlite")

_SECRET_NAMES: Final = re.compile(r"token|secret|passw|credential|authorization|api_?key|cookie", re.IGNORECASE)
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(/hooks/[^/\s\"']+/)[^/\s\"'?#]+"), rf"\1{BLANK}"),
    (
        re.compile(r"(?i)\b((?:api_?)?token|secret|password|api_?key)(\"?\s*[=:]\s*\"?)[^\s\"'&,;}]+"),
        rf"\1\2{BLANK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic|token token=)(\s+|\")[A-Za-z0-9._~+/=-]{6,}"), rf"\1\2{BLANK}"),
    (re.compile(r"(://)[^/\s:@]+:[^/\s@]+@"), rf"\1{BLANK}@"),
)

# Their messages are ours, or the operating system's. Any other may quote a record.
_SPEAKING: Final = (errors.PuenteError, OSError)

# Every pattern needs a slash, a colon, an equals sign, a quote or white space; most values have none of them.
_PLAIN: Final = re.compile(r"[\w.,;@+|()-]*")

_STATES: Final = ("", "configured", "not set")

Format = Literal["json", "text"]


def redacted(text: str) -> str:
    """The text without hook tokens, bearer credentials, `token=` values and passwords in URLs."""
    if _PLAIN.fullmatch(text):
        return text
    for pattern, blanked in _PATTERNS:
        text = pattern.sub(blanked, text)
    return text


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {name: _hidden(each) if _is_secret(name) else _clean(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(each) for each in value]
    return value


def _hidden(value: Any) -> Any:
    """What may be shown of a value under the name of a secret: whether it is set."""
    if isinstance(value, dict):
        return {name: _hidden(each) for name, each in value.items()}
    return value if value is None or isinstance(value, bool) or value in _STATES else BLANK


@lru_cache(maxsize=1024)
def _is_secret(name: object) -> bool:
    return isinstance(name, str) and _SECRET_NAMES.search(name) is not None


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the last one before a record becomes text."""
    for name, value in event.items():
        event[name] = _hidden(value) if _is_secret(name) else _clean(value)
    return event


def told(problem: BaseException, met: frozenset[int] = frozenset()) -> str:
    """A traceback without the words of strangers: where it happened and the type, with a message only from us.

    A message like "invalid literal: 'Ana'" quotes a record; the whole text is sealed beside the waiting row.
    `met` are those that are being told: one that is raised from the group that holds it would never end.
    """
    met = met | {id(problem)}
    above = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    lines = [f"{told(above, met)}\nwhich led to:\n"] if above is not None and id(above) not in met else []
    lines += traceback.format_tb(problem.__traceback__)
    name = f"{type(problem).__module__}.{type(problem).__qualname__}"
    lines.append(f"{name}: {problem}" if isinstance(problem, _SPEAKING) else name)
    if isinstance(problem, BaseExceptionGroup):
        lines += [f"\n{told(each, met)}" for each in problem.exceptions if id(each) not in met]
    return "".join(lines)


def _told(exc_info: structlog.typing.ExcInfo) -> str:
    return told(exc_info[1])


class Throttle(logging.Filter):
    """Lets a few records of each noisy logger through per window; the next window says how many were dropped.

    A broker that is away makes its client write about a hundred lines a second.
    """

    def __init__(
        self,
        *,
        lines: int = 5,
        window: timedelta = timedelta(seconds=10),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._lines = lines
        self._window = window.total_seconds()
        self._monotonic = monotonic
        self._began = float("-inf")
        self._seen = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.split(".", 1)[0].startswith(NOISY):
            return True
        now = self._monotonic()
        if now - self._began >= self._window:
            dropped = max(0, self._seen - self._lines)
            self._began, self._seen = now, 0
            if dropped:
                record.msg = f"{record.getMessage()} ({dropped} lines of {record.name} were dropped before)"
                record.args = ()
        self._seen += 1
        return self._seen <= self._lines


def configure(
    *, level: str = "INFO", form: Format = "json", stream: TextIO | None = None, throttle: Throttle | None = None
) -> None:
    """Set up structlog and the standard library's logging for this process. May be called again."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_told),
                redact,
                renderer,
            ],
        )
    )
    handler.addFilter(throttle or Throttle())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    _note_no_callers()


def _note_no_callers() -> None:
    """No line tells its file, thread or process, so they are not looked for: every change writes a line.

    The switches are those of Python's own page on logging, "Optimization".
    """
    switches = vars(logging)  # by name: the type stubs do not know all of them, and Python 3.11 not the last
    switches["_srcfile"] = None
    for name in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        switches[name] = False
