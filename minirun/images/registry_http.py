"""The talk with a registry: HTTP by the requests library, and who one is by a token (distribution's spec/auth/token).

Whoever may ask gets a token from a third party, which the registry names in its first refusal. Both are spoken to by
https only, but for what is on this host.
"""

from __future__ import annotations

from ..safe import safe
from .errors import ImageError
from .streams import missing_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HERE = ("localhost", "127.0.0.1", "[::1]")
PATIENCE = (10, 60)  # seconds: to connect, and between two parts of an answer
MOST_REDIRECTIONS = 5  # of one request; registries keep blobs elsewhere
MOST_BYTES_OF_TOKEN = 1 << 20


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
    def __init__(self, host: str, name: str, plain: bool) -> None:
        self.requests = library()
        self.name = name
        self.base = f"{'http' if plain else 'https'}://{host}/v2/{name}"
        self.session = self.requests.Session()
        self.session.headers.update({"User-Agent": "minirun", "Accept-Encoding": "identity"})
        self.session.auth = as_nobody
        self.token = ""

    def get(self, path: str, headers: dict[str, str]) -> Any:
        """The answer, whose body is still to come; it is a context manager. Raises ImageError."""
        answer = self.ask(f"{self.base}/{path}", headers)
        if answer.status_code == 401:
            challenge = answer.headers.get("WWW-Authenticate", "")
            answer.close()
            self.token = self.new_token(challenge)
            answer = self.ask(f"{self.base}/{path}", headers)
        return answer

    def ask(self, url: str, headers: dict[str, str], parameters: dict[str, str] | None = None) -> Any:
        """Redirections are looked at before they are followed; the token is for the registry alone."""
        signed = {"Authorization": f"Bearer {self.token}"} if self.token and parameters is None else {}
        answer = self.ask_once(url, headers | signed, parameters)
        for _hop in range(MOST_REDIRECTIONS):
            if not answer.is_redirect:
                return answer
            answer.close()
            url = next_url(url, answer.headers["Location"])
            answer = self.ask_once(url, headers, None)
        raise ImageError(f"{safe(self.base)} leads on and on, by redirections")

    def ask_once(self, url: str, headers: dict[str, str], parameters: dict[str, str] | None) -> Any:
        try:
            return self.session.get(
                url, headers=headers, params=parameters, stream=True, timeout=PATIENCE, allow_redirects=False
            )
        except (self.requests.RequestException, ValueError) as error:
            raise ImageError(f"can't reach {safe(url)}: {why(error)}\n  cure:  {cure_for(url)}") from None

    def new_token(self, challenge: str) -> str:
        """Bearer realm="…",service="…",scope="…" -> a token."""
        kind, _, rest = challenge.partition(" ")
        asked = parameters_of(rest)
        realm = asked.pop("realm", "")
        if kind.lower() != "bearer" or not realm:
            raise ImageError(f"the registry wants to know who asks, by {safe(kind) or 'nothing'!r}\n  cure:  {LOG_IN}")
        if not is_safe(realm, self.base):
            raise ImageError(f"the registry sends for a token to {safe(realm)}\n  allowed: https")
        asked.setdefault("scope", f"repository:{self.name}:pull")
        with self.ask(realm, {}, asked) as answer:
            if answer.status_code != 200:
                raise ImageError(f"no token for {safe(self.name)}: {answer.status_code}\n  cure:  {LOG_IN}")
            return token_in(answer.raw.read(MOST_BYTES_OF_TOKEN, decode_content=False))  # or few bytes become many


def next_url(url: str, location: str) -> str:
    """Raises ImageError where others could read and change what comes from there."""
    from urllib.parse import urljoin

    found = urljoin(url, location)
    if not is_safe(found, url):
        raise ImageError(f"the registry leads to {safe(found)}\n  allowed: https, so that nobody changes it")
    return found


LOG_IN = "minirun asks as nobody: fetch the image with skopeo copy --src-creds … oci:DIR, and use that"


def token_in(text: bytes) -> str:
    from .descriptors import document

    told = document(text, "the answer to the question for a token")
    token = told.get("token") or told.get("access_token")
    if not isinstance(token, str):
        raise ImageError("the answer to the question for a token has none")
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


def why(error: Exception) -> str:
    """The innermost reason, which is what people know."""
    text = str(error)
    for word in ("Connection refused", "Name or service not known", "timed out", "certificate verify failed"):
        if word in text:
            return word.lower()
    return safe(text[:300])


def cure_for(url: str) -> str:
    if url.startswith("http:"):
        return "start the registry: it listens at this address of this host"
    return "see whether the name is right, and the network is there; http is only for registries on localhost"
