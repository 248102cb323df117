"""What is said to CRIU and what it answers: its rpc.proto, in the wire format of Protocol Buffers. Two kinds of fields
are used of that: whole numbers, and lengths with so many bytes behind them (protobuf.dev, "Encoding")."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VARINT, BYTES = 0, 2
LARGER_THAN_VARINT = {1: 8, 5: 4}  # the other kinds, and how many bytes they have

DUMP, RESTORE, PRE_DUMP, NOTIFY = 1, 2, 4, 6  # criu_req_type

# The fields of criu_opts that are used here, by their names.
OPTIONS = {
    "images_dir_fd": 1,
    "pid": 2,
    "leave_running": 3,
    "ext_unix_sk": 4,
    "tcp_established": 5,
    "shell_job": 7,
    "file_locks": 8,
    "log_level": 9,
    "log_file": 10,
    "ps": 11,
    "notify_scripts": 12,
    "root": 13,
    "parent_img": 14,
    "track_mem": 15,
    "auto_dedup": 16,
    "work_dir_fd": 17,
    "link_remap": 18,
    "manage_cgroups": 24,
    "cg_root": 25,
    "rst_sibling": 26,
    "inherit_fd": 27,
    "ext_masters": 30,
    "manage_cgroups_mode": 34,
    "external": 37,
    "empty_ns": 38,
    "join_ns": 39,
    "freeze_cgroup": 44,
    "tcp_skip_in_flight": 46,
    "lazy_pages": 48,
    "status_fd": 49,
    "orphan_pts_master": 50,
    "lsm_profile": 53,
    "lsm_mount_context": 63,
}
# Those that are messages themselves, and the numbers of their fields.
MESSAGES = {
    "ps": {"address": 1, "port": 2},
    "cg_root": {"ctrl": 1, "path": 2},
    "inherit_fd": {"key": 1, "fd": 2},
    "join_ns": {"ns": 1, "ns_file": 2},
}
CGROUP_MODES = {"ignore": 0, "none": 1, "props": 2, "soft": 3, "full": 4, "strict": 5}  # criu_cg_mode


def request(kind: int, options: Mapping[str, object]) -> bytes:
    """criu_req: do this."""
    return field(1, kind) + field(2, encoded(options, OPTIONS))


def go_on() -> bytes:
    """criu_req: what was to be done at this moment is done."""
    return field(1, NOTIFY) + field(3, True)


def encoded(values: Mapping[str, object], numbers: Mapping[str, int]) -> bytes:
    """A message. A list is a field that comes again and again."""
    fields = ((name, one) for name, value in values.items() for one in (value if isinstance(value, list) else [value]))
    return b"".join(field(numbers[name], inner(name, value)) for name, value in fields)


def inner(name: str, value: object) -> object:
    return encoded(value, MESSAGES[name]) if isinstance(value, dict) else value


def field(number: int, value: object) -> bytes:
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    data = value.encode(errors="surrogateescape") if isinstance(value, str) else value
    assert isinstance(data, bytes)
    return varint(number << 3 | BYTES) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that there are more."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


class Answer:
    """criu_resp, read. Raises ValueError."""

    def __init__(self, message: bytes) -> None:
        fields = decoded(message)
        self.kind = number(fields, 1)
        self.success = bool(number(fields, 2))
        self.error = number(fields, 7)
        self.message = data(fields, 9).decode(errors="replace")
        self.pid = number(decoded(data(fields, 4)), 1)
        told = decoded(data(fields, 5))
        self.moment = data(told, 1).decode(errors="replace")  # of a notification: when in the course of things
        self.pid = self.pid or number(told, 2)


def decoded(message: bytes) -> dict[int, list[int | bytes]]:
    """Each field's values, by its number."""
    fields: dict[int, list[int | bytes]] = {}
    place = 0
    while place < len(message):
        key, place = read_varint(message, place)
        if key & 7 == VARINT:
            value, place = read_varint(message, place)
            fields.setdefault(key >> 3, []).append(value)
        elif key & 7 == BYTES:
            length, place = read_varint(message, place)
            fields.setdefault(key >> 3, []).append(message[place : place + length])
            place += length
        else:
            place += LARGER_THAN_VARINT.get(key & 7, len(message))
    return fields


def read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message):
        byte = message[place]
        value |= (byte & 0x7F) << shift
        shift, place = shift + 7, place + 1
        if byte < 0x80:
            return value, place
    raise ValueError("CRIU's answer ends in the middle of a number")


def number(fields: Mapping[int, Iterable[int | bytes]], key: int) -> int:
    return next((value for value in fields.get(key, ()) if isinstance(value, int)), 0)


def data(fields: Mapping[int, Iterable[int | bytes]], key: int) -> bytes:
    return next((value for value in fields.get(key, ()) if isinstance(value, bytes)), b"")
