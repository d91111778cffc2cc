"""What becomes a child process: gives up everything it doesn't need, one way, then turns into its program.

    python -I -S guard.py ORDERS PROGRAM [ARGUMENT ...]

ORDERS is JSON, written by `confine.py`; a step that isn't ordered is left out, and a step that is ordered and fails
ends the child with code 125: it never runs with less than was ordered. A program of its own and the standard library
alone, since Python code between fork and exec may deadlock in a process that has threads.

Steps, in the order in which they are possible: niceness and memory priority; user, network and IPC namespaces; another
user; no capabilities and no way to any; resource limits; Landlock's view of the files; a system call filter; and at
last the kernel's promise to kill the child when its parent dies.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import resource
import struct
import sys
from typing import Any, NoReturn

FAILED = 125
"""The exit code of a guard that can't do what it was ordered."""

# Linux: prctl(2), capabilities(7), namespaces(7)
PDEATHSIG, KEEPCAPS, CAPBSET_DROP, NO_NEW_PRIVS, CAP_AMBIENT = 1, 8, 24, 38, 47
AMBIENT_RAISE, AMBIENT_CLEAR = 2, 4
DAC_READ_SEARCH = 2
CAPABILITIES_V3 = 0x20080522
NEWUSER, NEWIPC, NEWNET = 0x10000000, 0x08000000, 0x40000000
SIGKILL = 9

# seccomp(2), landlock(7): the same numbers on every architecture but seccomp's
SECCOMP = {"x86_64": 317, "aarch64": 277}
FILTER_SET, FILTER_SPEC_ALLOW = 1, 4
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH = 1
ON_FILES = 0b1100000000000111
"""Landlock's rights that a file can have: execute, write, read, truncate, ioctl. The others are a folder's."""

Orders = dict[str, Any]


def main(orders: Orders, command: list[str]) -> NoReturn:
    try:
        os.closerange(3, max(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 3))
        prepare(orders)
        restrict(orders)
    except OSError as error:
        sys.stderr.write(f"guard: {error}\n")
        os._exit(FAILED)
    os.execv(command[0], command)  # noqa: S606 - that is what a guard is for


def prepare(orders: Orders) -> None:
    """What needs the rights that are still there."""
    if "nice" in orders:
        give_way(orders["nice"])
    for path in orders.get("lend", ()):
        os.chown(path, orders["user"], orders["user"])
    if "namespaces" in orders:
        leave(orders.get("user"), everything=orders["namespaces"] == "all")


def restrict(orders: Orders) -> None:
    """What takes rights away for good."""
    if "privileges" in orders:
        give_up(reading=orders.get("user") is not None)
    for name, value in orders.get("limits", {}).items():
        limit(getattr(resource, name), value)
    if "landlock" in orders:
        landlock(**orders["landlock"])
    if "filter" in orders:
        allow_only(base64.b64decode(orders["filter"]))
    if "parent" in orders:
        die_with(orders["parent"])


# --- steps --------------------------------------------------------------------------------------------------


def give_way(niceness: int) -> None:
    """Less processor time than the worker and the database, and the first to go when memory runs out."""
    os.nice(niceness)
    try:
        with open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123 - pathlib costs its import
            score.write("500")
    except OSError:
        pass


def leave(user: int | None, *, everything: bool) -> None:
    """Go into a user namespace of one's own and, with `everything`, into an empty network and IPC namespace.

    `user` is for root, who becomes that user; in exchange it keeps one capability, which holds in its own namespace
    alone: to read what root may read, as far as the view of the files goes.
    """
    flags = NEWUSER | (NEWNET | NEWIPC if everything else 0)
    if user is None:
        own, group = os.getuid(), os.getgid()
        call("unshare", flags)
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{own} {own} 1")
        write("/proc/self/gid_map", f"{group} {group} 1")
        bound(0)
        return
    ready, go = os.pipe()
    guard, mapper = os.getpid(), os.fork()
    if not mapper:  # only who is outside may map more than itself
        os.close(go)
        done = 1
        if os.read(ready, 1):
            done = mapped(guard)
        os._exit(done)
    call("unshare", flags)
    os.write(go, b"x")
    _, status = os.waitpid(mapper, 0)
    if status:
        raise OSError(f"no user namespace for user {user}")
    bound(1 << DAC_READ_SEARCH)
    call("prctl", KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def mapped(process: int) -> int:
    try:
        for kind in ("uid", "gid"):
            write(f"/proc/{process}/{kind}_map", "0 0 4294967295")
    except OSError:
        return 1
    return 0


def limit(name: int, value: int) -> None:
    """Never more than there was. At the end of its processor time a program gets a few seconds to say so."""
    _, most = resource.getrlimit(name)
    end = value + 5 if name == resource.RLIMIT_CPU else value
    if most != resource.RLIM_INFINITY:
        value, end = min(value, most), min(end, most)
    resource.setrlimit(name, (value, end))


def landlock(rights: int, net: int, scoped: int, size: int, paths: list[tuple[str, int]]) -> None:
    """From now on only these files, with these rights (and what is beneath them, where they are folders)."""
    attributes = struct.pack("=QQQ", rights, net, scoped)[:size]
    call("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)
    ruleset = system(CREATE_RULESET, attributes, size, 0)
    for path, allowed in paths:
        try:
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        if not os.path.isdir(path):  # noqa: PTH112 - pathlib costs its import
            allowed &= ON_FILES  # noqa: PLW2901 - a folder's rights mean nothing on a file
        system(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", allowed & rights, handle), 0)
        os.close(handle)
    system(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def landlock_version() -> int:
    """The kernel's; 0 where it has none."""
    version: int = CDLL.syscall(ctypes.c_long(CREATE_RULESET), None, ctypes.c_long(0), ctypes.c_long(1))
    return max(version, 0)


def give_up(*, reading: bool) -> None:
    """No capability and no way to one; `reading` keeps the one that `leave` is about."""
    kept = 1 << DAC_READ_SEARCH if reading else 0
    bound(kept)
    header = struct.pack("=Ii", CAPABILITIES_V3, 0)
    call("capset", header, struct.pack("=IIIIII", kept, kept, kept, 0, 0, 0))
    call("prctl", CAP_AMBIENT, AMBIENT_CLEAR, 0, 0, 0)
    if reading:
        call("prctl", CAP_AMBIENT, AMBIENT_RAISE, DAC_READ_SEARCH, 0, 0)
    call("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)


def bound(kept: int) -> None:
    """No program that is started from now on can have a capability but those kept."""
    for capability in range(64):
        if not kept >> capability & 1 and CDLL.prctl(CAPBSET_DROP, capability, 0, 0, 0):
            break  # unprivileged, or past the last


def allow_only(program: bytes) -> None:
    """The kernel asks this BPF program about every system call from now on."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    call("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)
    code = Program(len(program) // 8, program)
    system(SECCOMP[os.uname().machine], FILTER_SET, FILTER_SPEC_ALLOW, ctypes.byref(code))


def die_with(parent: int) -> None:
    """SIGKILL at the parent's death, and now if it is gone already. Last, since a change of user forgets it."""
    call("prctl", PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(137)


# --- the kernel ---------------------------------------------------------------------------------------------

CDLL = ctypes.CDLL(None, use_errno=True)
CDLL.syscall.restype = ctypes.c_long


def call(name: str, *arguments: Any) -> int:
    return checked(name, getattr(CDLL, name)(*arguments))


def system(number: int, *arguments: Any) -> int:
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return checked(f"system call {number}", CDLL.syscall(ctypes.c_long(number), *wide))


def checked(name: str, result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
