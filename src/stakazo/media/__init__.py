"""The media library: files in, numbers and files out. It knows no web, no database and no settings.

    from stakazo import media
    analysis = media.analyse(path)

Everything here is loaded when it is first used, so importing the library costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stakazo.media.analyse import analyse
    from stakazo.media.child import analyse_in_child, preview_in_child
    from stakazo.media.choice import ClipRules, Pick
    from stakazo.media.codec import analysis_from_dict, analysis_to_dict, info_from_dict, info_to_dict
    from stakazo.media.errors import MediaError
    from stakazo.media.framing import CropPath
    from stakazo.media.probe import probe
    from stakazo.media.reframe import reframe
    from stakazo.media.render import render
    from stakazo.media.see import see
    from stakazo.media.select import choose
    from stakazo.media.sound import hear
    from stakazo.media.types import Analysis, MediaInfo, Pictures, Sound, Span

__all__ = [
    "Analysis",
    "ClipRules",
    "CropPath",
    "MediaError",
    "MediaInfo",
    "Pick",
    "Pictures",
    "Sound",
    "Span",
    "analyse",
    "analyse_in_child",
    "analysis_from_dict",
    "analysis_to_dict",
    "choose",
    "hear",
    "info_from_dict",
    "info_to_dict",
    "preview_in_child",
    "probe",
    "reframe",
    "render",
    "see",
]

_FILES = {
    **dict.fromkeys(("Analysis", "MediaInfo", "Pictures", "Sound", "Span"), "types"),
    **dict.fromkeys(("ClipRules", "Pick"), "choice"),
    "CropPath": "framing",
    "MediaError": "errors",
    "analyse": "analyse",
    "analyse_in_child": "child",
    "analysis_from_dict": "codec",
    "analysis_to_dict": "codec",
    "choose": "select",
    "hear": "sound",
    "info_from_dict": "codec",
    "info_to_dict": "codec",
    "preview_in_child": "child",
    "probe": "probe",
    "reframe": "reframe",
    "render": "render",
    "see": "see",
}
"""Where each public name is defined."""


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    globals()[name] = found
    return found


class _Library(ModuleType):
    """Importing a file sets it as an attribute of its package; `probe` shall stay the function, not become its file."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _FILES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Library
