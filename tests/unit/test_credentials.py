"""Whose login is taken for which registry, from the files that other programs write; and what is wrong with one."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from minirun.images import registry_http
from minirun.images.credentials import login_for, places
from minirun.images.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path


def noted(word: str) -> dict[str, str]:
    return {"auth": base64.b64encode(word.encode()).decode()}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    return tmp_path / "auth.json"


def found(host: str, name: str = "team/app") -> str | None:
    login = login_for(host, name)
    return login and base64.b64decode(login.header.removeprefix("Basic ")).decode()


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("r.example", "r.example"),
        ("r.example:5000", "r.example:5000"),
        ("r.example/team", "r.example"),
        ("r.example/team/app", "r.example"),
        ("https://r.example", "r.example"),
        ("https://r.example/v2/", "r.example"),
        ("https://index.docker.io/v1/", "registry-1.docker.io"),
        ("docker.io", "registry-1.docker.io"),
        ("docker.io/team", "registry-1.docker.io"),
    ],
)
def test_it_is_this_registrys(file: Path, key: str, host: str) -> None:
    file.write_text(json.dumps({"auths": {"other": noted("no:no"), key: noted("me:my:word")}}))
    assert found(host) == "me:my:word"


@pytest.mark.parametrize(
    "key", ["r.example:5000", "r.example/team/ap", "r.example/app", "example", "x.r.example", "r.example.x", "", "team"]
)
def test_it_is_another_ones(file: Path, key: str) -> None:
    file.write_text(json.dumps({"auths": {key: noted("me:word")}}))
    assert found("r.example") is None


def test_the_nearest_one_counts(file: Path) -> None:
    keys = ("r.example", "r.example/team", "r.example/team/app")
    file.write_text(json.dumps({"auths": {key: noted(f"{key}:x") for key in keys}}))
    assert [found("r.example", name) for name in ("a", "team/b", "team/app")] == [f"{key}:x" for key in keys]


def test_docker_fills_up_with_nuls_and_leaves_empty_ones(file: Path) -> None:
    file.write_text(json.dumps({"auths": {"a": noted("me:word\0\0"), "b": {}, "c": {"auth": ""}}}))
    assert [found(host) for host in "abc"] == ["me:word", None, None]


def test_the_files_of_all_that_log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", f"{tmp_path}/run")
    names = ("run/containers/auth.json", ".config/containers/auth.json", ".docker/config.json")
    assert places() == tuple(f"{tmp_path}/{name}" for name in names)
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(json.dumps({"auths": {"r.example": noted(f"{name}:x")}}))
        assert found("r.example") == f"{name}:x"


def test_a_symlink_is_followed(file: Path, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").write_text(json.dumps({"auths": {"r.example": noted("me:word")}}))
    file.symlink_to("dotfiles")
    assert found("r.example") == "me:word"


SECRET = base64.b64encode(b"me-without-a-colon").decode()
WRONG: dict[str, tuple[Any, str]] = {
    "no base64": ({"auths": {"r.example": {"auth": "§" + SECRET}}}, "can't be read"),
    "no password": ({"auths": {"r.example": {"auth": SECRET}}}, "can't be read"),
    "a token": ({"auths": {"r.example": {"identitytoken": SECRET}}}, "a token for r.example, which minirun can't use"),
    "a list": ([SECRET], "is a JSON array"),
    "a list inside": ({"auths": [SECRET]}, "auths is"),
    "a helper's name": ({"credsStore": "../" + SECRET}, "no program's name"),
    "a helper that is not there": ({"credHelpers": {"r.example": "none"}}, "docker-credential-none, which"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_without_the_secret(file: Path, name: str) -> None:
    told, words = WRONG[name]
    file.write_text(json.dumps(told))
    with pytest.raises(ImageError) as raised:
        found("r.example")
    assert words in str(raised.value) and str(file) in str(raised.value)
    assert name == "a helper's name" or SECRET not in str(raised.value)


@pytest.mark.parametrize("kind", ["credHelpers", "credsStore"])
def test_a_program_is_asked(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    program = tmp_path / "docker-credential-test"
    answer = '{"ServerURL": "x", "Username": "me", "Secret": "my:word"}'
    program.write_text(
        '#!/bin/sh\nread server; test "$1" = get || exit 2\n'
        f"test $server != r.example || exec echo '{answer}'\n"
        "echo credentials not found in native keychain; exit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    told = {"credHelpers": {"r.example": "test", "other": "test"}, "credsStore": "test"}
    file.write_text(json.dumps({kind: told[kind]}))
    assert (found("r.example"), found("other")) == ("me:my:word", None)


def test_a_login_does_not_show_its_password(file: Path) -> None:
    file.write_text(json.dumps({"auths": {"r.example": noted("me:word")}}))
    login = login_for("r.example", "x")
    assert login and "word" not in f"{login!r} {login}" and login.header not in f"{login!r} {login}"


def test_certificates_for_one_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's own signer has a say about the company's registry only, and not about what it leads to."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(registry_http, "CERTIFICATES", (f"{tmp_path}/none", str(tmp_path)))
    (tmp_path / "r.example:5000").mkdir()
    own = tmp_path / "r.example:5000/ca.crt"
    own.touch()
    urls = ("https://r.example:5000/v2/", "https://r.example/v2/", "https://other.example/")
    assert [registry_http.trusted(url, "r.example:5000") for url in urls] == [str(own), True, True]
    monkeypatch.setenv("SSL_CERT_FILE", "/mine")
    assert registry_http.trusted(urls[2], "r.example:5000") == "/mine"
