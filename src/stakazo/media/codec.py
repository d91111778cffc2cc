"""The analysis as JSON and back. Compact: curves are rounded, pictures' fingerprints are packed into bytes. Pure.

Reading what was written gives a value that is written the same way again.
"""

from __future__ import annotations

import base64
import types
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from stakazo.media.errors import MediaError
from stakazo.media.types import Analysis, Curve, MediaInfo

VERSION = 1
"""Rises when what was written before can't be read any more."""

Record = TypeVar("Record")
"""A dataclass of numbers, words, curves and more such dataclasses."""

DECIMALS = 6
CURVE_DECIMALS = 4


def analysis_to_dict(analysis: Analysis) -> dict[str, Any]:
    """An analysis as JSON-safe values."""
    return {"version": VERSION, **_write(analysis)}


def analysis_from_dict(data: dict[str, Any]) -> Analysis:
    """An analysis that was written by `analysis_to_dict`. Raises MediaError for another version or shape."""
    if data.get("version") != VERSION:
        found = data.get("version")
        raise MediaError(f"This analysis has version {found}; {VERSION} is needed: analyse the file again.")
    return record_from_dict(Analysis, data)


def info_to_dict(info: MediaInfo) -> dict[str, Any]:
    """Only what the file says of itself, as JSON-safe values."""
    return record_to_dict(info)


def info_from_dict(data: dict[str, Any]) -> MediaInfo:
    return record_from_dict(MediaInfo, data)


def record_to_dict(record: Any) -> dict[str, Any]:
    """Any such dataclass as JSON-safe values."""
    written: dict[str, Any] = _write(record)
    return written


def record_from_dict(kind: type[Record], data: dict[str, Any]) -> Record:
    """And back. Raises MediaError when it isn't one of this kind."""
    try:
        found: Record = _read(kind, data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MediaError(f"This isn't a written {kind.__name__.lower()}: {error!r}") from error
    return found


def _write(value: Any) -> Any:  # noqa: PLR0911 - one line per kind of value
    match value:
        case Curve():
            values = np.round(value.values.astype(np.float64), CURVE_DECIMALS)
            return {"rate": value.rate, "values": values.tolist()}
        case np.ndarray():
            return _pack(value)
        case Enum():
            return value.value
        case Fraction():
            return f"{value.numerator}/{value.denominator}"
        case bool() | int() | str() | None:
            return value
        case float() | np.floating():
            return round(float(value), DECIMALS)
        case tuple():
            return [_write(item) for item in value]
        case _ if is_dataclass(value):
            return {part.name: _write(getattr(value, part.name)) for part in fields(value)}
        case _:
            raise TypeError(f"{type(value).__name__} has no place in an analysis")


def _pack(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    """An array in bytes: steps of 1/127 of its largest value."""
    scale = float(np.abs(values).max()) if values.size else 0.0
    steps = np.round(values / scale * 127).astype(np.int8) if scale else np.zeros(values.shape, np.int8)
    data = base64.b64encode(steps.tobytes()).decode("ascii")
    return {"shape": list(values.shape), "scale": round(scale, DECIMALS), "int8": data}


def _unpack(data: dict[str, Any]) -> np.ndarray[Any, Any]:
    steps = np.frombuffer(base64.b64decode(data["int8"]), np.int8).reshape(data["shape"])
    return steps.astype(np.float32) * np.float32(data["scale"] / 127)


def _read(kind: Any, data: Any) -> Any:  # noqa: PLR0911 - one line per kind of value
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        if data is None:
            return None
        (inner,) = (part for part in get_args(kind) if part is not type(None))
        return _read(inner, data)
    if origin is tuple:
        (inner, _) = get_args(kind)
        return tuple(_read(inner, item) for item in data)
    if origin is np.ndarray:
        return _unpack(data)
    if kind is Curve:
        return Curve(float(data["rate"]), np.asarray(data["values"], np.float32))
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**{name: _read(inner, data[name]) for name, inner in _fields(kind).items()})
    return kind(data)


@cache
def _fields(kind: type) -> dict[str, Any]:
    # `types` names arrays without loading what makes them.
    hints = get_type_hints(kind, localns={"np": np, "NDArray": NDArray})
    return {part.name: hints[part.name] for part in fields(kind)}
