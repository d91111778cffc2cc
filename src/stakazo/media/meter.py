"""FFmpeg's loudness meter (BS.1770, the `ebur128` filter) over decoded sound, on the channels as they are."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import cast

import av
import av.error
import av.filter

from stakazo.media.loudness import Reading

Filter = tuple[str, str]
"""FFmpeg's name of a filter, and its options."""


class Meter:
    """A chain of filters with the meter in it: frames go in, frames of a tenth of a second come out, measured."""

    def __init__(self, *, before: Sequence[Filter] = (), after: Sequence[Filter] = ()) -> None:
        self._filters = [*before, ("ebur128", "metadata=1:peak=true:framelog=quiet"), *after]
        self._graph: av.filter.Graph | None = None
        """Kept, since its filters don't keep it."""
        self._source: av.filter.context.FilterContext
        self._sink: av.filter.context.FilterContext
        self._format: tuple[str, str, int] = ("", "", 0)
        self._resampler: av.AudioResampler | None = None
        self._resampled: tuple[str, str, int] = ("", "", 0)

    def push(self, frame: av.AudioFrame) -> Iterator[av.AudioFrame]:
        if self._graph is None:
            self._build(frame)
        for fitting in self._fit(frame):
            fitting.pts = None
            self._source.push(fitting)
        yield from self._pull()

    def finish(self) -> Iterator[av.AudioFrame]:
        if self._graph is not None:
            self._source.push(None)
            yield from self._pull()

    def _build(self, frame: av.AudioFrame) -> None:
        self._graph = graph = av.filter.Graph()
        self._format = form, layout, rate = _format(frame)
        self._source = graph.add_abuffer(sample_rate=rate, format=form, layout=layout, time_base=frame.time_base)
        self._sink = graph.add("abuffersink")
        chain = [self._source, *(graph.add(name, options) for name, options in self._filters), self._sink]
        for one, following in itertools.pairwise(chain):
            one.link_to(following)
        graph.configure()

    def _fit(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """The frame in the first frame's format: a stream may change its rate or its channels midway."""
        if _format(frame) == self._format:
            return [frame]
        if self._resampler is None or self._resampled != _format(frame):
            form, layout, rate = self._format
            self._resampler = av.AudioResampler(format=form, layout=layout, rate=rate)
            self._resampled = _format(frame)
        frame.pts = None
        return self._resampler.resample(frame)

    def _pull(self) -> Iterator[av.AudioFrame]:
        while True:
            try:
                yield cast(av.AudioFrame, self._sink.pull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return


def reading(measured: av.AudioFrame) -> Reading | None:
    """What the meter said after this frame; None for what the filters behind it still held at the end."""
    said = measured.metadata
    try:
        return Reading(
            momentary=float(said["lavfi.r128.M"]),
            integrated=float(said["lavfi.r128.I"]),
            range=float(said["lavfi.r128.LRA"]),
            true_peak=float(said["lavfi.r128.true_peak"]),
        )
    except KeyError:
        return None


def _format(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate
