"""The talk with a registry: HTTP by the requests library, and who one is by a password (RFC 7617), or by a token
(distribution's spec/auth/token).

Whoever may ask gets a token from a third party, which the registry names in its first refusal. Both are spoken to by
https only, but for what is on this host.
"""

from __future__ import annotations

import os

from ..safe import safe
from .credentials import TO_LOG_IN, login_for, places
from .errors import ImageError
from .streams import missing_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .credentials import Login

HERE = ("localhost", "127.0.0.1", "[::1]")
PATIENCE = (10, 60)  # seconds: to connect, and between two parts of an answer
MOST_REDIRECTIONS = 5  # of one request; registries keep blobs elsewhere
MOST_BYTES_OF_TOKEN = 1 << 20
CERTIFICATES = ("/etc/containers/certs.d", "/etc/docker/certs.d")  # containers-certs.d(5)


def is_here(host: str) -> bool:
    """Whether a registry is on this host, so that nobody on the way could read or change what it says."""
    return host in HERE or host.rpartition(":")[0] in HERE


def library() -> Any:
    try:
        import requests
    except ImportError:
        raise missing_library("requests", "to fetch images from a registry") from None
    return requests


class Connection:
    """To one registry, about one image."""

    def __init__(self, host: str, name: str, plain: bool) -> None:
        self.requests = library()
        self.host, self.name = host, name
        self.base = f"{'http' if plain else 'https'}://{host}/v2/{name}"
        self.session = self.requests.Session()
        self.session.headers.update({"User-Agent": "minirun", "Accept-Encoding": "identity"})
        self.session.auth = as_nobody
        self.authorization = ""  # what the registry wants to see with each question, once it has said so

    def get(self, path: str, headers: dict[str, str]) -> Any:
        """The answer, whose body is still to come; it is a context manager. Raises ImageError."""
        answer = self.ask(f"{self.base}/{path}", headers, self.authorization)
        if answer.status_code != 401:
            return answer
        answer.close()
        self.check_who_asks(answer.url)
        login = login_for(self.host, self.name)
        self.authorization = self.authorize(answer.headers.get("WWW-Authenticate", ""), login)
        answer = self.ask(f"{self.base}/{path}", headers, self.authorization)
        if answer.status_code == 401:
            answer.close()
            raise not_let_in(f"{safe(self.host)} does not show {safe(self.name)} to you", login)
        return answer

    def check_who_asks(self, url: str) -> None:
        """Nobody but the registry says where its users' passwords are to go. Raises ImageError."""
        from urllib.parse import urlsplit

        if urlsplit(url).netloc != self.host:
            raise ImageError(
                f"{safe(self.base)} leads to {safe(urlsplit(url).netloc)}, which wants to know who asks\n"
                "  cure:  none from here: what a registry leads to has to be open to whoever it leads there"
            )

    def ask(
        self, url: str, headers: dict[str, str], authorization: str, parameters: dict[str, str] | None = None
    ) -> Any:
        """Redirections are looked at before they are followed; `authorization` is for the first alone."""
        signed = {"Authorization": authorization} if authorization else {}
        answer = self.ask_once(url, headers | signed, parameters)
        for _hop in range(MOST_REDIRECTIONS):
            if not answer.is_redirect:
                return answer
            answer.close()
            url = next_url(url, answer.headers["Location"])
            answer = self.ask_once(url, headers, None)
        raise ImageError(f"{safe(self.base)} leads on and on, by redirections")

    def ask_once(self, url: str, headers: dict[str, str], parameters: dict[str, str] | None) -> Any:
        how = {"stream": True, "timeout": PATIENCE, "allow_redirects": False, "verify": trusted(url, self.host)}
        try:
            return self.session.get(url, headers=headers, params=parameters, **how)
        except (OSError, ValueError) as error:  # RequestException is an OSError
            raise ImageError(f"can't reach {safe(url)}: {why(error)}\n  cure:  {cure_for(url, error)}") from None

    def authorize(self, challenge: str, login: Login | None) -> str:
        """What to answer to `challenge`. Raises ImageError."""
        kind, _, rest = challenge.partition(" ")
        asked = parameters_of(rest)
        if kind.lower() == "bearer" and asked.get("realm"):
            return f"Bearer {self.new_token(asked, login)}"
        if kind.lower() == "basic" and login:
            return login.header
        raise not_let_in(f"the registry wants to know who asks, by {safe(kind) or 'nothing'!r}", login)

    def new_token(self, asked: dict[str, str], login: Login | None) -> str:
        """realm="…",service="…",scope="…" -> a token."""
        realm = asked.pop("realm")
        if not is_safe(realm, self.base):
            raise ImageError(f"the registry sends for a token to {safe(realm)}\n  allowed: https")
        asked.setdefault("scope", f"repository:{self.name}:pull")
        with self.ask(realm, {}, login.header if login else "", asked) as answer:
            if answer.status_code != 200:
                raise not_let_in(f"no token for {safe(self.name)}: {answer.status_code}", login)
            return token_in(answer.raw.read(MOST_BYTES_OF_TOKEN, decode_content=False))  # or few bytes become many


def not_let_in(what: str, login: Login | None) -> ImageError:
    if login:
        return ImageError(f"{what}\n  cure:  what {login.file!r} says is not enough: log in anew, by {TO_LOG_IN}")
    return ImageError(f"{what}\n  cure:  log in by {TO_LOG_IN}; no login was found in {', '.join(places())}")


def trusted(url: str, host: str) -> bool | str:
    """Whose signature under a server's certificate counts: a file with theirs, or True for the usual ones."""
    from urllib.parse import urlsplit

    if named := os.environ.get("SSL_CERT_FILE"):  # openssl(1) and all that uses it
        return named
    if urlsplit(url).netloc == host:
        found = (f"{directory}/{host}/ca.crt" for directory in CERTIFICATES)
        return next((path for path in found if os.path.exists(path)), True)
    return True


def next_url(url: str, location: str) -> str:
    """Raises ImageError where others could read and change what comes from there."""
    from urllib.parse import urljoin

    found = urljoin(url, location)
    if not is_safe(found, url):
        raise ImageError(f"the registry leads to {safe(found)}\n  allowed: https, so that nobody changes it")
    return found


def token_in(text: bytes) -> str:
    from .descriptors import document

    told = document(text, "the answer to the question for a token")
    token = told.get("token") or told.get("access_token")
    if not isinstance(token, str):
        raise ImageError("the answer to the question for a token has none")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ImageError("the answer to the question for a token has one that is none\n  allowed: as of RFC 6750, 2.1")
    return token


def parameters_of(text: str) -> dict[str, str]:
    """RFC 9110, 11.2 "Authentication Parameters"."""
    import re

    return {name.lower(): quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))', text)}


def as_nobody(request: Any) -> Any:
    """In the place of the requests library's own, which would look for a password in ~/.netrc for any host that a
    registry names (CVE-2024-47081: and send it to another)."""
    return request


def is_safe(url: str, begun: str) -> bool:
    """Whether a stranger may lead there from `begun`. What listens on this host only is for a registry on this host: it
    trusts who is there."""
    from urllib.parse import urlsplit

    host, plain = urlsplit(url).netloc, urlsplit(url).scheme == "http"
    if "@" in host or not (plain or urlsplit(url).scheme == "https"):
        return False
    return is_here(urlsplit(begun).netloc) if is_here(host) else not plain


REASONS = {
    "Connection refused": "",
    "Name or service not known": "",
    "timed out": "",
    "certificate verify failed": "where it was signed by yourselves, SSL_CERT_FILE names the file with the signer's "
    f"certificate, or it is {CERTIFICATES[0]}/HOST/ca.crt",
    "invalid path": "SSL_CERT_FILE names a file with certificates",
}


def why(error: Exception) -> str:
    """The innermost reason, which is what people know."""
    text = str(error)
    return next((word.lower() for word in REASONS if word in text), safe(text[:300]))


def cure_for(url: str, error: Exception) -> str:
    if cure := next((cure for word, cure in REASONS.items() if word in str(error)), ""):
        return cure
    if url.startswith("http:"):
        return "start the registry: it listens at this address of this host"
    return "see whether the name is right, and the network is there; http is only for registries on localhost"
