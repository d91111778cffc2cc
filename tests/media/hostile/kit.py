"""What hostile files are made with: small real films, a secret that they want, an address that they want to call."""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from stakazo.media import ffmpeg

SECONDS = 9
FRAMES = 25 * SECONDS
PICTURES = ("-f", "lavfi", "-i", f"testsrc2=s=192x108:r=25:d={SECONDS}")
FILM = (*PICTURES, "-f", "lavfi", "-i", f"sine=f=440:d={SECONDS}:r=44100")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p")


@dataclass(frozen=True)
class Kit:
    """Where the corpus is made, and what it aims at."""

    folder: Path
    canary: str
    """`host:port` where nobody should call."""

    @cached_property
    def word(self) -> str:
        """What must appear nowhere."""
        return f"planted-{secrets.token_hex(16)}"

    @cached_property
    def secret(self) -> Path:
        """A text that nobody should open."""
        path = self.folder / "secret.txt"
        path.write_text(f"{self.word}\n" * 100)
        return path

    @cached_property
    def victim(self) -> Path:
        """A film that nobody should open."""
        path = self.folder / "victim.mp4"
        path.write_bytes(self.ffmpeg(*FILM, *H264, "-t", "8", "-metadata", f"title={self.word}", suffix=".mp4"))
        return path

    @cached_property
    def film(self) -> bytes:
        """As long as a short clip, its index at the end: boxes can change their size and all offsets stay right."""
        return self.ffmpeg(*FILM, *H264, "-c:a", "aac", "-b:a", "64k", suffix=".mp4")

    @cached_property
    def picture(self) -> bytes:
        """A small PNG."""
        return self.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x36:d=1", "-frames:v", "1", suffix=".png")

    def ffmpeg(self, *arguments: str | Path, suffix: str) -> bytes:
        """What FFmpeg makes of these arguments."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder) / f"made{suffix}"
            command = [ffmpeg.executable(), "-hide_banner", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
            subprocess.run([*command, str(path)], check=True, timeout=120)
            return path.read_bytes()

    def remade(self, *arguments: str | Path, suffix: str) -> bytes:
        """What FFmpeg makes of the film."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder) / "film.mp4"
            path.write_bytes(self.film)
            return self.ffmpeg("-i", path, *arguments, suffix=suffix)


Make = Callable[[Kit], bytes]


@dataclass(frozen=True)
class Hostile:
    """One hostile file."""

    name: str
    make: Make
    upload: str
    """What its sender calls it."""
    grown: int = 0
    """Bytes that it is made longer by, without holding anything (a sparse file)."""
    slow: bool = False
    """Whether it takes seconds to make or to refuse."""


HOSTILE: dict[str, Hostile] = {}
"""Every kind there is, by name."""


def hostile(upload: str = "film.mp4", *, grown: int = 0, slow: bool = False) -> Callable[[Make], Make]:
    """Puts a maker into the corpus under its own name."""

    def put(make: Make) -> Make:
        name = make.__name__.removeprefix("_")
        assert name not in HOSTILE, name
        HOSTILE[name] = Hostile(name, make, upload, grown, slow)
        return make

    return put


def each(upload: str = "film.mp4", **variants: Any) -> Callable[[Callable[[Kit, Any], bytes]], None]:
    """Puts a maker into the corpus once for each variant."""

    def put(make: Callable[[Kit, Any], bytes]) -> None:
        for word, value in variants.items():
            name = f"{make.__name__}_{word}"
            HOSTILE[name] = Hostile(name, partial(_varied, make, value), upload)

    return put


def _varied(make: Callable[[Kit, Any], bytes], value: Any, kit: Kit) -> bytes:
    return make(kit, value)


def written(kit: Kit, names: Iterator[str] | None = None) -> Iterator[tuple[Hostile, Path]]:
    """Makes the corpus, one file after the other."""
    folder = kit.folder / "corpus"
    folder.mkdir(exist_ok=True)
    assert kit.secret.exists()
    assert kit.victim.exists()
    for name in names or HOSTILE:
        one = HOSTILE[name]
        path = folder / f"{name}.bin"
        with path.open("wb") as file:
            file.write(one.make(kit))
            if one.grown:
                file.truncate(file.tell() + one.grown)
        yield one, path
