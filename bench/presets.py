"""What x264's presets give for their time: `python bench/presets.py [--media DIR]`.

Pieces of real films, cropped and enlarged as a Reel is, encoded with the product's settings; VMAF against the same
crop without loss. Mean, and the worst twentieth of the frames.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from stakazo.media import ffmpeg

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 3
PIECES = {
    "bbb_1min_720p30.mp4": (20, "crop=404:720:400:0"),
    "exo-hdr10-video-with-sdr-container.mp4": (0, "crop=606:1080:400:0"),
    "bikes.mp4": (2, "crop=152:272:200:0"),
}
SETTINGS = [("superfast", 18), ("superfast", 20), ("veryfast", 16), ("veryfast", 18), ("faster", 18), ("medium", 18)]


def run(argv: list[str]) -> float:
    """CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([ffmpeg.executable(), "-hide_banner", "-nostdin", "-loglevel", "error", *argv], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(source: Path, start: int, crop: str, preset: str, crf: int, folder: Path) -> str:
    made, log = folder / "made.mp4", folder / "vmaf.json"
    chain = f"{crop},scale=1080:1920:flags=lanczos,format=yuv420p"
    piece = ["-ss", str(start), "-t", str(SECONDS), "-i", str(source)]
    how = ["-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-bf", "2", "-g", "60", "-profile:v", "high"]
    cpu = run([*piece, "-an", "-vf", chain, *how, "-maxrate", "12000k", "-bufsize", "24000k", "-y", str(made)])
    graph = (
        f"[1:v]{chain},setpts=PTS-STARTPTS[r];[0:v]setpts=PTS-STARTPTS[d];"
        f"[d][r]libvmaf=n_threads=2:n_subsample=3:log_fmt=json:log_path={log}"
    )
    run(["-i", str(made), *piece, "-lavfi", graph, "-f", "null", "-"])
    scores = [frame["metrics"]["vmaf"] for frame in json.loads(log.read_text())["frames"]]
    rate = made.stat().st_size * 8 / 1000 / SECONDS
    return f"| {preset} {crf} | {cpu:.1f} | {rate:.0f} | {np.mean(scores):.1f} | {np.percentile(scores, 5):.1f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared" / "media")
    parser.add_argument("--report", type=Path, default=ROOT / "bench" / "reports" / "presets.md")
    given = parser.parse_args()
    lines = [
        "# x264's presets for an upload",
        "",
        f"Written by `bench/presets.py`: {SECONDS} s pieces as 1080x1920.",
        "",
    ]
    for name, (start, crop) in PIECES.items():
        lines += [f"## {name}", "", "| preset, CRF | CPU s | kbit/s | VMAF mean | VMAF p5 |", "|---|---|---|---|---|"]
        with tempfile.TemporaryDirectory() as folder:
            lines += [row(given.media / name, start, crop, *setting, Path(folder)) for setting in SETTINGS]
        lines.append("")
    print("\n".join(lines))
    given.report.write_text("\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
