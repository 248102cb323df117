"""Images from a registry: Debian's docker-registry, to which skopeo(1) has brought them; and a false one, which wants a
token, breaks off in the middle, or says what is not true."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit.images import OCI, Made, described, digest, entry, snapshot, tar
from kernel.kit.needs import program
from kernel.kit.runtime import PATIENCE
from kernel.test_images import command, hard_links, plain, whiteouts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "images are no business of other runtimes")]


# ---- a real one


@pytest.fixture
def registry(place: Path) -> Iterator[str]:
    """Its host and port."""
    with serving(place) as host:
        yield host


@contextlib.contextmanager
def serving(place: Path, address: str = "localhost", **more: Any) -> Iterator[str]:
    with socket.socket() as free:
        free.bind((address, 0))
        host = f"{address}:{free.getsockname()[1]}"
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(place / "registry")}},
        "http": {"addr": host, **more.pop("http", {})},
        "log": {"level": "error"},
        **more,
    }
    (place / "registry.yml").write_text(json.dumps(settings))
    with subprocess.Popen(
        ["docker-registry", "serve", place / "registry.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        try:
            wait_for(host)
            yield host
        finally:
            running.terminate()


def wait_for(host: str) -> None:
    name, _, port = host.partition(":")
    deadline = time.monotonic() + 20 * PATIENCE
    while True:
        try:
            socket.create_connection((name, int(port)), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@program("docker-registry")
@program("skopeo")
def test_an_image_of_a_registry(runtime: Runtime, place: Path, registry: str) -> None:
    for name, layers in {"plain": plain(), "some/links": hard_links()}.items():
        layout = place / name.replace("/", "-")
        reference = Made(layers).layout(layout)
        words = ["skopeo", "copy", "-q", "--dest-tls-verify=false", reference, f"docker://{registry}/{name}:1.0"]
        subprocess.run(words, check=True, timeout=60)
        ours, same = layout.with_suffix(".ours"), layout.with_suffix(".same")
        command(runtime, "bundle", "--store", place / "store", f"docker://{registry}/{name}:1.0", ours)
        command(runtime, "bundle", "--store", place / "other", reference, same)
        assert snapshot(ours / "rootfs") == snapshot(same / "rootfs")


@program("docker-registry")
@program("skopeo")
def test_what_is_there_is_not_fetched_again(runtime: Runtime, place: Path, registry: str) -> None:
    """Two images with a layer in common: one file in the store."""
    for name, layers in {"one": plain(), "two": [*plain(), *whiteouts()[1:]]}.items():
        words = ["skopeo", "copy", "-q", "--dest-tls-verify=false", Made(layers).layout(place / name)]
        subprocess.run([*words, f"docker://{registry}/{name}:latest"], check=True, timeout=60)
        command(runtime, "pull", "--store", place / "store", f"docker://{registry}/{name}")
    listed = json.loads(command(runtime, "images", "--store", place / "store", "list", "--format", "json").stdout)
    assert [(one["name"].rpartition("/")[2], one["layers"]) for one in listed] == [("one:latest", 1), ("two:latest", 3)]
    # 2 manifests, 2 configurations, 3 layers
    assert len(os.listdir(place / "store/blobs/sha256")) == 7


# ---- who is asked for a password


PASSWORD = "secret: with a colon"  # bcrypt's hash of it is below, as htpasswd(1) writes it
HTPASSWD = "me:$2y$05$abcdefghijklmnopqrstuuoGT9eFn/N1OyjzI4F1nDGRqm3/lTtF.\n"


@pytest.fixture
def home(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a caller who has logged in nowhere."""
    for name in ("REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(place / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place / "home/run"))
    for name in (".docker", "run"):
        (place / "home" / name).mkdir(parents=True)
    return place / "home"


def log_in(home: Path, host: str, user: str = "me", password: str = PASSWORD) -> None:
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    (home / ".docker/config.json").write_text(json.dumps({"auths": {host: {"auth": text}}}))


def asking(place: Path) -> dict[str, Any]:
    (place / "htpasswd").write_text(HTPASSWD)
    return {"auth": {"htpasswd": {"realm": "test", "path": str(place / "htpasswd")}}}


def put(made: Made, place: Path, host: str) -> None:
    words = ["skopeo", "copy", "-q", "--dest-tls-verify=false", "--dest-creds", f"me:{PASSWORD}"]
    subprocess.run([*words, made.layout(place / "layout"), f"docker://{host}/app:latest"], check=True, timeout=60)


@program("docker-registry")
@program("skopeo")
def test_a_registry_with_passwords(runtime: Runtime, place: Path, home: Path) -> None:
    """Logged in by skopeo itself."""
    with serving(place, **asking(place)) as host:
        put(Made(plain()), place, host)
        words = ("pull", "--store", place / "store", f"docker://{host}/app")
        said = command(runtime, *words, status=1).stderr
        assert "wants to know who asks, by 'Basic'" in said and "podman login" in said
        assert f"{home}/run/containers/auth.json, {home}/.config/containers/auth.json, {home}/.docker/" in said
        log_in(home, host, password="wrong")
        said = command(runtime, *words, status=1).stderr
        assert f"what '{home}/.docker/config.json' says is not enough: log in anew" in said
        logging_in = ["skopeo", "login", "--tls-verify=false", "--password-stdin", "-u", "me", host]
        subprocess.run(logging_in, input=PASSWORD, text=True, stdout=subprocess.DEVNULL, check=True, timeout=60)
        assert (home / "run/containers/auth.json").exists()
        command(runtime, *words)


@program("docker-registry")
@program("skopeo")
@program("openssl")
def test_a_registry_with_a_certificate_of_its_own(
    runtime: Runtime, place: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = place / "key", place / "certificate"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-keyout", key, "-out", certificate, "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.2"]
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL, timeout=60)
    tls = {"tls": {"certificate": str(certificate), "key": str(key)}}
    with serving(place, "127.0.0.2", http=tls, **asking(place)) as host:
        put(Made(plain()), place, host)
        log_in(home, host)
        words = ["pull", "--store", place / "store", f"docker://{host}/app"]
        said = command(runtime, *words, status=1).stderr
        assert "certificate verify failed" in said and "SSL_CERT_FILE names the file" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(place / "none"))
        assert "SSL_CERT_FILE names a file" in command(runtime, *words, status=1).stderr
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        command(runtime, *words)


def test_nobody_listens(runtime: Runtime, place: Path) -> None:
    said = command(runtime, "pull", "--store", place / "store", "docker://localhost:1/app", status=1).stderr
    assert "connection refused" in said and "start the registry" in said


@pytest.mark.parametrize(
    "name", ["docker://localhost:1/../app", "docker://localhost:1/a?b", "docker://x", "docker:x/y"]
)
def test_names_that_are_none(runtime: Runtime, place: Path, name: str) -> None:
    assert "allowed: " in command(runtime, "pull", "--store", place / "store", name, status=1).stderr


# ---- a false one


class FalseRegistry(BaseHTTPRequestHandler):
    """It has one image, `app`; the server has what it does wrong, and notes what it was asked for."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if self.path == "/asking":
                self.send(401, b"", {"WWW-Authenticate": self.server.asks})
            elif self.path.startswith("/token") and self.server.leads:
                self.send(307, b"", {"Location": self.server.leads})
            elif self.path.startswith("/token") and self.headers.get("Authorization", "") != self.server.login:
                self.send(401, b"", {})
            elif self.path.startswith("/token"):
                self.send(200, json.dumps({"token": self.server.secret}).encode(), {})
            elif self.server.token and self.headers.get("Authorization") != self.server.accepts:
                self.send(401, b"", {"WWW-Authenticate": self.server.token})
            else:
                self.answer()

    def answer(self) -> None:
        kind, name = self.path.split("/")[-2:]
        if kind == "manifests":
            text = self.server.manifests.get(name)
            self.send(
                200 if text else 404,
                text or b"",
                {"Content-Type": self.server.types.get(name, f"{OCI}manifest.v1+json")},
            )
            return
        data = self.server.blobs.get(name)
        if data is None:
            self.send(404, b"", {})
        elif self.server.redirect:
            self.send(307, b"", {"Location": self.server.redirect})
        else:
            self.send_blob(name, data)

    def send_blob(self, name: str, data: bytes) -> None:
        start, status, headers = 0, 200, {}
        if "Range" in self.headers and self.server.knows_range:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")) + self.server.shift
            status, headers = 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        rest = data[start:]
        most = self.server.most
        self.send(status, rest[:most], headers, length=len(rest))
        if most is not None and len(rest) > most:
            self.close_connection = True

    def send(self, status: int, data: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data) if length is None else length)}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def false_registry() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("localhost", 0), FalseRegistry)
    server.asked, server.token, server.most, server.knows_range, server.shift = [], "", None, True, 0
    server.accepts, server.asks = "Bearer secret", ""
    server.secret = "secret"
    server.login = server.leads = ""  # what the place for tokens wants to see, and where it leads instead
    server.redirect, server.types, server.manifests, server.blobs = "", {}, {}, {}
    server.host = f"localhost:{server.server_address[1]}"
    with ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever)
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()


def offer(server: Any, made: Made, **changes: Any) -> Made:
    text = made.manifest(**changes)
    server.manifests = {"latest": text, digest(text): text}
    server.blobs = {digest(blob): blob for blob in (made.config, *made.blobs)}
    return made


def large() -> Made:
    return Made([tar([entry("random", os.urandom(200_000))]), tar([entry("b", "small")])], compression="")


def pull(runtime: Runtime, place: Path, server: Any, name: str = "app", *options: str, status: int = 0) -> str:
    words = ("pull", "--store", place / "store", *options, f"docker://{server.host}/{name}")
    done = command(runtime, *words, status=status)
    return done.stderr if status else done.stdout


def blobs_of(place: Path) -> set[str]:
    return {f"sha256:{name}" for name in os.listdir(place / "store/blobs/sha256")}


def test_a_token_is_asked_for(runtime: Runtime, place: Path, false_registry: Any) -> None:
    made = offer(false_registry, large())
    realm = f"http://{false_registry.host}/token"
    false_registry.token = f'Bearer realm="{realm}",service="s",scope="repository:app:pull"'
    pull(runtime, place, false_registry)
    tokens = [path for path, _ in false_registry.asked if path.startswith("/token")]
    assert tokens[0] == "/token?service=s&scope=repository%3Aapp%3Apull"
    assert blobs_of(place) == {digest(made.manifest()), *false_registry.blobs}
    for path, headers in false_registry.asked:
        assert "Authorization" not in headers or not path.startswith("/token")


@pytest.mark.parametrize("secret", ["se\ncret", "se cret", "secr\u0113t"])
def test_a_token_that_no_header_can_have_is_in_no_message(
    runtime: Runtime, place: Path, false_registry: Any, secret: str
) -> None:
    offer(false_registry, large())
    false_registry.token, false_registry.secret = f'Bearer realm="http://{false_registry.host}/token"', secret
    said = pull(runtime, place, false_registry, status=1)
    assert "has one that is none" in said and "cret" not in said and "can't reach" not in said


def test_a_password_is_for_the_place_for_tokens_alone(
    runtime: Runtime, place: Path, false_registry: Any, home: Path
) -> None:
    offer(false_registry, large())
    log_in(home, false_registry.host)
    false_registry.token = f'Bearer realm="http://{false_registry.host}/token"'
    false_registry.login = authorization("me", PASSWORD)
    pull(runtime, place, false_registry)
    told = {(path.startswith("/token"), headers.get("Authorization")) for path, headers in false_registry.asked}
    assert told == {(True, false_registry.login), (False, None), (False, "Bearer secret")}


def authorization(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def test_a_password_that_is_refused_is_in_no_message(
    runtime: Runtime, place: Path, false_registry: Any, home: Path
) -> None:
    offer(false_registry, large())
    log_in(home, false_registry.host)
    false_registry.token = f'Bearer realm="http://{false_registry.host}/token"'
    false_registry.login = "Basic other"
    words = ("--debug", "pull", "--store", place / "store", f"docker://{false_registry.host}/app")
    done = command(runtime, *words, status=1)
    assert "no token for app: 401" in done.stderr and "log in anew" in done.stderr
    said = (
        done.stdout
        + done.stderr
        + subprocess.run(["grep", "-r", "", place / "store"], capture_output=True, text=True, check=True).stdout
    )
    assert PASSWORD not in said and authorization("me", PASSWORD).split()[1] not in said


@pytest.mark.parametrize("challenge", ["Basic realm=x", "Bearer"])
@pytest.mark.parametrize("leads", ["a blob", "a token"])
def test_a_redirection_gets_no_password(
    runtime: Runtime, place: Path, false_registry: Any, home: Path, challenge: str, leads: str
) -> None:
    """It may be to anybody's server."""
    offer(false_registry, large())
    log_in(home, false_registry.host)
    basic = challenge.startswith("Basic")
    false_registry.token = challenge if basic else f'Bearer realm="http://{false_registry.host}/token"'
    false_registry.accepts = authorization("me", PASSWORD) if basic else "Bearer secret"
    false_registry.login = authorization("me", PASSWORD)
    elsewhere = f"http://{false_registry.host}/v2/elsewhere/blobs/x"
    if leads == "a blob":
        false_registry.redirect = elsewhere
    else:
        false_registry.leads = elsewhere
    pull(runtime, place, false_registry, status=0 if basic and leads == "a token" else 1)
    led = [headers for path, headers in false_registry.asked if "elsewhere" in path]
    assert led or (basic and leads == "a token")
    assert all("Authorization" not in headers for headers in led)


def test_who_a_registry_leads_to_asks_for_no_password(
    runtime: Runtime, place: Path, false_registry: Any, home: Path
) -> None:
    """The challenge is not the registry's own, whatever place for tokens it names."""
    offer(false_registry, large())
    log_in(home, false_registry.host)
    false_registry.token, false_registry.accepts = "Basic realm=x", authorization("me", PASSWORD)
    other = f"http://{false_registry.host.replace('localhost', '127.0.0.1')}"
    false_registry.redirect = f"{other}/asking"
    false_registry.asks = f'Bearer realm="{other}/token"'
    assert "which wants to know who asks" in pull(runtime, place, false_registry, status=1)
    assert any(path == "/asking" for path, _ in false_registry.asked)
    assert not any(path.startswith("/token") for path, _ in false_registry.asked)


def test_a_registrys_name_may_be_in_capitals(runtime: Runtime, place: Path, false_registry: Any, home: Path) -> None:
    """It is the same one: what it leads to is told from it by the name."""
    offer(false_registry, large())
    log_in(home, false_registry.host)
    false_registry.token, false_registry.accepts = "Basic realm=x", authorization("me", PASSWORD)
    command(runtime, "pull", "--store", place / "store", f"docker://{false_registry.host.upper()}/app")


def test_another_registrys_password_stays_here(runtime: Runtime, place: Path, false_registry: Any, home: Path) -> None:
    offer(false_registry, large())
    log_in(home, false_registry.host.replace("localhost", "127.0.0.1"))
    for token in ("Basic realm=x", f'Bearer realm="http://{false_registry.host}/token"'):
        false_registry.token, false_registry.login = token, "Basic other"
        pull(runtime, place, false_registry, status=1)
    assert all("Authorization" not in headers for _, headers in false_registry.asked)


def test_nobody_looks_for_a_password_that_nobody_wants(
    runtime: Runtime, place: Path, false_registry: Any, home: Path
) -> None:
    """So a file that can't be read is in nobody's way."""
    offer(false_registry, large())
    (home / ".docker/config.json").write_text("{")
    pull(runtime, place, false_registry)
    false_registry.token = "Basic realm=x"
    assert "config.json can't be read" in pull(runtime, place / "again", false_registry, status=1)


@pytest.mark.parametrize("challenge", ["Basic realm=x", 'Bearer realm="http://example.com/token"', "Bearer", ""])
def test_who_asks_in_a_way_that_is_not_safe(runtime: Runtime, place: Path, false_registry: Any, challenge: str) -> None:
    offer(false_registry, large())
    false_registry.token = challenge or "x"
    said = pull(runtime, place, false_registry, status=1)
    assert "wants to know who asks" in said or "allowed: https" in said


def test_a_transfer_that_breaks_off_goes_on(runtime: Runtime, place: Path, false_registry: Any) -> None:
    offer(false_registry, large())
    false_registry.most = 50_000
    pull(runtime, place, false_registry)
    ranges = [headers["Range"] for _, headers in false_registry.asked if "Range" in headers]
    assert len(ranges) >= 4 and "bytes=50000-" in ranges


def test_a_registry_without_ranges(runtime: Runtime, place: Path, false_registry: Any) -> None:
    """It begins anew each time, and what is there already is skipped."""
    made = offer(false_registry, large())
    (place / "store/partial").mkdir(parents=True)
    name = digest(made.blobs[0]).partition(":")[2]
    (place / "store/partial" / name).write_bytes(made.blobs[0][:70_000])
    false_registry.knows_range = False
    pull(runtime, place, false_registry)
    assert [headers["Range"] for _, headers in false_registry.asked if "Range" in headers] == ["bytes=70000-"]


def test_what_another_command_has_begun_is_gone_on_with(runtime: Runtime, place: Path, false_registry: Any) -> None:
    made = offer(false_registry, large())
    false_registry.most = 0
    said = pull(runtime, place, false_registry, status=1)
    assert "breaks off at byte" in said and "try again" in said
    false_registry.most = None
    (place / "store/partial" / digest(made.blobs[0]).partition(":")[2]).write_bytes(made.blobs[0][:100_000])
    false_registry.asked.clear()
    pull(runtime, place, false_registry)
    assert "bytes=100000-" in [headers.get("Range") for _, headers in false_registry.asked]
    assert os.listdir(place / "store/partial") == []


def test_what_was_begun_was_wrong(runtime: Runtime, place: Path, false_registry: Any) -> None:
    """The next attempt begins anew."""
    made = offer(false_registry, large())
    (place / "store/partial").mkdir(parents=True)
    (place / "store/partial" / digest(made.blobs[0]).partition(":")[2]).write_bytes(b"wrong")
    assert "is not what its digest is of" in pull(runtime, place, false_registry, status=1)
    pull(runtime, place, false_registry)


def test_another_range_than_was_asked_for(runtime: Runtime, place: Path, false_registry: Any) -> None:
    offer(false_registry, large())
    false_registry.most, false_registry.shift = 50_000, 1
    assert "was asked for what follows byte" in pull(runtime, place, false_registry, status=1)


def test_a_wrong_blob(runtime: Runtime, place: Path, false_registry: Any) -> None:
    made = offer(false_registry, large())
    name = digest(made.blobs[0])
    false_registry.blobs[name] = made.blobs[0][:-1] + b"x"
    assert "is not what its digest is of" in pull(runtime, place, false_registry, status=1)
    assert name not in blobs_of(place)


def test_a_blob_without_end(runtime: Runtime, place: Path, false_registry: Any) -> None:
    made = offer(false_registry, large())
    false_registry.blobs[digest(made.blobs[0])] = made.blobs[0] + bytes(10_000_000)
    assert "is longer than" in pull(runtime, place, false_registry, status=1)


def test_a_manifest_that_is_not_what_its_digest_is_of(runtime: Runtime, place: Path, false_registry: Any) -> None:
    made = offer(false_registry, large())
    name = digest(made.manifest())
    false_registry.manifests[name] = Made(plain()).manifest()
    assert "is not what its digest is of" in pull(runtime, place, false_registry, f"app@{name}", status=1)


def test_a_manifest_without_end(runtime: Runtime, place: Path, false_registry: Any) -> None:
    offer(false_registry, large())
    false_registry.manifests["latest"] = b" " * (5 << 20)
    assert "sends a manifest of more than" in pull(runtime, place, false_registry, status=1)


def test_a_layer_that_is_kept_elsewhere(runtime: Runtime, place: Path, false_registry: Any) -> None:
    """Whoever fetched from there would tell who they are, and what their host can reach."""
    made = large()
    layers = [one | {"urls": [f"http://{false_registry.host}/elsewhere"]} for one in made.descriptors()]
    offer(false_registry, made, layers=layers)
    assert "a layer that is kept elsewhere" in pull(runtime, place, false_registry, status=1)
    assert "/elsewhere" not in [path for path, _ in false_registry.asked]


def test_a_redirection_to_where_others_can_read(runtime: Runtime, place: Path, false_registry: Any) -> None:
    """It is not even followed."""
    offer(false_registry, large())
    with socket.create_server(("127.0.0.2", 0)) as other:
        other.setblocking(False)
        false_registry.redirect = f"http://127.0.0.2:{other.getsockname()[1]}/x"
        assert "allowed: https" in pull(runtime, place, false_registry, status=1)
        with pytest.raises(BlockingIOError):
            other.accept()


def test_a_redirection_gets_no_token(runtime: Runtime, place: Path, false_registry: Any) -> None:
    """It is meant for the registry alone."""
    offer(false_registry, large())
    false_registry.token = f'Bearer realm="http://{false_registry.host}/token"'
    false_registry.redirect = f"http://{false_registry.host}/v2/app/blobs/x"
    pull(runtime, place, false_registry, status=1)
    assert any(path.endswith("blobs/x") for path, _ in false_registry.asked)
    assert all("Authorization" not in told for path, told in false_registry.asked if path.endswith("blobs/x"))


def test_nobodys_password_is_looked_for(
    runtime: Runtime, place: Path, false_registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the caller's ~/.netrc has for a host that a registry leads to."""
    offer(false_registry, large())
    (place / ".netrc").write_text("machine localhost login me password mine\n")
    (place / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(place))
    pull(runtime, place, false_registry)
    assert all("Authorization" not in told for _, told in false_registry.asked)


def test_the_platform_is_chosen(runtime: Runtime, place: Path, false_registry: Any) -> None:
    made, others = offer(false_registry, large()), []
    for system, architecture in (("windows", "amd64"), ("linux", "s390x"), ("linux", "amd64")):
        text = made.manifest(annotations={"for": architecture + system})
        false_registry.manifests[digest(text)] = text
        platform = {"os": system, "architecture": architecture}
        others.append(described(f"{OCI}manifest.v1+json", text) | {"platform": platform})
    index = json.dumps({"schemaVersion": 2, "mediaType": f"{OCI}index.v1+json", "manifests": others}).encode()
    false_registry.manifests["latest"], false_registry.types["latest"] = index, f"{OCI}index.v1+json"
    assert pull(runtime, place, false_registry, "app", "--platform", "linux/s390x") == f"{others[1]['digest']}\n"
    said = pull(runtime, place, false_registry, "app", "--platform", "linux/mips", status=1)
    assert "no image for linux/mips" in said and "linux/amd64, linux/s390x, windows/amd64" in said


def test_without_the_library(place: Path) -> None:
    """It is an extra: without it, there is a sentence on how to get it."""

    (place / "requests.py").write_text("raise ImportError('no')")
    home = Path(__file__).parents[2]
    code = f"import sys; sys.path[:0] = [{str(place)!r}, {str(home)!r}]\nfrom minirun.cli.start import start\n"
    words = [sys.executable, "-c", f"{code}sys.exit(start(['pull', '--store', 's', 'docker://localhost:1/x']))"]
    told = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "apt install python3-requests" in told.stderr and "pip install 'minirun[images]'" in told.stderr
