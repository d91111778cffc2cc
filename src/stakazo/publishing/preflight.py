"""Whether something may be published, and if not, why and what could be instead. Pure.

Asked when a publication is wanted, when it is changed, and once more when its time has come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from stakazo.platforms.base import Audience, Kind, Platform
from stakazo.publishing.limits import CLAIMED_SHORT, KNOWN, LIMITS, SHORT, Limits, length
from stakazo.publishing.tokens import EXPIRES_SOON

_HASHTAG = re.compile(r"(?<![\w#&])#(\w*[^\W\d]\w*)")
_MENTION = re.compile(r"(?<![\w@.])@([\w.]*\w)")
ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")
"""A recording's code without its hyphens (ISO 3901): country, registrant, year, number."""
TERRITORY = re.compile(r"[A-Z]{2}")
"""ISO 3166-1 alpha-2."""


class ContentId(StrEnum):
    """What the rights holder's YouTube reference does with a copy, the label's own included."""

    NONE = "none"
    """There is no reference: nothing is claimed."""
    TRACK = "track"
    MONETIZE = "monetize"
    BLOCK = "block"

    @property
    def claims(self) -> bool:
        return self is not ContentId.NONE


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be done with a recording."""

    isrc: str = ""
    artist: str = ""
    embargo_until: datetime | None = None
    """Nothing of it is public before."""
    territories: frozenset[str] | None = None
    """Where it may be published; None: everywhere."""
    content_id: ContentId = ContentId.NONE


@dataclass(frozen=True, slots=True)
class File:
    """A variant's file as it was found. What isn't known isn't judged."""

    name: str
    """The recipe's."""
    size: int | None = None
    """Bytes."""
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    """Seconds."""
    fps: float | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    ready: bool = True
    current: bool = True
    """Whether it shows the clip as it is now."""


@dataclass(frozen=True, slots=True)
class Allows:
    """What an account may post at this moment, as its platform has just said. None: it doesn't say."""

    audiences: frozenset[Audience] | None = None
    longest: float | None = None
    """Seconds of a video."""
    comments: bool | None = None
    duets: bool | None = None
    stitches: bool | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The account that it goes to."""

    platform: Platform
    connected: bool = True
    """Whether its token is believed to work."""
    allowed: bool = True
    """Whether it is of the sandbox, or a person has let it publish for real."""
    may_publish: bool = True
    """Whether the person has allowed it to, as far as is known."""
    expires_at: datetime | None = None
    """When only a person can keep it going; None: never."""
    territory: str | None = None
    """The country whose people it addresses."""
    allows: Allows = Allows()


@dataclass(frozen=True, slots=True)
class Words:
    """What is said with it."""

    caption: str = ""
    title: str = ""
    first_comment: str = ""
    cover_at: float | None = None
    collaborators: tuple[str, ...] = ()
    audience: Audience = Audience.PUBLIC
    comments: bool | None = None
    duets: bool | None = None
    stitches: bool | None = None
    """Whether others may; None: as far as the account allows it."""
    details: frozenset[str] = frozenset()
    """What else is said, by name, where that isn't what goes without saying."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a publication that a person should know."""

    code: str
    sentence: str
    refused: bool = True
    """False: it works, but not as one may think."""


def check(file: File, kind: Kind, target: Target, words: Words, rights: Rights, at: datetime) -> tuple[Finding, ...]:
    """Everything that speaks against publishing this file at this moment."""
    limits = LIMITS.get((target.platform, kind))
    if limits is None:
        there = ", ".join(kind.value for platform, kind in LIMITS if platform is target.platform)
        return (Finding("kind", f"{target.platform.value} takes no {kind.value}; it takes {there}."),)
    known = KNOWN.get((target.platform, kind), frozenset())
    return (
        *_file(file, limits),
        *_words(words, limits, file),
        *_unknown(words, limits, known),
        *(_everybody(words, limits, known) if kind is not Kind.INBOX else ()),
        *_account(target, at),
        *(_allowed(file, words, target) if kind is not Kind.INBOX else ()),
        *_rights(file, target, rights, at),
    )


def fitted(words: Words, platform: Platform, kind: Kind) -> tuple[Words, tuple[Finding, ...]]:
    """Of words that are meant for several channels, those that this one knows; and what is left out on it."""
    limits, left = LIMITS.get((platform, kind)), []
    if limits is not None and words.first_comment and not limits.first_comment:
        words, why = replace(words, first_comment=""), "can't be commented on from here: the first comment is left out"
        left.append(Finding("first_comment", f"{_capital(limits.label)} {why}.", refused=False))
    if limits is not None and words.collaborators and not limits.collaborators:
        words, why = replace(words, collaborators=()), "takes no collaborators: they are left out"
        left.append(Finding("collaborators", f"{_capital(limits.label)} {why}.", refused=False))
    return words, tuple(left)


def refusals(findings: Iterable[Finding]) -> list[Finding]:
    return [found for found in findings if found.refused]


def hashtags(text: str) -> list[str]:
    return _HASHTAG.findall(text)


def mentions(text: str) -> list[str]:
    return _MENTION.findall(text)


def with_hashtags(caption: str, tags: Iterable[str]) -> str:
    """The caption with these hashtags after it, those that it has already left out."""
    there = {tag.casefold() for tag in hashtags(caption)}
    wanted = dict.fromkeys(tag.strip().lstrip("#") for tag in tags)
    missing = " ".join(f"#{tag}" for tag in wanted if tag and tag.casefold() not in there)
    return "\n\n".join(part for part in (caption.rstrip(), missing) if part)


def _file(file: File, limits: Limits) -> Iterator[Finding]:
    label = _capital(limits.label)
    if not file.ready:
        yield Finding("not_rendered", f"The variant {file.name} is not rendered (yet).")
        return
    if not file.current:
        yield Finding("clip_moved", "The clip was moved since this variant was rendered; it shows what it was before.",
                      refused=False)  # fmt: skip
    if file.duration is not None and not limits.shortest <= file.duration <= limits.longest + 0.1:
        yield Finding("duration", f"{label} lasts {limits.shortest:g} to {limits.longest:g} s; this file lasts "
                      f"{file.duration:.1f} s.")  # fmt: skip
    if file.size is not None and file.size > limits.size:
        yield Finding("size", f"{_capital(label)} has up to {limits.size / 1e6:.0f} MB; this file has "
                      f"{file.size / 1e6:.0f} MB.")  # fmt: skip
    if file.fps is not None and not limits.fps[0] - 0.1 <= file.fps <= limits.fps[1] + 0.1:
        yield Finding("fps", f"{_capital(label)} has {limits.fps[0]:g} to {limits.fps[1]:g} frames a second; this "
                      f"file has {file.fps:g}.")  # fmt: skip
    for what, found, taken in (
        ("video_codec", file.video_codec, limits.video_codecs),
        ("audio_codec", file.audio_codec, limits.audio_codecs),
    ):
        if found and taken and found not in taken:
            yield Finding(what, f"{_capital(label)} is in {' or '.join(sorted(taken))}; this file is in {found}.")
    yield from _shape(file, limits)


def _shape(file: File, limits: Limits) -> Iterator[Finding]:
    if not file.width or not file.height:
        return
    short, long = sorted((file.width, file.height))
    if short < limits.sides[0] or long > limits.sides[1]:
        yield Finding("picture", f"{_capital(limits.label)} has sides of {limits.sides[0]} to {limits.sides[1]} "
                      f"pixels; this file has {file.width}x{file.height}.")  # fmt: skip
    if not limits.aspect[0] <= file.width / file.height <= limits.aspect[1]:
        shape = "upright, 9:16" if limits.aspect[1] < 1 else "of another shape"
        yield Finding("shape", f"{_capital(limits.label)} is {shape}; this file has {file.width}x{file.height}.")


def _words(words: Words, limits: Limits, file: File) -> Iterator[Finding]:
    label = _capital(limits.label)
    yield from _caption(words.caption, limits, label)
    yield from _title(words, limits, label)
    if words.first_comment and not limits.first_comment:
        yield Finding("first_comment", f"{label} can't be commented on from here.")
    if len(words.collaborators) > limits.collaborators:
        yield Finding("collaborators", f"{label} takes {limits.collaborators} collaborators; there are "
                      f"{len(words.collaborators)}.")  # fmt: skip
    if words.cover_at is None:
        return
    if not limits.covers:
        yield Finding("cover", f"The cover of {limits.label} can't be chosen: it would be left out.", refused=False)
    elif file.duration is not None and words.cover_at > file.duration:
        yield Finding("cover", f"The cover is to be at {words.cover_at:g} s; this file lasts {file.duration:.1f}.")


_JUDGED = frozenset({"title", "cover_at", "collaborators", "audience"})
"""Details with findings of their own."""


def _unknown(words: Words, limits: Limits, known: frozenset[str]) -> Iterator[Finding]:
    if unknown := sorted(words.details - known - _JUDGED):
        yield Finding("left_out", f"{_capital(limits.label)} knows no {', '.join(unknown)}: left out.", refused=False)


def _everybody(words: Words, limits: Limits, known: frozenset[str]) -> Iterator[Finding]:
    """Who asks for fewer people is not given everybody because a platform knows no choice."""
    if "audience" not in known and words.audience is not Audience.PUBLIC:
        yield Finding("audience", f"{_capital(limits.label)} is for everybody who may see the account, not for "
                      f"{words.audience.value}: leave this channel out, or say `public`.")  # fmt: skip


def _caption(caption: str, limits: Limits, label: str) -> Iterator[Finding]:
    if limits.caption is None:
        if caption:
            yield Finding("caption", f"{label} has no caption: it would be left out.", refused=False)
    elif (long := length(caption, limits.counted_in)) > limits.caption:
        yield Finding("caption", f"{label} takes {limits.caption} {limits.counted_in.value} of caption; this has "
                      f"{long}.")  # fmt: skip
    for what, most, found in (
        ("hashtags", limits.hashtags, hashtags(caption)),
        ("mentions", limits.mentions, mentions(caption)),
    ):
        if most is not None and len(found) > most:
            yield Finding(what, f"{label} takes {most} {what}; the caption has {len(found)}.")


def _title(words: Words, limits: Limits, label: str) -> Iterator[Finding]:
    if words.title and not limits.title:
        yield Finding("title", f"{label} has no title: it would be left out.", refused=False)
    elif len(words.title) > limits.title:
        yield Finding("title", f"{label} takes {limits.title} characters of title; this has {len(words.title)}.")
    if not limits.titled:
        return
    if not words.title.strip():
        yield Finding("title", f"{label} needs a title.")
    if {"<", ">"} & set(words.title + words.caption):
        yield Finding("title", f"{label} takes no < and > in its title and description.")


def _account(target: Target, at: datetime) -> Iterator[Finding]:
    if not target.connected:
        yield Finding("channel", "The channel must be connected again before anything can be published on it.")
    elif not target.allowed:
        yield Finding("not_live", "A person must let this channel publish for real first: it isn't switched to live.")
    elif not target.may_publish:
        yield Finding("scope", "The channel's account was connected without the permission to publish: connect it "
                      "again, and say yes to everything.")  # fmt: skip
    elif target.expires_at is not None:
        if target.expires_at <= at:
            yield Finding("token_expires", f"The channel's token ends at {target.expires_at:%Y-%m-%d %H:%M} "
                          "UTC, before this is due: connect the channel again.")  # fmt: skip
        elif target.expires_at <= at + EXPIRES_SOON:
            yield Finding("token_expires", f"The channel's token ends at {target.expires_at:%Y-%m-%d %H:%M} "
                          "UTC: connect the channel again soon.", refused=False)  # fmt: skip


def _allowed(file: File, words: Words, target: Target) -> Iterator[Finding]:
    """What the account's person, or the platform, doesn't allow at this moment. A draft for the inbox asks later."""
    allows, label = target.allows, target.platform.label
    if allows.audiences is not None and words.audience not in allows.audiences:
        may = ", ".join(sorted(allows.audiences)) or "nobody"
        why = (
            " The app may not have been audited by TikTok, or the account is private."
            if Audience.PUBLIC not in allows.audiences
            else ""
        )
        yield Finding("audience", f"{label} lets this account post to {may}, not to {words.audience.value}: choose "
                      f"another `audience`.{why}")  # fmt: skip
    if allows.longest is not None and file.duration is not None and file.duration > allows.longest:
        yield Finding("duration", f"{label} lets this account post up to {allows.longest:g} s; this file lasts "
                      f"{file.duration:.1f} s: choose a shorter variant.")  # fmt: skip
    for what in ("comments", "duets", "stitches"):
        if getattr(words, what) and getattr(allows, what) is False:
            yield Finding(what, f"This account's settings on {label} allow no {what}: there will be none. Its person "
                          "can change that in the app.", refused=False)  # fmt: skip


def _rights(file: File, target: Target, rights: Rights, at: datetime) -> Iterator[Finding]:
    if rights.embargo_until is not None and at < rights.embargo_until:
        yield Finding("embargo", f"Nothing of this recording may be public before "
                      f"{rights.embargo_until:%Y-%m-%d %H:%M} UTC.")  # fmt: skip
    if rights.territories is not None and target.territory not in rights.territories:
        where = ", ".join(sorted(rights.territories)) or "nowhere"
        what = f"addresses {target.territory}" if target.territory else "has no territory set, so it addresses all"
        yield Finding("territory", f"The rights hold for {where}; this channel {what}.")
    if target.platform is not Platform.YOUTUBE:
        return
    if rights.content_id is ContentId.BLOCK:
        yield Finding("content_id", "The recording's Content ID policy is to block: YouTube would take it down.")
    elif rights.content_id.claims and is_short(file) and (file.duration or 0) > CLAIMED_SHORT:
        yield Finding("claimed_short", f"YouTube blocks a Short over {CLAIMED_SHORT:g} s that Content ID claims, the "
                      f"label's own claim included; this one lasts {file.duration:.1f} s.")  # fmt: skip


def is_short(file: File) -> bool:
    """Whether YouTube would make a Short of it."""
    shaped = bool(file.width and file.height and file.width <= file.height)
    return shaped and (file.duration or 0) <= SHORT + 0.1


def _capital(label: str) -> str:
    return label[:1].upper() + label[1:]
