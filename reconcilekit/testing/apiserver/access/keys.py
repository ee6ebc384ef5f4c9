"""What credentials are made with and known by, kept beside the state of a server that is kept in a folder."""

from __future__ import annotations

import copy
import functools
import hashlib
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from reconcilekit.testing.apiserver.access.signing import Signer
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.status import StatusError

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.access.certificates import Authority

FILE = "keys"
"""The file's name in the folder; nobody but its owner may read it."""


class _Content(msgspec.Struct, omit_defaults=True):
    """What the file holds; keys and certificates are in PEM."""

    signing: str = ""
    authority: tuple[str, str] | None = None
    tokens: list[tuple[str, dict[str, Any]]] = []


class Keys:
    """The keys of one server: each is made when it is first needed, and the same ever after.

    Args:
        random_source: one draw from it, at once, decides about tokens and the key that signs those of ServiceAccounts.
            So one seed gives the same, and whoever needs a key, or doesn't, changes nothing of what is drawn later.
    """

    def __init__(self, random_source: random.Random) -> None:
        self._seed = random_source.getrandbits(256).to_bytes(32, "big")
        self._content = _Content()
        self._folder: Path | None = None
        self._users: dict[str, User] = {}
        self._tokens: dict[User, str] = {}

    def copy(self) -> Keys:
        """Keys that are made on their own from now on, but for the one that signs ServiceAccounts' tokens.

        They are kept in no folder.
        """
        twin: Keys = Keys.__new__(Keys)
        twin._seed = self._seed
        twin._content = copy.copy(self._content)
        twin._folder = None
        twin._users, twin._tokens = self._users.copy(), self._tokens.copy()
        return twin

    def keep_in(self, folder: Path) -> None:
        """Go on with the keys that the folder holds, and keep there what is made from now on.

        Raises:
            DamagedDataError: the file can't be read as what it should be.
        """
        path = folder / FILE
        if path.exists():
            self._content = _read(path)
        for token, told in self._content.tokens:
            self._know(_user(told), token)
        self._folder = folder

    def let_go(self) -> None:
        """Keep nothing from now on: the folder is another's."""
        self._folder = None

    @functools.cached_property
    def signer(self) -> Signer:
        """What signs ServiceAccounts' tokens."""
        return Signer(self._seed, kept=self._content.signing.encode(), keep=self._keep_signing_key)

    @functools.cached_property
    def authority(self) -> Authority:
        """What signs certificates, made when it is first asked for.

        Raises:
            MissingCryptographyError: the cryptography package isn't installed.
        """
        from reconcilekit.testing.apiserver.access.certificates import Authority, KeyPair

        if self._content.authority is not None:
            certificate, key = self._content.authority
            return Authority(KeyPair(certificate=certificate.encode(), key=key.encode()))
        made = Authority()
        self._content.authority = (made.pair.certificate.decode(), made.pair.key.decode())
        self._save()
        return made

    @property
    def root_certificate(self) -> str:
        """The authority's certificate in PEM, "" where there is no authority yet."""
        return "" if self._content.authority is None else self._content.authority[0]

    def token(self, user: User) -> str:
        """A bearer token of a user, the same each time."""
        token = self._tokens.get(user)
        if token is None:
            told = {**user.info(), "username": user.name}
            token = hashlib.sha256(self._seed + msgspec.json.encode(told)).hexdigest()[:40]
            self._know(user, token)
            self._content.tokens = [*self._content.tokens, (token, told)]
            self._save()
        return token

    def user_of(self, token: str) -> User | None:
        """Whose token this is, None where `token` never gave it."""
        return self._users.get(token)

    def _know(self, user: User, token: str) -> None:
        self._tokens[user] = token
        self._users[token] = user.authenticated()

    def _keep_signing_key(self, key: bytes) -> None:
        self._content.signing = key.decode()
        self._save()

    def _save(self) -> None:
        if self._folder is None:
            return
        from reconcilekit.testing.apiserver.storage import records

        try:
            _write(self._folder / FILE, records.header(FILE) + records.encode(msgspec.json.encode(self._content)))
        except OSError as error:
            raise StatusError(500, f"the server's keys can't be kept in {self._folder}: {error}") from error


def _read(path: Path) -> _Content:
    from reconcilekit.testing.apiserver.storage import records

    for record in records.read(path, FILE, may_be_torn=False):
        try:
            return msgspec.convert(record.told, _Content)
        except msgspec.ValidationError as error:
            raise records.DamagedDataError(path, record.offset, str(error)) from error
    raise records.DamagedDataError(path, path.stat().st_size, "its end is missing")


def _write(path: Path, content: bytes) -> None:
    """In one step: whoever is killed meanwhile leaves the old file."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _user(told: Mapping[str, Any]) -> User:
    extra = {name: tuple(values) for name, values in (told.get("extra") or {}).items()}
    return User(told["username"], groups=told.get("groups") or (), uid=told.get("uid") or "", extra=extra)
