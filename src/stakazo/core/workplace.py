"""Work that isn't done, on this machine's own disk: nobody else uses its name, and it is adopted when it is done.

<root>/tmp/<host>.<pid>.<random>/       one process's work, and `alive`, which it holds locked while it lives
<root>/incoming/<upload>                the bytes of an upload that comes in parts
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from stakazo.core.actor import new_id
from stakazo.core.errors import NoSpace

_FULL = {errno.ENOSPC, errno.EDQUOT}
STALE_AFTER = 6 * 3600.0
"""Seconds after which untouched work belongs to nobody, where no lock tells."""
_ALIVE = "alive"
_making = threading.Lock()
_workshops: dict[tuple[Path, int], tuple[Path, int]] = {}
"""By root and process: the workshop, and the descriptor that holds its lock until the process ends."""


@contextlib.contextmanager
def enough_space() -> Iterator[None]:
    """Turns the system's "disk full" into `NoSpace` around anything that writes."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace("The disk is full. Free some space, then do this again.") from error
        raise


class Workplace:
    """A folder on this machine's disk for work that isn't done; finished files may lie in it too."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._temporary = root / "tmp"
        self._incoming = root / "incoming"

    def workshop(self) -> Path:
        """This process's folder of work that isn't done, on the same filesystem; it is swept when the process is dead.

        The kernel drops the lock in it with the process, however that ends.
        """
        place = self.root, os.getpid()
        with _making:
            if place in _workshops and _workshops[place][0].exists():
                os.utime(_workshops[place][1])  # for those who can't see the lock
            else:
                with enough_space():
                    _workshops[place] = _make_workshop(self._temporary)
            return _workshops[place][0]

    def temporary(self, suffix: str = "") -> Path:
        """A path in the workshop that nobody else uses."""
        return self.workshop() / f"{new_id().hex}{suffix}"

    def incoming(self, upload_id: UUID) -> Path:
        """Where the bytes of an upload gather that comes in parts."""
        with enough_space():
            self._incoming.mkdir(parents=True, exist_ok=True)
        return self._incoming / upload_id.hex

    def free_bytes(self) -> int:
        """What still fits on this disk."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free

    def require_room(self, coming: int, reserve: int) -> None:
        """Raises NoSpace when so many bytes more would leave less than the reserve."""
        if self.free_bytes() - coming < reserve:
            raise NoSpace("The disk has no room for this video. Make room and try again.")

    def sweep(self, older_than: float = STALE_AFTER) -> int:
        """Remove the workshops of dead processes of this machine, and what nobody has touched for so many seconds.

        Says how many things it removed.
        """
        return _sweep(self._temporary, older_than)

    def sweep_incoming(self, older_than: float) -> int:
        """Remove the bytes of uploads to which nothing has come for so many seconds; says how many files."""
        return _sweep(self._incoming, older_than)


def _make_workshop(within: Path) -> tuple[Path, int]:
    """A new folder, under its own name only once it is locked; and the descriptor of the lock."""
    name = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"
    made = within / f".{name}"
    made.mkdir(parents=True)
    handle = os.open(made / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with contextlib.suppress(OSError):  # a filesystem without locks: then its age tells
        fcntl.flock(handle, fcntl.LOCK_EX)
    return made.rename(within / name), handle


def _sweep(folder: Path, older_than: float) -> int:
    limit, swept = time.time() - older_than, 0
    for left in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            dead = _is_dead(left)
            if dead or (dead is None and _last_touched(left) < limit):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
                swept += 1
    return swept


def _is_dead(workshop: Path) -> bool | None:
    """Whether the process of this machine whose workshop this is has ended: its lock is free. None: who knows."""
    if not workshop.name.startswith(f"{socket.gethostname()}."):
        return None
    try:
        handle = os.open(workshop / _ALIVE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    finally:
        os.close(handle)
    return True


def _last_touched(path: Path) -> float:
    return max(part.stat().st_mtime for part in (path, *path.rglob("*")))
