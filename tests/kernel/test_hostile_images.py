"""Images whose authors mean harm. Whatever is in them, nothing outside of the new root directory changes: the tree
beside it is compared, before and after. Most are refused with a reason; some are unpacked, harmlessly."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import subprocess
import tarfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit.images import OCI, Made, described, device, digest, entry, link, snapshot, tar, zipped, zstd
from kernel.test_images import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "images are no business of other runtimes")]

DEEP = "/".join(["d"] * 1500)


@pytest.fixture
def outside(place: Path) -> Path:
    """What must stay as it is."""
    made = place / "outside"
    (made / "dir").mkdir(parents=True)
    (made / "secret").write_text("secret\n")
    (made / "dir" / "file").write_text("file\n")
    return made


@pytest.fixture(autouse=True)
def cleared(place: Path) -> Iterator[None]:
    """Python's own way to remove a tree goes no deeper than it may call itself."""
    yield
    subprocess.run(["rm", "-rf", place / "store", place / "ours"], check=True)


def bundle(runtime: Runtime, place: Path, reference: str, *options: str, status: int) -> str:
    """What minirun says, all of it in words."""
    words = ("bundle", "--store", place / "store", *options, reference, place / "ours")
    said = command(runtime, *words, status=status).stderr
    assert "unexpected" not in said and "Traceback" not in said, said
    if status:
        assert not (place / "ours").exists()
        assert os.listdir(place / "store" / "layers") == []
    return said


# ---- layers that are unpacked, harmlessly


def dots(_o: str) -> list[bytes]:
    return [tar([entry("../../../../outside/new", "x"), entry("a/../../../outside/secret", "x")])]


def absolute_names(o: str) -> list[bytes]:
    return [tar([entry(f"{o}/secret", "x"), entry(f"/{o}/new", "x")])]


def a_file_through_a_symlink(o: str) -> list[bytes]:
    return [tar([link("up", o), entry("up/secret", "x"), link("rel", "../outside"), entry("rel/secret", "x")])]


def a_symlink_of_a_lower_layer(o: str) -> list[bytes]:
    return [tar([link("up", o)]), tar([entry("up/secret", "x"), entry("up/dir/file", "x")])]


def a_directory_that_becomes_a_symlink(o: str) -> list[bytes]:
    return [tar([entry("a"), entry("a/secret", "1")]), tar([link("a", o), entry("a/secret", "x")])]


def a_directory_replaced_in_the_same_layer(o: str) -> list[bytes]:
    return [tar([entry("a"), entry("a/b", "1"), link("a", o), entry("a/secret", "x"), entry("a/dir/file", "x")])]


def attributes_of_a_symlinks_target(o: str) -> list[bytes]:
    return [tar([link("s", f"{o}/secret"), entry("t"), link("t/u", f"{o}/dir"), link("t/u", o)])]


def a_whiteout_through_a_symlink(o: str) -> list[bytes]:
    return [tar([link("up", o)]), tar([entry("up/.wh.secret", ""), entry("up/dir/.wh..wh..opq", "")])]


def a_whiteout_of_a_symlink(o: str) -> list[bytes]:
    return [tar([link("up", o)]), tar([entry(".wh.up", "")])]


def an_opaque_symlink(o: str) -> list[bytes]:
    return [tar([link("up", o)]), tar([entry("up/.wh..wh..opq", ""), entry("up/dir/.wh.file", "")])]


def duplicates(o: str) -> list[bytes]:
    return [tar([entry("f", "1"), link("f", f"{o}/secret"), entry("f", "2"), entry("f"), entry("f/g", "3")])]


def a_hard_link_to_a_symlink(o: str) -> list[bytes]:
    return [tar([link("s", f"{o}/secret"), link("h", "s", hard=True), entry("h", "x")])]


def a_line_break_in_a_name(_o: str) -> list[bytes]:
    return [tar([entry("a\nb\x1b[31m", "x")])]


def overlays_own_attributes(o: str) -> list[bytes]:
    first = {"trusted.overlay.redirect": o, "user.overlay.opaque": "y", "trusted.overlay.opaque": "y"}
    return [tar([entry("lower"), entry("lower/file", "1")]), tar([entry("lower", xattrs=first), entry("up", "2")])]


def labels_of_this_host(_o: str) -> list[bytes]:
    values = {"security.selinux": "system_u:object_r:shadow_t:s0", "security.ima": "signed", "trusted.x": "1"}
    return [tar([entry("f", "x", xattrs=values)])]


def a_device_of_overlays(_o: str) -> list[bytes]:
    return [tar([entry("f", "x")]), tar([device("f", major=0, minor=0)])]


def a_root_that_is_everybodys(_o: str) -> list[bytes]:
    return [tar([entry("./", mode=0o7777, uid=1000, gid=1000)])]


def very_deep(_o: str) -> list[bytes]:
    """As deep as a path is long, and then taken away."""
    return [tar([entry(DEEP), entry(f"{DEEP}/file", "x")]), tar([entry(".wh.d", "")])]


def names_of_aufs(_o: str) -> list[bytes]:
    return [tar([entry(".wh..wh.plnk"), entry(".wh..wh.aufs", "")])]


HARMLESS = (
    *(dots, absolute_names, a_file_through_a_symlink, a_symlink_of_a_lower_layer, a_directory_that_becomes_a_symlink),
    *(a_directory_replaced_in_the_same_layer, attributes_of_a_symlinks_target, a_whiteout_through_a_symlink),
    *(a_whiteout_of_a_symlink, an_opaque_symlink, duplicates, a_hard_link_to_a_symlink, a_line_break_in_a_name),
    *(overlays_own_attributes, labels_of_this_host, a_device_of_overlays, a_root_that_is_everybodys, very_deep),
    *(names_of_aufs,),
)


@pytest.mark.parametrize("form", ["copied", "overlay"])
@pytest.mark.parametrize("layers", HARMLESS, ids=lambda made: made.__name__)
def test_nothing_outside_is_touched(
    runtime: Runtime, place: Path, outside: Path, layers: Callable[[str], list[bytes]], form: str
) -> None:
    before = snapshot(outside)
    reference = Made(layers(str(outside))).layout(place / "layout")
    bundle(runtime, place, reference, *["--overlay"] * (form == "overlay"), status=0)
    assert snapshot(outside) == before
    assert {path.name for path in place.iterdir()} == {"outside", "layout", "store", "ours"}


def test_overlays_own_attributes_do_not_come_from_a_layer(runtime: Runtime, place: Path, outside: Path) -> None:
    made = Made(overlays_own_attributes(str(outside)))
    said = bundle(runtime, place, made.layout(place / "layout"), status=0)
    assert "trusted.overlay.redirect, left out since it would tell overlayfs to show other files" in said
    assert os.listxattr(place / "ours/rootfs/lower") == []


def test_files_are_for_nobody_else(runtime: Runtime, place: Path) -> None:
    """CVE-2021-41091: a set-user-id program of an image is none that users of the host could start."""
    made = Made([tar([entry("./", mode=0o777), entry("su", "x", mode=0o4755)])])
    bundle(runtime, place, made.layout(place / "layout"), "--overlay", status=0)
    for directory in (place / "ours", place / "store"):
        assert directory.stat().st_mode & 0o077 == 0


def test_what_goes_can_be_removed_whatever_it_is(runtime: Runtime, place: Path) -> None:
    """Even deeper than a path is long."""
    layers = very_deep("")[:1]
    bundle(runtime, place, Made(layers).layout(place / "layout"), "--overlay", status=0)
    subprocess.run(["rm", "-rf", place / "ours"], check=True)
    command(runtime, "images", "--store", place / "store", "prune")
    assert os.listdir(place / "store/layers") == []


# ---- layers that are refused


def hard_link_outside(o: str) -> list[bytes]:
    return [tar([link("h", f"../../../../../..{o}/secret", hard=True)])]


def hard_link_by_a_symlink(o: str) -> list[bytes]:
    return [tar([link("s", o), link("h", "s/secret", hard=True)])]


def hard_link_to_a_directory(_o: str) -> list[bytes]:
    return [tar([entry("d"), link("h", "d", hard=True)])]


def hard_link_to_the_root(_o: str) -> list[bytes]:
    return [tar([link("h", "..", hard=True)])]


def whiteout_of_the_parent(_o: str) -> list[bytes]:
    return [tar([entry("a"), entry("a/.wh...", "")])]


def whiteout_of_the_directory(_o: str) -> list[bytes]:
    return [tar([entry("a"), entry("a/.wh..", "")])]


def whiteout_of_nothing(_o: str) -> list[bytes]:
    return [tar([entry("a"), entry("a/.wh.", "")])]


def nul_in_a_name(_o: str) -> list[bytes]:
    return [tar([entry("x", "x", pax={"path": "a\0b"})])]


def nul_in_a_link(_o: str) -> list[bytes]:
    return [tar([entry("x", b"", type=tarfile.SYMTYPE, pax={"linkpath": "a\0b"})])]


def nul_in_an_attributes_name(_o: str) -> list[bytes]:
    return [tar([entry("a", "x", xattrs={"user.a\0b": "x"})])]


def name_too_long(_o: str) -> list[bytes]:
    return [tar([entry("n" * 256, "x")])]


def path_too_long(_o: str) -> list[bytes]:
    return [tar([entry("/".join(["n" * 100] * 50), "x")])]


def deeper_than_a_path(_o: str) -> list[bytes]:
    """By a symlink; it has to be taken away again."""
    return [tar([entry(DEEP), link("s", DEEP), entry(f"s/{DEEP}"), entry(f"s/{DEEP}/file", "x")])]


def circle_of_symlinks(_o: str) -> list[bytes]:
    return [tar([link("a", "b"), link("b", "a"), entry("a/x", "x")])]


def file_in_a_file(_o: str) -> list[bytes]:
    return [tar([entry("a", "x"), entry("a/b", "x")])]


def root_that_is_a_file(_o: str) -> list[bytes]:
    return [tar([entry("./", "x")])]


def root_that_is_a_symlink(o: str) -> list[bytes]:
    return [tar([link(".", o), entry("secret", "x")])]


def unknown_type(_o: str) -> list[bytes]:
    return [tar([entry("x", b"", type=b"Z")])]


def size_below_zero(_o: str) -> list[bytes]:
    data = bytearray(tar([entry("x", "x")], tarfile.USTAR_FORMAT))
    data[124:136] = b"\xff" * 12
    return [bytes(with_checksum(data))]


def size_of_more_than_there_is(_o: str) -> list[bytes]:
    data = bytearray(tar([entry("x", "x")], tarfile.USTAR_FORMAT))
    data[124:136] = b"77777777777\0"
    return [bytes(with_checksum(data))]


def header_of_a_gigabyte(_o: str) -> list[bytes]:
    data = bytearray(tar([entry("x", "x", type=tarfile.XHDTYPE)], tarfile.USTAR_FORMAT))
    data[124:136] = b"10000000000\0"
    return [bytes(with_checksum(data)) + bytes(1 << 21)]


def headers_without_end(_o: str) -> list[bytes]:
    one = tar([entry("x", "10 a=bcde\n", type=tarfile.XHDTYPE)], tarfile.USTAR_FORMAT)[:1024]
    return [one * 5000]


def sparse_map_that_lies(_o: str) -> list[bytes]:
    lies = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "100", "GNU.sparse.name": "s"}
    return [tar([entry("s", b"1\n50\n1000000\n".ljust(512, b"\0"), pax=lies)])]


def sparse_map_without_end(_o: str) -> list[bytes]:
    lies = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "100", "GNU.sparse.name": "s"}
    return [tar([entry("s", b"99999999\n" + b"1\n" * 2_000_000, pax=lies)])]


def sparse_map_that_overlaps(_o: str) -> list[bytes]:
    return [tar([entry("s", b"x" * 1024, pax={"GNU.sparse.map": "0,512,100,512", "GNU.sparse.size": "700"})])]


def owner_that_is_none(_o: str) -> list[bytes]:
    return [tar([entry("f", "x", pax={"uid": str((1 << 32) - 1)})])]


def time_after_all_times(_o: str) -> list[bytes]:
    return [tar([entry("f", "x", pax={"mtime": "9" * 30})])]


def rubbish(_o: str) -> list[bytes]:
    return [tar([entry("f", "x")])[:1024] + b"rubbish" * 1000]


def end_within_a_file(_o: str) -> list[bytes]:
    return [tar([entry("f", b"x" * 5000)])[:2048]]


def with_checksum(data: bytearray) -> bytearray:
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return data


REFUSED = (
    *(hard_link_outside, hard_link_by_a_symlink, hard_link_to_a_directory, hard_link_to_the_root),
    *(whiteout_of_the_parent, whiteout_of_the_directory, whiteout_of_nothing, nul_in_a_name, nul_in_a_link),
    *(
        nul_in_an_attributes_name,
        name_too_long,
        path_too_long,
        deeper_than_a_path,
        circle_of_symlinks,
        file_in_a_file,
        root_that_is_a_file,
        root_that_is_a_symlink,
    ),
    *(unknown_type, size_below_zero, size_of_more_than_there_is, header_of_a_gigabyte, headers_without_end),
    *(sparse_map_that_lies, sparse_map_without_end, sparse_map_that_overlaps, owner_that_is_none),
    *(time_after_all_times, rubbish, end_within_a_file),
)


@pytest.mark.parametrize("form", ["copied", "overlay"])
@pytest.mark.parametrize("layers", REFUSED, ids=lambda made: made.__name__)
def test_it_is_refused_and_nothing_is_left(
    runtime: Runtime, place: Path, outside: Path, layers: Callable[[str], list[bytes]], form: str
) -> None:
    before = snapshot(outside)
    reference = Made(layers(str(outside))).layout(place / "layout")
    said = bundle(runtime, place, reference, *["--overlay"] * (form == "overlay"), status=1)
    assert "a layer" in said or "can't unpack the" in said
    assert snapshot(outside) == before


def test_a_bomb_ends_at_its_limit(runtime: Runtime, place: Path) -> None:
    """64 MiB in 64 KiB."""
    bomb = Made([tar([entry("zeros", bytes(64 << 20))])])
    said = bundle(runtime, place, bomb.layout(place / "layout"), "--most", "32M", status=1)
    assert "a layer is larger than 33554432 bytes when it is decompressed" in said


COMPRESSED = {"gzip": zipped, "zstd": zstd, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("form", ["tar", "docker-archive"])
@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_bomb_is_not_even_fetched(runtime: Runtime, place: Path, kind: str, form: str) -> None:
    """Of a file whose layers have to be decompressed to know what they are."""
    bomb = Made([tar([entry("zeros", bytes(8 << 20))])])
    bomb.contents = [COMPRESSED[kind](bomb.contents[0])]
    reference = bomb.archive(place / "saved.tar")
    if form == "tar":
        (place / "bomb").write_bytes(bomb.contents[0])
        reference = f"tar:{place}/bomb"
    words = ("pull", "--store", place / "store", "--most", "4M", reference)
    assert "is larger than 4194304 bytes when it is decompressed" in command(runtime, *words, status=1).stderr
    assert os.listdir(place / "store/blobs/sha256") == os.listdir(place / "store/partial") == []
    words = ("pull", "--store", place / "store", "--most", "9M", reference)
    command(runtime, *words)


def test_several_layers_have_one_limit(runtime: Runtime, place: Path) -> None:
    made = Made([tar([entry(name, os.urandom(100_000))]) for name in "abc"], compression="")
    reference = made.layout(place / "layout")
    for words in (("--most", "200K", reference), ("--most", "200K", made.archive(place / "saved.tar"))):
        said = command(runtime, "pull", "--store", place / "store", *words, status=1).stderr
        assert "bytes to fetch" in said and "allowed: 204800" in said and "--most SIZE" in said
        assert os.listdir(place / "store/blobs/sha256") == os.listdir(place / "store/partial") == []


def test_a_manifest_that_promises_a_petabyte(runtime: Runtime, place: Path) -> None:
    """Nothing is written to the disk until it is full."""
    made = Made([tar([entry("a", "x")])])
    text = made.manifest(layers=[made.descriptors()[0] | {"size": 1 << 50}])
    said = bundle(runtime, place, made.layout(place / "layout", manifest=text), status=1)
    assert f"has {(1 << 50) + len(made.config)} bytes to fetch" in said


@pytest.mark.parametrize("form", ["oci", "tar"])
@pytest.mark.parametrize("kind", ["xz", "zstd"])
def test_a_layer_that_takes_much_memory(runtime: Runtime, place: Path, kind: str, form: str) -> None:
    """By the first bytes of its compressed form: gigabytes, for a file of some bytes."""
    made = Made([tar([entry("a", "x")])])
    made.blobs = [WIDE[kind](made.contents[0])]
    (place / "wide").write_bytes(made.blobs[0])
    reference = made.layout(place / "layout") if form == "oci" else f"tar:{place}/wide"
    said = bundle(runtime, place, reference, status=1)
    assert "takes more than 134217728 bytes of memory" in said and "xz -9" in said


def wide_xz(data: bytes) -> bytes:
    """With a dictionary of 4 GiB (xz-file-format, 5.3.1), which no test should really have."""
    made = bytearray(lzma.compress(data))
    end = 12 + (made[12] + 1) * 4 - 4  # of the first block's header
    made[made.index(b"\x21\x01", 12, end) + 2] = 40
    made[end : end + 4] = zlib.crc32(made[12:end]).to_bytes(4, "little")
    return bytes(made)


def wide_zstd(data: bytes) -> bytes:
    """With a window of 1 GiB (RFC 8878, 3.1.1.1.2); whoever writes a content's size needs no window."""
    return b"\x28\xb5\x2f\xfd" + bytes((0x00, 20 << 3)) + (len(data) << 3 | 1).to_bytes(3, "little") + data


WIDE = {"xz": wide_xz, "zstd": wide_zstd}


def test_what_an_archive_has_begun_is_gone_on_with(runtime: Runtime, place: Path) -> None:
    made = Made([tar([entry("a", "x" * 1000)])])
    (place / "root.tar").write_bytes(made.contents[0])
    for reference in (made.archive(place / "saved.tar"), f"tar:{place}/root.tar"):
        store = place / "store" / reference.partition(":")[0]
        (store / "partial").mkdir(parents=True)
        (store / "partial" / digest(made.contents[0]).partition(":")[2]).write_bytes(made.contents[0][:700])
        command(runtime, "pull", "--store", store, reference)


def test_a_bomb_in_a_bomb_is_one_layer(runtime: Runtime, place: Path) -> None:
    made = Made([tar([entry("a", "x")])])
    made.blobs = [zipped(blob) for blob in made.blobs]
    assert "is no tar file" in bundle(runtime, place, made.layout(place / "layout"), status=1)


def test_a_gzip_that_breaks_off(runtime: Runtime, place: Path) -> None:
    made = Made([tar([entry("a", os.urandom(100_000))])])
    made.blobs = [made.blobs[0][:-5000]]
    assert "can't be decompressed" in bundle(runtime, place, made.layout(place / "layout"), status=1)


# ---- manifests


def layer_in(layout: Path, made: Made) -> Path:
    return layout / "blobs" / digest(made.blobs[0]).replace(":", "/")


def good() -> Made:
    return Made([tar([entry("a", "x")])])


def test_a_blob_is_not_what_its_digest_is_of(runtime: Runtime, place: Path) -> None:
    made = good()
    reference = made.layout(place / "layout")
    blob = layer_in(place / "layout", made)
    blob.write_bytes(bytes(reversed(blob.read_bytes())))
    said = bundle(runtime, place, reference, status=1)
    assert "is not what its digest is of" in said
    assert os.listdir(place / "store/partial") == []


def test_a_blob_is_longer_than_its_descriptor_says(runtime: Runtime, place: Path) -> None:
    made = good()
    reference = made.layout(place / "layout")
    with layer_in(place / "layout", made).open("ab") as file:
        file.write(bytes(100))
    assert "is longer than" in bundle(runtime, place, reference, status=1)


def test_a_layer_is_not_what_the_configuration_says(runtime: Runtime, place: Path) -> None:
    made = good()
    made.document["rootfs"]["diff_ids"] = [digest(b"something else")]
    assert "is not what the image's configuration says" in bundle(
        runtime, place, made.layout(place / "layout"), status=1
    )


def test_an_archives_layer_is_not_what_its_configuration_says(runtime: Runtime, place: Path) -> None:
    made = good()
    made.contents = [tar([entry("a", "y")])]
    assert "is not what its digest is of" in bundle(runtime, place, made.archive(place / "saved.tar"), status=1)


def other(**changes: Any) -> bytes:
    return good().manifest(**changes)


LAYER = described(f"{OCI}layer.v1.tar+gzip", b"x")
MANIFESTS = {
    "a type that is none": (other(mediaType="application/json"), "who names it says"),
    "two types": (other(mediaType=f"{OCI}index.v1+json"), "who names it says"),
    "an index and a manifest": (other(manifests=[]), "at the same time"),
    "a configuration of another kind": (
        other(config=described("application/vnd.oci.empty.v1+json", b"{}")),
        "config is",
    ),
    "a layer of another kind": (other(layers=[described("application/wasm", b"x")]), "layer 1 is"),
    "a configuration of a terabyte": (
        other(config=described(f"{OCI}config.v1+json", b"{}") | {"size": 1 << 40}),
        "a configuration of",
    ),
    "no layers": (other(layers=None), "layers is missing"),
    "a layer with no size": (other(layers=[LAYER | {"size": "1"}]), "size is"),
    "a layer with a size below zero": (other(layers=[LAYER | {"size": -1}]), "-1 bytes"),
    "a digest with a path": (other(layers=[LAYER | {"digest": "sha256:../../../etc/passwd"}]), "is no digest"),
    "a digest of an unknown kind": (other(layers=[LAYER | {"digest": "md5:" + "0" * 32}]), "is no digest"),
    "too many layers": (other(layers=[LAYER] * 501), "501 layers"),
    "no object": (b"[]", "is a JSON array"),
    "no JSON": (b"{", "can't be read"),
    "nested without end": (b"[" * 100_000, "can't be read"),
    "five megabytes": (b" " * (5 << 20) + b"{}", "more bytes than"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_refused(runtime: Runtime, place: Path, name: str) -> None:
    manifest, words = MANIFESTS[name]
    said = bundle(runtime, place, good().layout(place / "layout", manifest=manifest), status=1)
    assert words in said


def test_an_index_that_leads_on_and_on(runtime: Runtime, place: Path) -> None:
    reference = good().layout(place / "layout")
    text, kind = (place / "layout/index.json").read_bytes(), f"{OCI}index.v1+json"
    for _ in range(6):
        one = described(kind, text)
        blob = place / "layout/blobs" / one["digest"].replace(":", "/")
        blob.write_bytes(text)
        text = json.dumps({"schemaVersion": 2, "manifests": [one]}).encode()
    (place / "layout/index.json").write_bytes(text)
    assert "one within the other" in bundle(runtime, place, reference.rpartition(":")[0], status=1)


def test_a_blob_that_is_a_symlink_or_no_file(runtime: Runtime, place: Path, outside: Path) -> None:
    made = good()
    reference = made.layout(place / "layout")
    blob = layer_in(place / "layout", made)
    for make in (lambda: blob.symlink_to(outside / "secret"), lambda: os.mkfifo(blob), lambda: blob.mkdir()):
        blob.unlink()
        make()
        assert "can't read" in bundle(runtime, place, reference, status=1)


def test_another_users_store(runtime: Runtime, place: Path, outside: Path) -> None:
    """Its owner could have any directory of the host's in the place of a layer."""
    (place / "store").mkdir()
    os.chown(place / "store", 12345, 12345)
    reference = good().layout(place / "layout")
    words = ("bundle", "--store", place / "store", reference, place / "ours")
    assert "is another user's: 12345" in command(runtime, *words, status=1).stderr
    assert os.listdir(place / "store") == []


def test_an_archive_with_names_that_lead_outside(runtime: Runtime, place: Path, outside: Path) -> None:
    listed = json.dumps([{"Config": f"../..{outside}/secret", "RepoTags": ["a:b"], "Layers": ["/etc/passwd"]}])
    (place / "saved.tar").write_bytes(tar([entry("manifest.json", listed), link("layer", f"{outside}/secret")]))
    assert "has no file" in bundle(runtime, place, f"docker-archive:{place}/saved.tar", status=1)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_an_archive_with_a_name_of_gigabytes(runtime: Runtime, place: Path, kind: bytes) -> None:
    """A file with holes, so that it takes no room; tarfile would read all of it at once."""
    saved = Path(good().archive(place / "saved.tar").partition(":")[2])
    data = bytearray(tar([entry("x", "x", type=kind)], tarfile.USTAR_FORMAT))
    data[124:136] = b"40000000000\0"  # 4 GiB
    saved.write_bytes(bytes(with_checksum(data)[:512]))
    os.truncate(saved, 5 << 30)
    assert "header of the archive, has 4294967296 bytes" in bundle(runtime, place, f"docker-archive:{saved}", status=1)


def test_an_archive_that_is_compressed_as_a_whole(runtime: Runtime, place: Path) -> None:
    """As of docker save | gzip."""
    saved = Path(good().archive(place / "saved.tar").partition(":")[2])
    saved.write_bytes(gzip.compress(saved.read_bytes()))
    said = bundle(runtime, place, f"docker-archive:{saved}", status=1)
    assert "all of it is compressed" in said and "by gzip -d" in said


def test_an_archive_of_too_many_layers(runtime: Runtime, place: Path) -> None:
    reference = Made([tar([entry(str(number), "x")]) for number in range(501)]).archive(place / "saved.tar")
    assert "has 501 layers; allowed: no more than 500" in bundle(runtime, place, reference, status=1)


def test_lies_about_history_are_only_shown(runtime: Runtime, place: Path) -> None:
    """A terminal obeys none of what the author has written."""
    config = {"history": [{"created_by": "\x1b]0;title\x07\nLayer 9"}], "config": {"Env": ["A=\x1b[2J"]}}
    reference = Made([tar([entry("\x1b[31mred", "x")])], config).layout(place / "layout")
    said = command(runtime, "explain", "--store", place / "store", "--image", reference).stdout
    assert "\x1b" not in said and "\x07" not in said
    assert "\nLayer 9" not in said
