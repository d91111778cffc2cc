"""Hostile files end in facts or in a refusal that says why: nothing else is opened, nobody is called, nothing crashes.

The whole corpus is probed in confined children; some of it goes all the way. Through the whole system, and with what
takes its time: `make hostile`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.media.films import names
from tests.media.hostile.make import HOSTILE, Kit, written
from tests.media.hostile.watch import Canary, Opens

from stakazo import media
from stakazo.media import ffmpeg, means
from stakazo.media.choice import ClipRules
from stakazo.media.confine import GB, Access, Limits
from stakazo.media.errors import MediaError, Stopped
from stakazo.media.render import render
from stakazo.media.types import Span
from stakazo.variants import recipes

PROBE = """
import json, resource, sys
import av
from pathlib import Path
from stakazo.media.errors import MediaError, Stopped
from stakazo.media.probe import probe

av.logging.set_level(None)
for name in sys.argv[1:]:
    print(json.dumps([Path(name).stem, "begun", "", 0]), flush=True)
    try:
        info = probe(Path(name))
        end, said = "", f"{info.duration} {info.video} {info.audio} {info.notes}"
    except MediaError as error:
        end, said = error.code, str(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps([Path(name).stem, end, said, peak]), flush=True)
"""
REFUSALS = {"unreadable", "too_big", "no_video", "no_audio", "too_short", "stopped"}
LIMITS = Limits(memory=2 * GB, cpu=120)
GOOD = {"and_zip", "cover", "metadata_markup", "metadata_terminal", "declared_of_65535", "described_colours", "sparse"}
"""Hostile, but good films all the same."""
WHOLE_WAY = ["samples_nan", "picture_bigger_than_it_says", "described_aspect", "sizes_change"]


@dataclass(frozen=True)
class Corpus:
    kit: Kit
    canary: Canary
    opens: Opens
    paths: dict[str, Path]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    with Canary() as canary:
        kit = Kit(tmp_path_factory.mktemp("hostile"), canary.address)
        quick = (name for name, one in HOSTILE.items() if not one.slow)
        paths = {one.name: path for one, path in written(kit, quick)}
        opens = Opens([kit.secret, kit.victim])
        yield Corpus(kit, canary, opens, paths)
        opens.close()


async def probed(paths: list[Path]) -> dict[str, tuple[str, str, int]]:
    """How each ends: the refusal's code (or none), what is said, and the child's biggest memory so far in MB."""
    found: dict[str, tuple[str, str, int]] = {}
    left = list(paths)
    while left:
        lines: list[list[Any]] = []
        ended = await ffmpeg.child(
            [sys.executable, "-P", "-c", PROBE, *map(str, left)],
            access=Access(programs=means.python(), reads=(left[0].parent,)),
            limits=LIMITS,
            line=lambda text, lines=lines: lines.append(json.loads(text)),  # type: ignore[misc]
            timeout=200,
        )
        found |= {name: (end, said, peak) for name, end, said, peak in lines}
        done = {name for name, *_ in lines}
        if ended.code:  # a child that a file has killed says so, and the next goes on behind that file
            found[lines[-1][0]] = ("killed", f"{ended.code} {ended.stderr[-300:]}", 0)
        left = [path for path in left if path.stem not in done]
    return found


async def test_every_hostile_file_ends_in_facts_or_in_a_refusal_that_says_why(corpus: Corpus):
    assert len(HOSTILE) >= 200
    ends = await probed(list(corpus.paths.values()))
    assert set(ends) == set(corpus.paths)
    wrong = {name: end for name, end in ends.items() if end[0] and (end[0] not in REFUSALS or len(end[1]) < 15)}
    assert not wrong
    assert {name for name in GOOD if ends[name][0]} == set()
    assert all(end[0] for name, end in ends.items() if name.startswith(("text_", "behind_", "only_", "gab2")))
    assert max(peak for _, _, peak in ends.values()) <= LIMITS.memory >> 20
    told = " ".join(said for _, said, _ in ends.values())
    assert corpus.kit.word not in told
    assert told.isprintable()
    assert corpus.canary.calls == []
    assert corpus.opens.seen() == []


async def test_the_traps_work_where_nobody_is_careful(corpus: Corpus):
    """Else the tests here would show nothing."""
    lists = ["-f", "hls", "-allowed_extensions", "ALL", "-allowed_segment_extensions", "ALL"]
    for name in ("text_hls_victim", "text_hls_http"):
        careless = [*lists, "-protocol_whitelist", "file,http,tcp", "-i", str(corpus.paths[name]), "-f", "null", "-"]
        try:
            await ffmpeg.run(careless, access=None, timeout=20)
        except MediaError:
            continue
    assert corpus.kit.victim in corpus.opens.seen()
    assert corpus.canary.calls
    corpus.canary.calls.clear()


@pytest.mark.skipif(not means.here().files, reason="files can't be hidden from a child here")
@pytest.mark.parametrize("name", ["text_hls_victim", "text_hls_http", "text_concat_victim", "reference_alias"])
async def test_even_a_careless_ffmpeg_reaches_nothing_from_inside(corpus: Corpus, name: str):
    """The second wall: had a playlist got past everything else, there would be nothing behind it."""
    lax = ["-protocol_whitelist", "file,http,tcp,data,crypto"]
    if "hls" in name:
        lax += ["-f", "hls", "-allowed_extensions", "ALL", "-allowed_segment_extensions", "ALL"]
    if "concat" in name:
        lax += ["-f", "concat", "-safe", "0"]
    if "reference" in name:
        lax += ["-enable_drefs", "1", "-use_absolute_path", "1"]
    path = corpus.paths[name]
    with pytest.raises(MediaError):
        await ffmpeg.run([*lax, "-i", str(path), "-f", "null", "-"], access=Access(reads=(path,)), timeout=20)
    assert corpus.opens.seen() == []
    assert corpus.canary.calls == []


@pytest.mark.parametrize("name", WHOLE_WAY)
async def test_what_can_be_seen_goes_all_the_way(corpus: Corpus, tmp_path: Path, name: str):
    path = corpus.paths[name]
    analysis = await media.analyse_in_child(path, timeout=120, within=tmp_path)
    picks = media.choose(analysis, ClipRules())[:1]
    json.dumps(media.analysis_to_dict(analysis), allow_nan=False)
    shown = await media.preview_in_child(path, picks, height=90, info=analysis.info, within=tmp_path)
    assert all(preview.thumbnail.startswith(b"\xff\xd8") for preview in shown)
    span = Span(picks[0].window.start, picks[0].window.start + 1.5)
    (plan,) = recipes.plans(path, analysis, span, {"instagram_feed": tmp_path / "feed.mp4"})
    (made,) = await render(plan, timeout=120)
    assert made.file.stat().st_size > 1000
    assert names(tmp_path) == ["feed.mp4"]


async def test_a_decoder_that_wants_too_much_processor_is_stopped(corpus: Corpus, tmp_path: Path):
    slow = next(iter(written(corpus.kit, iter(["many_tags"]))))[1]
    with pytest.raises(Stopped, match="processor time"):
        await media.analyse_in_child(slow, timeout=120, limits=Limits(cpu=2), within=tmp_path)
    assert names(tmp_path) == []
