"""Whom PostgreSQL's programs run as: it refuses root."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stakazo.core.errors import Unavailable


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Whom the server's programs run as."""

    uid: int
    gid: int
    name: str

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def run(
        self,
        argv: list[str | Path],
        *,
        quiet: bool = False,
        pass_fds: tuple[int, ...] = (),
        within: Path = Path("/"),
        password: str | None = None,
    ) -> tuple[int, str]:
        """Run a program as this user to its end; gives its exit code and what it said.

        `quiet` for what leaves a server behind: that would inherit our pipe, and we would wait for its end. `password`
        is for a server that the program connects to.
        """
        sink = subprocess.DEVNULL if quiet else subprocess.PIPE
        change: dict[str, Any] = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_other else {}
        try:
            done = subprocess.run(
                [str(part) for part in argv],
                cwd=within,
                # Nothing of our environment: PGDATA, PGOPTIONS and the like would be obeyed.
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
                | ({"PGPASSWORD": password} if password is not None else {}),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.DEVNULL if quiet else subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in our terminal is not meant for the server
                pass_fds=pass_fds,
                text=True,
                check=False,
                **change,
            )
        except (PermissionError, subprocess.SubprocessError) as error:
            raise Unavailable(
                f"{argv[0]} can't be run as the user {self.name}: {error}. PostgreSQL refuses to run as root; run "
                "Stakazo as a plain user, or set STAKAZO_DATABASE_URL."
            ) from error
        return done.returncode, done.stdout or ""

    def reaches(self, folder: Path) -> bool:
        """Whether this user may go into a folder; asked of the system, which also knows access lists and mounts."""
        if not self.is_other:
            return os.access(folder, os.X_OK)
        return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder])[0] == 0

    def own(self, path: Path, mode: int) -> None:
        """Give this user a file or folder that we have just made."""
        path.chmod(mode)
        if self.is_other:
            os.chown(path, self.uid, self.gid)


def server_user(data: Path) -> ServerUser:
    """Ourselves; but for root, which PostgreSQL refuses: whoever owns the data, else `postgres`, else `nobody`."""
    owner = data.stat() if data.exists() else None
    me = os.geteuid()
    if me != 0:
        if owner and owner.st_uid != me:
            raise Unavailable(
                f"{data} belongs to another user (uid {owner.st_uid}). Run Stakazo as the user who ran it first, or "
                "set STAKAZO_DATA_DIR to a folder of your own."
            )
        return ServerUser(me, os.getegid(), str(me))
    if owner and owner.st_uid != 0:
        return ServerUser(owner.st_uid, owner.st_gid, str(owner.st_uid))
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return ServerUser(entry.pw_uid, entry.pw_gid, name)
    raise Unavailable("PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody' to run it as.")
