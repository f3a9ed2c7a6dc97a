"""What the commands say, and how they end."""

from __future__ import annotations

import enum
import errno
import io
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn, TextIO, cast

import typer

# The hidden folder or file that is written to: the user knows it by the name it was to get.
_UNFINISHED = re.compile(r"\.([^/\\]+)\.(?:unfinished\.[0-9a-f]{8}|part-\d+)\b")


class ExitCode(enum.IntEnum):
    """How a command ends."""

    DONE = 0
    INTERNAL = 1
    BAD_INPUT = 2
    STOPPED = 130  # 128 + SIGINT, as shells have it


# Where a copy fails with these, it is not the file that was copied that is to be seen to.
_NO_PLACE = (errno.ENOSPC, errno.EFBIG, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC))


# Why what was printed found no place, such as on a full disk: it is lost, the work goes on.
_lost: list[str] = []


def say(message: str) -> None:
    """Print a line of the result."""
    with printing():
        typer.echo(message)


def note(message: str) -> None:
    """Print a remark beside the result."""
    try:
        typer.echo(message, err=True)
    except OSError:
        _to_nowhere(sys.stderr)  # there is no place left to say it


def fail(message: str) -> None:
    """Print what went wrong."""
    note(f"etch: {message}")


@contextmanager
def printing() -> Iterator[None]:
    """Print in this context; where it goes to a full disk, the work goes on and this is told.

    It also goes on, without a word, where a pipe is not read any more, as by ``head``: the work is
    in files, and a batch would end with its first image.
    """
    try:
        yield
    except OSError as error:
        _printing_ended(error)


def _printing_ended(error: OSError) -> None:
    """Print to nowhere from now on, and tell why where it is no pipe that is not read any more."""
    _to_nowhere(sys.stdout)
    if error.errno in (errno.EPIPE, errno.EINVAL):  # the latter on Windows
        return
    _lost.append(error.strerror or type(error).__name__)
    fail(f"what is printed could not be written ({_lost[0]}): make room where it goes to")


class _Guarded:
    """Standard output or standard error on which nothing fails that is printed.

    Not all is ours to print: help and wrong usage, for instance, are not.
    """

    def __init__(self, stream: Any, ended: Callable[[OSError], None]) -> None:
        self._stream, self._ended = stream, ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return int(self._stream.write(text))
        except OSError as error:
            self._ended(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._ended(error)


def guard_printing() -> None:
    """Let a full disk or a closed pipe behind standard output or error end no command."""
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout = cast(TextIO, _Guarded(stdout, _printing_ended))
    sys.stderr = cast(TextIO, _Guarded(stderr, lambda _: _to_nowhere(stderr)))


def printing_failed() -> bool:
    """Return whether something that was to be printed was lost."""
    return bool(_lost)


def _to_nowhere(stream: IO[str]) -> None:
    """Let a stream end in nothing: what it still holds would fail again when Python ends."""
    with suppress(OSError, ValueError, AttributeError):  # a stream without a file behind it
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)


def refuse(message: str) -> NoReturn:
    """Say in one sentence what is wrong with the input and end with the code for it."""
    fail(message)
    raise typer.Exit(ExitCode.BAD_INPUT)


def sentence(error: Exception, subject: str = "") -> str:
    """Return an error as one line that names its subject.

    Parameters
    ----------
    error : Exception
        What was raised.
    subject : str
        File or thing it is about; put in front unless the message names it.

    Returns
    -------
    str
        One line.
    """
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        target = error.filename2 if error.errno in _NO_PLACE else None
        subject = str(target or error.filename or subject)
    else:
        text = " ".join(str(error).split()) or type(error).__name__
    text, subject = _UNFINISHED.sub(r"\1", text), _UNFINISHED.sub(r"\1", subject)
    if not subject or _stands(subject, text, inside=True):
        return text
    option, path = _option_and_path(subject)
    name = Path(path).name
    if option and _begins(path, text):
        return f"{option}{text}"
    if name and _begins(name, text):  # say which folder the file is in, but not twice
        return subject + text[len(name) :]
    if not option and _stands(name, text):
        return re.sub(_alone(name), lambda _: subject, text, count=1)
    return f"{subject}: {text}"


def _option_and_path(subject: str) -> tuple[str, str]:
    """Return ``"--outlines "`` and ``"a/b.png"`` of both; no option of a path alone."""
    if not subject.startswith("--"):
        return "", subject
    option, space, path = subject.partition(" ")
    return option + space, path


def _alone(name: str, *, inside: bool = False) -> str:
    """Return the pattern of a name that is no part of another path or word.

    With `inside` what is inside a folder of that name counts too.
    """
    after = r"(?![\w-]|\.\w)" if inside else r"(?![\w/\\-]|\.\w)"
    return rf"(?<![\w./\\-]){re.escape(name)}{after}"


def _begins(name: str, text: str) -> bool:
    return re.match(_alone(name), text) is not None


def _stands(name: str, text: str, *, inside: bool = False) -> bool:
    """Return whether a text names a file; a plain word may be one of its own, but in front."""
    if not name:
        return False
    pattern = _alone(name, inside=inside)
    find = re.match if re.fullmatch(r"\w+", name) else re.search
    return find(pattern, text) is not None


def called(path: Path) -> str:
    """Return the name of a file or folder, also of one given as ``.`` or ``..``."""
    return path.resolve().name if path.name in ("", "..") else path.name


def print_what_can_be_printed() -> None:
    """Print a question mark for what the terminal or the pipe has no code for.

    Such as µ or … in most code pages of Windows, and names of files that are no UTF-8.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def quiet_libraries() -> None:
    """Keep libraries from logging to the terminal what our own sentence then says."""
    if os.environ.get("ETCH_DEBUG") != "1":
        logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)


def fail_inside(error: Exception, where: str = "etch") -> None:
    """Print one line about an error that is ours, and with ``ETCH_DEBUG=1`` where it came from."""
    if os.environ.get("ETCH_DEBUG") == "1":
        traceback.print_exception(error)
    said = " ".join(str(error).split())
    fail(f"internal error in {where}: {type(error).__name__}: {said} (ETCH_DEBUG=1 shows more)")


@contextmanager
def bad_input(subject: str = "") -> Iterator[None]:
    """Turn the errors of a step that only checks input into one sentence and exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        refuse(sentence(error, subject))
    except RuntimeError as error:  # of pathlib, before Python 3.13
        if not str(error).startswith("Symlink loop"):
            raise
        refuse(f"{sentence(error, subject)}: links that lead to each other lead to no file")
