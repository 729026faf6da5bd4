"""Saves that are killed, or fail, at every system call: `python -m tests.support.tracing kill` or `fail`.

Prints a JSON line for each round.  It is a program of its own, because it forks.  It traces its children by
ptrace, which needs Linux on x86-64 and no further permission.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from charseq.errors import CharseqError
from charseq.model.model_file import Model, read, write
from tests.support.models import lstm_model

PTRACE_TRACEME, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_SYSCALL, PTRACE_SETOPTIONS = 0, 12, 13, 24, 0x4200
TRACESYSGOOD = 1
CHANGING = {
    1: "write", 2: "open", 18: "pwrite64", 20: "writev", 74: "fsync", 75: "fdatasync", 77: "ftruncate",
    82: "rename", 257: "openat", 264: "renameat", 316: "renameat2",
}  # fmt: skip
"""System calls that may change files, by number."""
NO_SPACE, IO_ERROR = 28, 5
MODEL = Path("model.safetensors")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


REGISTERS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
    "fs_base gs_base ds es fs gs"
)


class Registers(ctypes.Structure):
    """The registers of x86-64, in the kernel's order."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS.split()]


class Traced:
    """A forked child that is stopped at the entry and the exit of every system call."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.pid = os.fork()
        if not self.pid:
            _ask(PTRACE_TRACEME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            work()
            os._exit(0)
        os.waitpid(self.pid, 0)
        _ask(PTRACE_SETOPTIONS, self.pid, ctypes.c_void_p(TRACESYSGOOD))

    def resume(self) -> int | None:
        """Continue to the next stop.  Returns the exit code if the child has ended."""
        _ask(PTRACE_SYSCALL, self.pid)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status) if not os.WIFSTOPPED(status) else None

    def registers(self) -> Registers:
        """Return the registers of the current system call."""
        registers = Registers()
        _ask(PTRACE_GETREGS, self.pid, ctypes.byref(registers))
        return registers

    def change(self, registers: Registers) -> None:
        """Set the registers."""
        _ask(PTRACE_SETREGS, self.pid, ctypes.byref(registers))

    def kill(self) -> None:
        """Kill the child."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def killed(work: Callable[[], None], stop: int) -> bool:
    """Kill the work at its n-th stop.  Returns whether the work reached that stop."""
    child = Traced(work)
    for _ in range(stop):
        if child.resume() is not None:
            return False
    child.kill()
    return True


def failed(
    work: Callable[[], None], number: int, error: int, calls: Mapping[int, str] = CHANGING
) -> tuple[str, int] | None:
    """Make the n-th of some calls fail.  Returns its name and the exit code; None past the last call."""
    child = Traced(work)
    seen, name, entering = 0, "", True
    while (status := child.resume()) is None:
        registers = child.registers()
        if entering and (call := calls.get(registers.orig_rax)):
            seen += 1
            if seen == number:
                name, registers.orig_rax = call, 2**64 - 1
                child.change(registers)
        elif not entering and name and seen == number:
            registers.rax = 2**64 - error
            child.change(registers)
            seen += 1
        entering = not entering
    return (name, status) if name else None


def _ask(request: int, pid: int, data: Any = None) -> None:
    if _libc.ptrace(request, pid, None, data) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")


def _file_names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def _rounds(kind: str, old: Model, new: Model) -> None:
    write(MODEL, new)
    files = {"new": MODEL.read_bytes()}
    write(MODEL, old)
    files["old"] = MODEL.read_bytes()

    def save() -> None:
        try:
            write(MODEL, new)
        except CharseqError as error:
            os._exit(1 if error.message and error.hint else 70)

    for number in range(1, 1000):
        write(MODEL, old)
        if kind == "kill":
            result: Any = killed(save, number) or None
        else:
            result = failed(save, number, NO_SPACE if number % 2 else IO_ERROR)
        if result is None:
            return
        read(MODEL)
        model = next((name for name, data in files.items() if data == MODEL.read_bytes()), "neither")
        remaining = _file_names()
        write(MODEL, new)
        record = {"result": result, "model": model, "remaining": remaining, "after_next_save": _file_names()}
        print(json.dumps(record), flush=True)  # noqa: T201
    raise AssertionError("a save does not end")


if __name__ == "__main__":
    _rounds(sys.argv[1], lstm_model(seed=1), lstm_model(seed=2))
