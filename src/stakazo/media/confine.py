"""How a child that opens a stranger's file is kept apart: from what it may do to the command that makes sure. Pure.

Two layers, each used where it works (`means.py` tries them):

* `guard.py` on Linux gives up, from inside, what the kernel lets a process give up: its user where that is root, every
  capability, the network, all files but those named here, every system call that reaches other processes, and
  resources beyond limits.
* bubblewrap around it leaves the child a file system and a process table with nothing else in them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stakazo.media import seccomp

GB = 1024**3
NOBODY = 65534
"""The user that root becomes."""

SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/nix/store", "/etc/ld.so.cache")
"""Where programs' libraries are."""
FACTS = ("/etc/localtime", "/usr/share/zoneinfo", "/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")

KEPT = frozenset({"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"})
KEPT |= {"PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
"""All of the environment that a child gets: no settings, no addresses, no keys."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use. Beyond it the kernel says no to the child, and the machine goes on."""

    memory: int = 6 * GB
    """Bytes of address space: what is reserved, of which it uses a part."""
    file: int = 8 * GB
    """Bytes of the longest file that it may write."""
    cpu: int = 8 * 3600
    """Seconds of processor time, all threads together."""
    open_files: int = 256
    threads: int = 1024
    """Only where it has a user namespace of its own: elsewhere the kernel counts everything the user runs."""


@dataclass(frozen=True, slots=True)
class Access:
    """The files that a child can see. Whatever isn't named isn't there for it."""

    programs: tuple[Path, ...] = ()
    """Files and folders that it may read and run: the program itself and what belongs to it."""
    reads: tuple[Path, ...] = ()
    """Files (and what is in folders) that it may read: the one input."""
    writes: tuple[Path, ...] = ()
    """Files that exist and are its own."""
    folder: Path | None = None
    """A folder of its own, where it starts and puts what is temporary."""

    @property
    def home(self) -> Path:
        return self.folder or Path("/")

    @property
    def own(self) -> tuple[Path, ...]:
        return self.writes if self.folder is None else (*self.writes, self.folder)


@dataclass(frozen=True, slots=True)
class Means:
    """What there is on this machine to keep a child apart with."""

    linux: bool = False
    machine: str = ""
    """As `os.uname` says it."""
    python: str = ""
    guard: str = ""
    """The path of `guard.py`; empty where it can't run."""
    trees: tuple[str, ...] = ()
    """Folders without which Python doesn't start."""
    root: bool = False
    namespaces: bool = False
    """Whether a process may make a user, a network and an IPC namespace of its own."""
    landlock: int = 0
    """The version of the kernel's Landlock; 0 for none."""
    filter: bool = False
    """Whether system calls can be filtered."""
    bubblewrap: str = ""

    @property
    def files(self) -> bool:
        """Whether the child sees no other files."""
        return bool(self.landlock or self.bubblewrap)

    @property
    def network(self) -> bool:
        """Whether the child has no network."""
        return bool(self.namespaces or self.filter or self.bubblewrap)

    @property
    def unprivileged(self) -> bool:
        """Whether the child is not root, even where its parent is."""
        return not self.root or (self.namespaces and self.files)

    @property
    def lends(self) -> bool:
        """Whether the child is another user, to whom its folders are lent."""
        return self.root and self.unprivileged

    @property
    def whole(self) -> bool:
        return self.files and self.network and self.unprivileged and self.filter

    @property
    def words(self) -> str:
        """What is in force, for a person."""
        found = ["limits of memory, processor time and file size"] if self.guard else []
        found += [f"bubblewrap ({self.bubblewrap})"] if self.bubblewrap else []
        found += [f"Landlock {self.landlock}"] if self.landlock else []
        found += ["a system call filter"] if self.filter else []
        found += ["no network"] if self.network else []
        if self.guard and self.linux:
            found += ["a user without rights" if self.unprivileged else "root without capabilities"]
        return ", ".join(found) or "a process of its own, and a time limit"

    @property
    def lacking(self) -> str:
        """What is not in force and what to do about it, for a person; empty when nothing is missing."""
        if not self.linux:
            return (
                "Only Linux lets a process give up files and network: process strangers' videos there. Here a child is "
                "a process of its own with limits."
            )
        found = []
        if not self.files:
            found.append("It can read what Stakazo's user can: install bubblewrap, or use Linux 5.13 with Landlock.")
        if not self.network:
            found.append("It has the network: allow unprivileged user namespaces, or install bubblewrap.")
        if not self.filter:
            found.append("Its system calls aren't filtered: the kernel lacks seccomp, or the machine isn't known.")
        if not self.unprivileged:
            found.append("It stays root, without capabilities: run Stakazo as a user of its own.")
        return " ".join(found)


# --- the command ----------------------------------------------------------------------------------------------


def prefix(access: Access | None, limits: Limits, means: Means, *, parent: int, nice: int = 5) -> list[str]:
    """What stands before a child's program and arguments, so that it can do what it is for and no more.

    Without `access` it keeps everything but its priority, and still dies with its parent.
    """
    if not means.guard:
        return []
    first: dict[str, Any] = {"nice": nice}
    if means.linux:
        first["parent"] = parent
    if access is None:
        return guarded(means, first)
    become = {"user": NOBODY} if means.lends else {}
    if become:
        first |= {"lend": [str(path) for path in access.own]}
    last = become | orders(access, limits, means)
    if means.bubblewrap:
        return [*guarded(means, become | first), *bubblewrap(access, means), *guarded(means, last)]
    return guarded(means, first | last)


def orders(access: Access, limits: Limits, means: Means) -> dict[str, Any]:
    """What the guard that becomes the program gives up."""
    found: dict[str, Any] = {"limits": resources(limits, means)}
    if not means.linux:
        return found
    found["privileges"] = "none"
    if means.namespaces and not means.bubblewrap:
        found["namespaces"] = "all"
    elif means.namespaces and means.root:
        found["namespaces"] = "user"
    if means.landlock:
        found["landlock"] = landlock(access, means)
    if means.filter:
        found["filter"] = base64.b64encode(seccomp.program(means.machine)).decode()
    return found


def guarded(means: Means, given: Mapping[str, Any]) -> list[str]:
    return [means.python, "-I", "-S", means.guard, json.dumps(given, separators=(",", ":"))]


def resources(limits: Limits, means: Means) -> dict[str, int]:
    """setrlimit's names and values."""
    found = {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": limits.cpu,
        "RLIMIT_FSIZE": limits.file,
        "RLIMIT_NOFILE": limits.open_files,
    }
    if means.linux:
        found["RLIMIT_AS"] = limits.memory
    if means.namespaces:
        found["RLIMIT_NPROC"] = limits.threads
    return found


# --- Landlock -------------------------------------------------------------------------------------------------

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REG, TRUNCATE = 1 << 7, 1 << 8, 1 << 14
READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR | REMOVE_FILE | REMOVE_DIR


def landlock(access: Access, means: Means) -> dict[str, Any]:
    """A ruleset as the guard takes it: everything that this version can forbid, but for these paths.

    Neither the input nor what the child writes may be run as a program.
    """
    version = means.landlock
    rights = (1 << 13) - 1
    rights |= 1 << 13 if version >= 2 else 0  # linking and renaming between folders
    rights |= TRUNCATE if version >= 3 else 0
    rights |= 1 << 15 if version >= 5 else 0  # ioctl on devices
    paths = [(path, READ | EXECUTE) for path in (*SYSTEM, *map(str, access.programs))]
    paths += [(path, READ) for path in (*FACTS, *DEVICES, *map(str, access.reads))]
    paths += [("/dev/null", READ_FILE | WRITE_FILE)]
    paths += [(str(path), WRITE) for path in access.own]
    return {
        "rights": rights,
        "net": 0b11 if version >= 4 else 0,
        "scoped": 0b11 if version >= 6 else 0,
        "size": 24 if version >= 6 else 16 if version >= 4 else 8,
        "paths": paths,
    }


# --- bubblewrap -----------------------------------------------------------------------------------------------

FOR_THE_GUARD = ("CAP_SETUID", "CAP_SETGID", "CAP_SETFCAP", "CAP_SETPCAP")
"""What the guard of a root's child needs to become another user, and gives up then."""


def bubblewrap(access: Access, means: Means) -> list[str]:
    """bubblewrap's arguments: an empty root with these files, no network, no other processes, no devices."""
    found = [means.bubblewrap, "--die-with-parent", "--unshare-net", "--unshare-ipc", "--unshare-pid", "--unshare-uts"]
    found += ["--unshare-cgroup-try", "--hostname", "child"]
    if means.root:
        found += [word for name in FOR_THE_GUARD for word in ("--cap-add", name)]
    else:
        found += ["--unshare-user"]
    found += ["--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108 - an empty one
    if means.root:
        found += ["--proc", "/proc"]  # where a user namespace gets its map
    for path in _outermost([*SYSTEM, *FACTS[:3], *means.trees, *map(str, access.programs)]):
        found += ["--ro-bind-try", path, path]
    for kept in access.reads:
        found += ["--ro-bind-try", str(kept), str(kept)]
    for own in access.own:
        found += ["--bind", str(own), str(own)]
    return [*found, "--chdir", str(access.home), "--"]


def _outermost(paths: Sequence[str]) -> list[str]:
    """Without those that lie in others of them, in order."""
    found = dict.fromkeys(paths)
    return [path for path in found if not any(str(parent) in found for parent in Path(path).parents)]


# --- environment ----------------------------------------------------------------------------------------------


def environment(given: Mapping[str, str], home: Path) -> dict[str, str]:
    """What a child gets of an environment; what it keeps for itself lies in `home`."""
    found = {name: value for name, value in given.items() if name in KEPT}
    return found | {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
