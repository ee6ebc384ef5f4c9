"""URLs as Go's net/url takes them apart."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, unquote, unquote_plus, unquote_to_bytes

import attrs

from reconcilekit.testing.apiserver.go_text import quoted

_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*):")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_ASCII_ESCAPE = re.compile("%(?!25)[0-7][0-9A-Fa-f]")
_NO_HOST = re.compile("[^A-Za-z0-9!$&'()*+,;=:\\[\\]<>\"\\-_.~%\x80-\U0010ffff]")
_ZONE_ESCAPE = re.compile("%(?:[0-9A-Fa-f]{2})")
_USER = re.compile("[A-Za-z0-9\\-._:~!$&'()*+,;=%@]*")
_PORT = re.compile("(:[0-9]*)?")
_IN_PATHS = "$&+,/:;=@"
_ESCAPED_PATH = re.compile(r"[A-Za-z0-9\-._~$&+,/:;=@!'()*\[\]%]*")


class GoURLError(ValueError):
    """It is no URL; the message is Go's."""


@attrs.frozen(kw_only=True)
class GoURL:
    """The parts of a URL.

    Attributes:
        scheme: in lower case.
        user: with its password, escaped as Go does; None where there is none.
        host: with its port.
        path: as it was told.
        query: as it was told.
        fragment: without escapes.
    """

    scheme: str
    user: str | None = None
    host: str = ""
    path: str = ""
    query: str = ""
    fragment: str = ""

    @property
    def hostname(self) -> str:
        """The host without its port, and without the brackets of an address."""
        host = self.host.removesuffix(self._told_port)
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host

    @property
    def port(self) -> str:
        """The port in its host, "" where there is none."""
        return self._told_port[1:]

    @property
    def _told_port(self) -> str:
        colon = self.host.rfind(":")
        told = self.host[colon:] if colon >= 0 else ""
        return told if _PORT.fullmatch(told) else ""

    @property
    def escaped_path(self) -> str:
        """The path with all escapes that it needs."""
        return self.path if _ESCAPED_PATH.fullmatch(self.path) else quote(unquote_to_bytes(self.path), safe=_IN_PATHS)

    def query_values(self) -> dict[str, list[str]]:
        """The query's values by their names; what can't be read of it is left away."""
        found: dict[str, list[str]] = {}
        for pair in self.query.split("&"):
            if not pair or ";" in pair or _BAD_ESCAPE.search(pair):
                continue
            name, _, value = pair.partition("=")
            found.setdefault(unquote_plus(name), []).append(unquote_plus(value))
        return found


def parse_request_uri(text: str) -> GoURL:
    """The parts of an absolute URL or path, as a request may have it.

    Raises:
        GoURLError: it is none.
    """
    try:
        _parsed(text, is_request=True)
    except GoURLError as error:
        raise GoURLError(f"parse {quoted(text)}: {error}") from error
    return parse_url(text)


def parse_url(text: str) -> GoURL:
    """The parts of a URL.

    Raises:
        GoURLError: it is none.
    """
    whole, _, fragment = text.partition("#")
    try:
        found = _parsed(whole)
    except GoURLError as error:
        raise GoURLError(f"parse {quoted(whole)}: {error}") from error
    try:
        return attrs.evolve(found, fragment=_unescaped(fragment))
    except GoURLError as error:
        raise GoURLError(f"parse {quoted(text)}: {error}") from error


def _parsed(text: str, *, is_request: bool = False) -> GoURL:
    if _CONTROL.search(text):
        raise GoURLError("net/url: invalid control character in URL")
    if not text and is_request:
        raise GoURLError("empty url")
    if text == "*":
        return GoURL(scheme="", path=text)
    if text.startswith(":"):
        raise GoURLError("missing protocol scheme")
    told = _SCHEME.match(text)
    scheme = told[1].lower() if told else ""
    rest, _, query = text[told.end() if told else 0 :].partition("?")
    if not rest.startswith("/"):
        if scheme:
            return GoURL(scheme=scheme, query=query)
        if is_request:
            raise GoURLError("invalid URI for request")
        if ":" in rest.partition("/")[0]:
            raise GoURLError("first path segment in URL cannot contain colon")
    user, host = None, ""
    if rest.startswith("//") and (scheme or not (is_request or rest.startswith("///"))):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        before, at, after = authority.rpartition("@")
        host = _host(after)
        user = _user(before) if at else None
    _unescaped(rest)
    return GoURL(scheme=scheme, user=user, host=host, path=rest, query=query)


def _user(text: str) -> str:
    if not _USER.fullmatch(text):
        raise GoURLError("net/url: invalid userinfo")
    return ":".join(quote(_unescaped(part), safe="$&+,;=") for part in text.split(":", 1))


def _host(text: str) -> str:
    if "[" in text[1:]:
        raise GoURLError("invalid IP-literal")
    if text.startswith("["):
        return _literal(text)
    _check_port(text[text.index(":") :] if ":" in text else "")
    return _unescaped_host(text)


def _literal(text: str) -> str:
    inner, closed, port = text[1:].rpartition("]")
    if not closed:
        raise GoURLError("missing ']' in host")
    _check_port(port)
    address, mark, zone = inner.partition("%25")
    name = _unescaped_host(address) + (_unescaped_zone(mark + zone) if mark else "")
    try:
        found = ipaddress.ip_address(name)
    except ValueError as error:
        raise GoURLError(f"invalid host: ParseAddr({quoted(name)}): unable to parse IP") from error
    if found.version == 4:
        raise GoURLError("invalid IP-literal")
    return f"[{name}]{port}"


def _check_port(text: str) -> None:
    if not _PORT.fullmatch(text):
        raise GoURLError(f"invalid port {quoted(text)} after host")


def _unescaped_host(text: str) -> str:
    _check_host(text)
    if bad := _ASCII_ESCAPE.search(text):
        raise GoURLError(f"invalid URL escape {quoted(bad[0])}")
    return _unescaped(text)


def _unescaped_zone(text: str) -> str:
    _check_host(text)
    for escape in _ZONE_ESCAPE.findall(text):
        if escape not in ("%25", "%20") and _NO_HOST.search(unquote(escape, "latin-1")):
            raise GoURLError(f"invalid URL escape {quoted(escape)}")
    return _unescaped(text)


def _check_host(text: str) -> None:
    wrong, bad = _NO_HOST.search(text), _BAD_ESCAPE.search(text)
    if bad and (wrong is None or bad.start() < wrong.start()):
        raise GoURLError(f"invalid URL escape {quoted(bad[0])}")
    if wrong:
        raise GoURLError(f"invalid character {quoted(wrong[0])} in host name")


def _unescaped(text: str) -> str:
    if bad := _BAD_ESCAPE.search(text):
        raise GoURLError(f"invalid URL escape {quoted(bad[0])}")
    return unquote(text)
