"""The report in a real browser: it stands, asks nobody for anything, and its films play from beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from stakazo.report.data import ReportClip, ReportData
from stakazo.report.page import write_report
from stakazo.sample import FormPart, Spec, make

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--no-default-browser-check", "--disable-default-apps", "--disable-extensions", "--mute-audio",
)  # fmt: skip

# Asks the first film for its metadata, as a click on play does, and writes what it learns where a dump shows it.
PROBE = """<script>
const video = document.querySelector("video"), body = document.body;
body.dataset.wide = String(document.documentElement.scrollWidth <= window.innerWidth);
body.dataset.refused = "0";
document.addEventListener("securitypolicyviolation", () => body.dataset.refused = "1");
video.addEventListener("loadedmetadata", () => {
  body.dataset.film = `${video.videoWidth}x${video.videoHeight} ${video.duration.toFixed(1)}s`;
});
video.addEventListener("error", () => body.dataset.film = "error " + video.error.code);
video.preload = "metadata"; video.load();
</script>"""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        said = "needs Chromium (Debian: apt-get install chromium) to open the report as a person does"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return found


def browse(chromium: str, folder: Path, *asked: str) -> str:
    """Runs the browser on `folder`/report.html with a profile of its own; gives what it prints."""
    profile = folder.parent / f"{folder.name}-profile"
    command = [chromium, *FLAGS, f"--user-data-dir={profile}", *asked, (folder / "report.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path, data: ReportData, clip: ReportClip) -> Path:
    """A report with one real film beside it."""
    out = tmp_path / "out"
    make(
        out / "clip-01" / "instagram_reel.mp4",
        Spec(duration=2, width=90, height=160, fps=15, form=(FormPart("drop", 1),)),
    )
    best = replace(clip, variants=clip.variants[:1])
    write_report(out / "report.html", replace(data, clips=(best, *data.clips[1:])))
    return out


def with_probe(folder: Path) -> None:
    """Lets our own script run in the page, which its own policy forbids."""
    page = folder / "report.html"
    text = page.read_text(encoding="utf-8")
    policy = "default-src &#x27;none&#x27;;"
    assert policy in text
    text = text.replace(policy, f"{policy} script-src 'unsafe-inline';", 1)
    page.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")


@pytest.mark.parametrize("width", [390, 1440])
def test_a_film_beside_the_report_loads_and_the_page_fits_the_screen(chromium: str, folder: Path, width: int):
    with_probe(folder)
    asked = ("--dump-dom", "--virtual-time-budget=15000", f"--window-size={width},1200")
    page = browse(chromium, folder, *asked)
    body = page[page.index("<body") : page.index(">", page.index("<body"))]
    assert 'data-film="90x160 2.0s"' in body
    assert 'data-wide="true"' in body
    assert 'data-refused="0"' in body


def test_the_report_can_be_looked_at(chromium: str, folder: Path, tmp_path: Path):
    picture = tmp_path / "page.png"
    browse(chromium, folder, f"--screenshot={picture}", "--window-size=1200,900")
    shown = cv2.imread(str(picture))
    assert shown is not None
    assert shown.shape == (900, 1200, 3)
    assert shown[:60].mean() < 90  # the head is dark
    assert shown.std() > 30
    assert len({tuple(colour) for colour in shown[::7, ::7].reshape(-1, 3)}) > 400  # and its pictures are there
