"""What a person sees while a video is worked on: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stakazo.cli.client import Row
from stakazo.cli.output import console, say
from stakazo.cli.watch import ENDED

if TYPE_CHECKING:
    from rich.progress import TaskID

NAMES = {
    "cut_analysis": "Look and listen",
    "propose_clips": "Choose clips",
    "generate_variants": "Render",
    "publish_variant": "Publish",
    "measure_publication": "Measure a post",
    "launch_campaign": "Make the campaign",
    "steer_campaign": "Let the campaign run",
    "tend_audience": "Make the audience",
    "watch_ad_account": "Watch the ads",
    "collect_ad_metrics": "Measure the ads",
    "read_news": "Read what platforms tell",
    "read_mentions": "Ask who has mentioned us",
}


class Screen(Protocol):
    """Where progress goes."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def upload(self, sent: int, total: int, /) -> None: ...
    def name(self, job_id: str, name: str, /) -> None: ...
    def job(self, row: Row, /) -> None: ...
    def note(self, message: str, /) -> None: ...


class Silent:
    """For --json: nobody looks."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def upload(self, *_: object) -> None:
        return

    def name(self, *_: object) -> None:
        return

    def job(self, *_: object) -> None:
        return

    def note(self, *_: object) -> None:
        return


class _Named:
    """Jobs by the names that mean something to a person."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, job_id: str, name: str) -> None:
        self._names[job_id] = name

    def of(self, row: Row) -> str:
        return self._names.get(row["id"]) or NAMES.get(row["type"]) or str(row["type"])


class Lines(_Named):
    """For a log: a line whenever a stage begins, at each quarter, and at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, tuple[object, ...]] = {}
        self._sent = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def upload(self, sent: int, total: int) -> None:
        quarter = 4 * sent // max(total, 1)
        if quarter > self._sent:
            self._sent = quarter
            say(f"Upload: {25 * quarter} %")

    def job(self, row: Row) -> None:
        now = (row["state"], row["attempt"], row["stage"], int(4 * (row["progress"] or 0)))
        if self._said.get(row["id"]) == now or row["state"] == "PENDING":
            return
        self._said[row["id"]] = now
        what = row["state"].lower() if row["state"] != "PROCESSING" else (row["stage"] or "begins")
        say(f"{self.of(row)}: {what}, {100 * (row['progress'] or 0):.0f} %{_because(row)}")

    def note(self, message: str) -> None:
        say(message)


class Bars(_Named):
    """For a terminal: one bar per job."""

    def __init__(self) -> None:
        super().__init__()
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}", justify="left"),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[stage]}"),
            console=console(stderr=True),
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _bar(self, key: str, name: str, total: float) -> TaskID:
        if key not in self._bars:
            self._bars[key] = self._progress.add_task(name, total=total, stage="")
        return self._bars[key]

    def upload(self, sent: int, total: int) -> None:
        self._progress.update(self._bar("upload", "Upload", total), completed=sent)

    def job(self, row: Row) -> None:
        bar = self._bar(row["id"], self.of(row), 1.0)
        done = row["state"] == "COMPLETED"
        stage = "" if done else row["message"] or row["stage"] or ("waits" if row["state"] == "PENDING" else "")
        if row["state"] in ENDED - {"COMPLETED"} or row["state"] == "RETRY":
            stage = row["state"].lower() + _because(row)
        self._progress.update(
            bar, completed=1.0 if done else min(row["progress"] or 0.0, 0.999), description=self.of(row), stage=stage
        )

    def note(self, message: str) -> None:
        self._progress.console.print(message)


def _because(row: Row) -> str:
    error = row.get("error")
    return f": {error['detail']}" if error and row["state"] in {"FAILED", "RETRY"} else ""
