"""config.json as a file: missing, unreadable, no JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from unit.spec.spec_helpers import GOOD

from minirun.errors import ConfigError, MinirunError
from minirun.one_line import one_line
from minirun.spec.load import load


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(GOOD))
    return tmp_path


def message(bundle: Path | str) -> str:
    with pytest.raises(MinirunError) as caught:
        load(str(bundle))
    assert not isinstance(caught.value, ConfigError), "nothing is wrong with the content"
    return str(caught.value)


def syntax_error(bundle: Path, content: bytes) -> ConfigError:
    (bundle / "config.json").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(str(bundle))
    assert caught.value.pointer == ""
    return caught.value


def test_loads_a_file(bundle: Path) -> None:
    assert load(str(bundle)).root.path == "rootfs"


def test_follows_a_symbolic_link(bundle: Path) -> None:
    (bundle / "config.json").rename(bundle / "real.json")
    (bundle / "config.json").symlink_to("real.json")
    assert load(str(bundle)).root.path == "rootfs"


def test_missing_bundle_names_it_and_the_option(tmp_path: Path) -> None:
    text = message(tmp_path / "none")
    assert "none" in text
    assert "no such file or directory" in text
    assert "--bundle" in text


def test_bundle_that_is_a_file(bundle: Path) -> None:
    assert "not a directory" in message(bundle / "config.json")


@pytest.mark.parametrize("name", ["", "a\0b", "\udfff" * 3, "x" * 5000])
def test_names_that_no_directory_can_have(name: str) -> None:
    assert "can't use the bundle" in message(name)


def test_missing_config_is_cured_by_spec(tmp_path: Path) -> None:
    assert "minirun spec" in message(tmp_path)


def test_rootfs_without_config_is_mentioned(tmp_path: Path) -> None:
    without = message(tmp_path)
    (tmp_path / "rootfs").mkdir()
    assert "has a rootfs but no config.json" in message(tmp_path)
    assert "has a rootfs" not in without


def test_directory_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    assert "not a regular file" in message(tmp_path)


def test_fifo_in_its_place_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    assert "not a regular file" in message(tmp_path)


def test_device_in_its_place_does_not_fill_the_memory(tmp_path: Path) -> None:
    (tmp_path / "config.json").symlink_to("/dev/zero")
    assert "not a regular file" in message(tmp_path)


@pytest.mark.parametrize(("target", "reason"), [("nowhere", "no such file"), ("config.json", "symbolic links")])
def test_link_that_leads_nowhere(tmp_path: Path, target: str, reason: str) -> None:
    (tmp_path / "config.json").symlink_to(target)
    assert reason in message(tmp_path)


def test_file_that_may_not_be_read(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_permission(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", no_permission)
    assert "permission denied" in message(bundle)


def test_bad_json_has_line_and_column(bundle: Path) -> None:
    assert "line 2, column 15" in syntax_error(bundle, b'{\n  "hostname": oops\n}').found


def test_a_caret_stands_below_the_mistake(bundle: Path) -> None:
    told = str(syntax_error(bundle, b'{\n\t"hostname":\too\xc3\xa9ps\n}')).split("\n")
    assert told[1:3] == ['  line:    "hostname": oo\u00e9ps'.replace("\u00e9", "\xe9"), "                       ^"]


def test_of_a_long_line_only_a_part_is_shown(bundle: Path) -> None:
    """Who writes JSON without line breaks has one line of many thousand characters."""
    text = b'{"a": "%s", oops, "b": "%s"}' % (b"x" * 500, b"y" * 500)
    _, line, caret, _ = str(syntax_error(bundle, text)).split("\n")
    assert len(line) < 80
    assert line[caret.index("^") :].startswith("oops")


def test_programs_get_it_in_one_line_without_the_caret(bundle: Path) -> None:
    told = one_line(str(syntax_error(bundle, b'{\n  "hostname": oops\n}')))
    assert told.endswith('Expecting value; line: "hostname": oops; allowed: JSON (RFC 8259)')


@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_an_empty_file_is_called_so(bundle: Path, content: bytes) -> None:
    assert syntax_error(bundle, content).found.startswith("not JSON: an empty file")


WHOLE = b'{\n"a": [\n{"b": "]\\u00e9"},\ntrue,\n-12, 1.5e+3],\n"c": {}\n}'


@pytest.mark.parametrize("then", [b"", b"\n"], ids=["", "line"])
@pytest.mark.parametrize("end", range(1, len(WHOLE)))
def test_a_file_that_breaks_off_anywhere_is_told_so(bundle: Path, end: int, then: bytes) -> None:
    """As a copy leaves it that was not finished, and an editor in which the last bracket is forgotten."""
    error, line = syntax_error(bundle, WHOLE[:end] + then), WHOLE[:end].strip().count(b"\n") + 1
    assert error.found.startswith(f"not JSON: it ends in line {line}, in the middle of the ")
    assert error.line == WHOLE.split(b"\n")[line - 1][: error.column].decode() != ""


def test_what_a_file_breaks_off_in_is_the_innermost_that_is_open(bundle: Path) -> None:
    told = str(syntax_error(bundle, b'{\n  "a": {"x": [1]},\n  "b": [\n    {},\n    "ends]\n\n'))
    found = "not JSON: it ends in line 5, in the middle of the array that begins in line 3"
    assert (
        told
        == f'config.json: the top level: {found}\n  line:    "ends]\n                 ^\n  allowed: JSON (RFC 8259)'
    )


@pytest.mark.parametrize(
    "content", [b"}", b"]", b"{}{}", b"{}t", b"[}", b'{"a": 1,}', b"\xef\xbb\xbf{}", b'"\x01"', b"'a'"]
)
def test_bad_json(bundle: Path, content: bytes) -> None:
    assert "line 1, column" in syntax_error(bundle, content).found


@pytest.mark.parametrize(
    "content", [b"\xff", b'{\n"a": "\xc3("}', b'{"a": "\xed\xa0\x80"}', '{"a": "é"}'.encode("utf-16")]
)
def test_bad_utf8_has_its_line(bundle: Path, content: bytes) -> None:
    line = 2 if b"\n" in content else 1
    assert f"UTF-8 in line {line}" in syntax_error(bundle, content).found


def test_a_byte_order_mark_is_called_so(bundle: Path) -> None:
    assert "byte order mark" in str(syntax_error(bundle, b"\xef\xbb\xbf{}"))


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_names_that_only_python_takes_for_numbers(bundle: Path, name: str) -> None:
    assert name in syntax_error(bundle, json.dumps(GOOD)[:-1].encode() + f', "x": {name}}}'.encode()).found


@pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"hooks":', b"}")])
@pytest.mark.parametrize("depth", [900, 3_000, 100_000])
def test_deep_nesting(bundle: Path, start: bytes, end: bytes, depth: int) -> None:
    (bundle / "config.json").write_bytes(start * depth + b"1" + end * depth)
    with pytest.raises(ConfigError) as caught:
        load(str(bundle))
    assert "nested" in caught.value.found or depth < 100_000


def test_huge_number(bundle: Path) -> None:
    assert "digits" in syntax_error(bundle, b'{"a": ' + b"9" * 100_000 + b"}").found


def test_big_number_is_just_wrong_where_it_matters(bundle: Path) -> None:
    (bundle / "config.json").write_text(json.dumps({**GOOD, "ociVersion": 10**4000, "unknown": 10**4000}))
    with pytest.raises(ConfigError) as caught:
        load(str(bundle))
    assert caught.value.pointer == "/ociVersion"
    assert len(str(caught.value)) < 300


def test_a_long_string_is_shortened(bundle: Path) -> None:
    (bundle / "config.json").write_text(json.dumps({**GOOD, "ociVersion": "9" * 10**6}))
    with pytest.raises(ConfigError) as caught:
        load(str(bundle))
    assert len(str(caught.value)) < 300


def test_errors_can_not_drive_the_terminal(bundle: Path) -> None:
    (bundle / "config.json").write_text(json.dumps({**GOOD, "annotations": {"\x1b[2J": "\x1b[2J\0"}}))
    with pytest.raises(ConfigError) as caught:
        load(str(bundle))
    assert "\x1b" not in str(caught.value)


def test_a_file_that_is_too_big_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    os.truncate(tmp_path / "config.json", 1 << 40)
    assert "it has 1099511627776 bytes\n  allowed: " in message(tmp_path)
