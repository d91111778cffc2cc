"""What a sample shall be: a few numbers from which everything else follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

BEATS_PER_BAR = 4


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part of the song's form."""

    label: str
    """intro, verse, chorus, break, build, drop or outro."""
    bars: int


#: The demo's song, in 45 bars: what a club track with a hook usually does, shortened.
FULL_FORM = (
    FormPart("intro", 4),
    FormPart("verse", 8),
    FormPart("chorus", 8),
    FormPart("break", 4),
    FormPart("build", 4),
    FormPart("drop", 8),
    FormPart("chorus", 4),
    FormPart("outro", 5),
)

#: For samples too short for the full form: the parts that a test can't do without.
SHORT_FORM = (FormPart("verse", 2), FormPart("build", 1), FormPart("chorus", 2), FormPart("outro", 1))

LABELS = frozenset({"intro", "verse", "chorus", "break", "build", "drop", "outro"})


class BadSpec(ValueError):
    """A sample that can't be made, in a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A sample to make. The same values give the same pictures and the same song."""

    duration: float = 90.0
    """Seconds, rounded to whole frames."""
    tempo: float = 122.0
    """Beats per minute."""
    width: int = 1280
    height: int = 720
    fps: int = 24
    seed: int = 7
    """Chooses the key, the drummer's small inaccuracies and the order and colours of the pictures."""
    form: tuple[FormPart, ...] = ()
    """Parts of the song in order; empty: the usual form, fitted to the duration."""
    lead_in: float = 0.5
    """Seconds before the first downbeat."""
    loudness: float = -11.0
    """Integrated LUFS of the finished song."""
    sound: bool = True
    """False: a video without a sound stream."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.duration <= 1800.0:
            raise BadSpec(f"a sample lasts 1 to 1800 seconds, not {self.duration:g}")
        if not 40.0 <= self.tempo <= 240.0:
            raise BadSpec(f"the tempo is 40 to 240 beats per minute, not {self.tempo:g}")
        if self.width % 2 or self.height % 2 or self.width < 64 or self.height < 64:
            raise BadSpec(f"width and height are even and at least 64, not {self.width}x{self.height}")
        if not 5 <= self.fps <= 120:
            raise BadSpec(f"5 to 120 frames per second, not {self.fps}")
        if not 0.0 <= self.lead_in < self.duration:
            raise BadSpec(f"the lead-in ends before the sample does, not after {self.lead_in:g} s")
        for part in self.form:
            if part.label not in LABELS or part.bars < 1:
                raise BadSpec(f"a part is one of {', '.join(sorted(LABELS))} of at least one bar, not {part}")

    @property
    def beat(self) -> float:
        """Seconds from beat to beat."""
        return 60.0 / self.tempo

    @property
    def bar(self) -> float:
        return BEATS_PER_BAR * self.beat

    @property
    def frames(self) -> int:
        return round(self.duration * self.fps)

    @property
    def length(self) -> float:
        """Seconds that really play: whole frames."""
        return self.frames / self.fps

    def parts(self) -> tuple[FormPart, ...]:
        """The form that is played: the chosen one, or the usual one stretched or cut to the bars there are."""
        bars = max(1, int((self.length - self.lead_in) / self.bar + 1e-6))
        form = self.form or _fit(FULL_FORM if bars >= 16 else SHORT_FORM, bars)
        played: list[FormPart] = []
        for part in form:
            left = bars - sum(one.bars for one in played)
            if left <= 0:
                break
            played.append(FormPart(part.label, min(part.bars, left)))
        return tuple(played)


def _fit(form: tuple[FormPart, ...], bars: int) -> tuple[FormPart, ...]:
    """Gives every part its share of the bars: at least one each, in order, nothing left over."""
    total = sum(part.bars for part in form)
    if bars == total:
        return form
    if bars < len(form):
        return form[:bars] if bars < 2 else (*form[: bars - 1], form[-1])
    shares = [max(1, int(part.bars * bars / total)) for part in form]
    while (left := bars - sum(shares)) != 0:
        wanting = [part.bars * bars / total - share for part, share in zip(form, shares, strict=True)]
        if left > 0:
            shares[wanting.index(max(wanting))] += 1
        else:
            reducible = [want if share > 1 else float("inf") for want, share in zip(wanting, shares, strict=True)]
            shares[reducible.index(min(reducible))] -= 1
    return tuple(FormPart(part.label, share) for part, share in zip(form, shares, strict=True))
