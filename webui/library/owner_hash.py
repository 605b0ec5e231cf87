"""Owners in the library are salted hashes: whoever gets a picture or the index learns no token from it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from .files import write_new

SALT_BYTES: Final = 32


def hash_owner(owner: str, salt: bytes) -> str:
    """Turns an owner's token into 32 hexadecimal digits (HMAC-SHA-256, first half)."""
    return hmac.new(salt, owner.encode(), hashlib.sha256).hexdigest()[:32]


def load_salt(path: Path) -> bytes:
    """Reads a library's salt, or makes one the first time; two programs that start together agree on it.

    Raises:
        OSError: It can neither be read nor made.
        ValueError: The file does not hold a salt.
    """
    if not path.exists():
        with suppress(FileExistsError):
            write_new(path, secrets.token_hex(SALT_BYTES).encode(), mode=0o600)
    salt = bytes.fromhex(path.read_text(encoding="ascii"))
    if len(salt) != SALT_BYTES:
        raise ValueError(f"{path.name} holds {len(salt)} bytes instead of {SALT_BYTES}.")
    return salt
