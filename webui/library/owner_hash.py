"""Owners are stored as salted hashes: whoever gets a picture or a database learns no token from it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from .files import write_new

SALT_BYTES: Final = 32


class OwnerKey(str):
    """What is kept of an owner's token, a salted hash: it finds the owner's things as the token does.

    The token finds its key again, also after a restart; from the key nobody finds the token.
    """

    __slots__ = ()


def hash_owner(owner: str, salt: bytes) -> OwnerKey:
    """Turns an owner's token into 32 hexadecimal digits (HMAC-SHA-256, first half); a key stays what it is."""
    if isinstance(owner, OwnerKey):
        return owner
    return OwnerKey(hmac.new(salt, owner.encode(), hashlib.sha256).hexdigest()[:32])


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
