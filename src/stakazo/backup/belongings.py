"""The small files of an installation that a backup takes along: what must stay secret, and public keys.

keys/master_keys        what seals secrets in the database, from the file or the setting
keys/api_key            the key of this machine's programs
keys/ledger/*.pem       what signs checkpoints
keys/settings.env       the settings that were given, to be read by a person; nothing takes them from there
public/ledger/*.pub     what checkpoints are verified with
public/checkpoints/*    checkpoints that were set aside when an older backup had been restored
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import SecretStr

from stakazo.backup.archive import Damaged
from stakazo.backup.manifest import KEYS, PUBLIC
from stakazo.core.errors import Conflict
from stakazo.core.private import read_private, write_private
from stakazo.core.security import Keyring, decode, encode, key_id
from stakazo.core.settings import Settings

_NAME = re.compile(r"[0-9a-zA-Z_-][0-9a-zA-Z._-]*")
SETTINGS_FILE = "settings.env"


def secrets_of(settings: Settings, master_keys: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    """What must stay secret: its name in the backup, and its text."""
    yield f"{KEYS}master_keys", encode(master_keys) + "\n"
    with contextlib.suppress(FileNotFoundError):
        yield f"{KEYS}api_key", read_private(settings.key_file)
    for file in sorted(settings.ledger_key_dir.glob("*.pem")):
        yield f"{KEYS}ledger/{file.name}", read_private(file)
    yield f"{KEYS}{SETTINGS_FILE}", _settings(settings)


def public_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """What anybody may see."""
    for file in sorted(settings.ledger_key_dir.glob("*.pub")):
        yield f"{PUBLIC}ledger/{file.name}", read_private(file)
    for file in sorted(settings.checkpoint_dir.glob("*.log.*")):
        yield f"{PUBLIC}checkpoints/{file.name}", file.read_text(encoding="utf-8")


def _settings(settings: Settings) -> str:
    lines = ["# The settings of the Stakazo that was backed up, as they were given to it."]
    for name in sorted(settings.model_fields_set):
        alias = type(settings).model_fields[name].validation_alias
        value = getattr(settings, name)
        said = value.get_secret_value() if isinstance(value, SecretStr) else value
        lines.append(f"{alias if isinstance(alias, str) else 'STAKAZO_' + name.upper()}={said}")
    return "\n".join(lines) + "\n"


def merged(newer: Sequence[bytes], older: Sequence[bytes]) -> list[bytes]:
    """The master keys of two moments: a rotation in between loses none."""
    return [*newer, *(key for key in older if key not in newer)]


def put_back(settings: Settings, name: str, text: str) -> None:
    """Write one of these files where it belongs. Raises Conflict rather than write over another one."""
    kind, _, rest = name.partition("/")
    folder, _, file = rest.rpartition("/")
    if not _NAME.fullmatch(file):
        raise Damaged(f"The backup has a file called {name}, which no backup has.")
    match kind + "/", folder:
        case "keys/", "" if file == "master_keys":
            _put_master_keys(settings, text)
        case "keys/", "" if file in {"api_key", SETTINGS_FILE}:
            _put(settings.data_dir / file, text)
        case ("keys/", "ledger") | ("public/", "ledger"):
            settings.ledger_key_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _put(settings.ledger_key_dir / file, text)
        case "public/", "checkpoints":
            _put(settings.checkpoint_dir / file, text)
        case _:
            raise Damaged(f"The backup has a file called {name}, which no backup has.")


def _put_master_keys(settings: Settings, text: str) -> None:
    wanted = decode(text)
    if settings.master_keys is None and not settings.master_key_file.exists():
        Keyring(settings).keep(wanted)
    elif missing := [key_id(key).hex() for key in wanted if key not in Keyring(settings).keys]:
        where = "STAKAZO_MASTER_KEYS" if settings.master_keys is not None else str(settings.master_key_file)
        raise Conflict(
            f"The backup has a master key ({', '.join(missing)}) that {where} doesn't have. Take that away, or add the "
            "key: it is in the backup, in keys/master_keys."
        )


def _put(file: Path, text: str) -> None:
    if not write_private(file, text, replace=False) and file.read_text(encoding="utf-8") != text:
        raise Conflict(f"{file} is there already, and not the one of the backup. Take it away, then begin again.")
