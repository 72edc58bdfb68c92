"""Java programs that end: each has a deadline, leaves no process behind, and tells in one line why it gave nothing."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import getfile
from pathlib import Path
from shutil import which
from threading import Timer
from typing import IO

from pycocoevalcap.bleu.bleu import Bleu

SECONDS = 60.0  # to start, on a machine that is busy
SECONDS_A_CAPTION = 0.1


class Unavailable(RuntimeError):
    """A figure that cannot be had; the message is the reason, one line."""


class Program:
    """A running program that answers lines with lines, and where its complaints go; see `running`."""

    def __init__(self, process: subprocess.Popen[str], complaints: IO[str]) -> None:
        self.process = process
        self.complaints = complaints
        self.timed_out = False

    def kill(self) -> None:
        """Ends it with all that it started; harmless where it has ended. On Windows it alone."""
        if os.name == "posix":
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
                return
        else:
            self.process.kill()

    def expire(self) -> None:
        """Ends it because its time is up."""
        self.timed_out = True
        self.kill()

    def answer(self, line: str) -> str:
        """What it says to one line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.line()

    def line(self) -> str:
        """Its next line. Raises EOFError where it has ended."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if not said:
            raise EOFError
        return said.strip()


@contextmanager
def running(name: str, words: Sequence[str], seconds: float) -> Iterator[Program]:
    """`java words...` for as long as the block lasts, and at most so many seconds. What goes wrong inside is Unavailable."""
    java = which("java")
    if java is None:
        raise Unavailable(f"{name} needs Java, and there is none")
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        try:
            process = subprocess.Popen(  # noqa: S603 - fixed words
                [java, "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                encoding="utf-8",
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{name}: Java cannot be started ({error.strerror})") from None
        program = Program(process, complaints)
        deadline = Timer(seconds, program.expire)
        deadline.daemon = True
        deadline.start()
        try:
            yield program
        except (OSError, EOFError, ValueError) as error:
            program.kill()
            process.wait()
            if program.timed_out:
                raise Unavailable(f"{name} gave no answer within {seconds:.0f} s and was stopped") from None
            raise Unavailable(f"{name} failed: {last_line(complaints) or str(error) or 'it ended early'}") from None
        finally:
            deadline.cancel()
            program.kill()
            close(process)


def close(process: subprocess.Popen[str]) -> None:
    """Reaps a killed process and closes its pipes."""
    process.wait()
    for pipe in (process.stdin, process.stdout):
        try:
            if pipe is not None:
                pipe.close()
        except OSError:  # what was still to be written has no reader any more
            continue


def last_line(complaints: IO[str]) -> str:
    """The last line that is no stack trace, without line ends."""
    complaints.seek(0)
    lines = [line.strip() for line in complaints if line.strip() and not line.lstrip().startswith("at ")]
    return lines[-1] if lines else ""


def finished(name: str, words: Sequence[str], text: str, seconds: float) -> str:
    """What `java words...` prints when it has read `text`. Raises Unavailable where it fails or its time is up."""
    with running(name, words, seconds) as program:
        said, _ = program.process.communicate(text)
        if program.process.returncode:
            raise EOFError
    return said


def java_version() -> str | None:
    """Java's version; None where there is no Java that runs."""
    try:
        with running("Java", ["-version"], SECONDS) as program:
            program.process.communicate("")
            program.complaints.seek(0)  # there it writes its version
            found = re.search(r'version "([^"]+)"', program.complaints.read())
    except Unavailable:
        return None
    return found[1] if found else None


def time_for(captions: int) -> float:
    """Seconds that a program may take for so many captions."""
    return SECONDS + SECONDS_A_CAPTION * captions


def shipped(*parts: str) -> Path:
    """A file of the package pycocoevalcap."""
    return Path(getfile(Bleu)).parents[1].joinpath(*parts)
