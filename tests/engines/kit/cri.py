"""A small client of CRI, the interface between a kubelet and a container engine.

CRI is gRPC, which is HTTP/2: curl(1) sends and reads it. A message is a dict from the numbers of its fields to their
values; what has not been asked for is never decoded. The numbers are those of the API's definition:
https://github.com/kubernetes/cri-api/blob/v0.27.1/pkg/apis/runtime/v1/api.proto
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from kernel.kit.runtime import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

Message = dict[int, Any]
VARINT, LENGTH = 0, 2  # https://protobuf.dev/programming-guides/encoding/#structure
LIMIT = 60 * PATIENCE  # seconds


class CallFailed(Exception):
    """What the server says in grpc-message."""


def call(socket: str, method: str, message: Message) -> Message:
    """Raises CallFailed."""
    body = encode(message)
    sent = b"\0" + len(body).to_bytes(4, "big") + body  # not compressed, and how long
    url = f"http://localhost/runtime.v1.RuntimeService/{method}"
    done = subprocess.run([*curl(socket), url], input=sent, capture_output=True, check=False)
    told = headers(done.stderr.decode())
    if told.get("grpc-status") != "0":
        raise CallFailed(f"{method}: {unquote(told.get('grpc-message', ''))} {done.returncode}")
    return decode(done.stdout[5:])


def curl(socket: str) -> list[str]:
    """What is dumped are the headers and, after the answer, the trailers."""
    words = ["curl", "--silent", "--http2-prior-knowledge", "--unix-socket", socket, "--max-time", str(LIMIT)]
    grpc = ["--header", "Content-Type: application/grpc", "--header", "TE: trailers"]
    return [*words, *grpc, "--dump-header", "/dev/stderr", "--data-binary", "@-"]


def headers(text: str) -> dict[str, str]:
    pairs = (line.split(": ", 1) for line in text.splitlines() if ": " in line)
    return {name.lower(): value for name, value in pairs}


# ---- messages


def encode(message: Message) -> bytes:
    return b"".join(field(number, value) for number, values in message.items() for value in listed(values))


def listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def field(number: int, value: Any) -> bytes:
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value & (1 << 64) - 1)
    content = encode(value) if isinstance(value, dict) else value.encode() if isinstance(value, str) else value
    return varint(number << 3 | LENGTH) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """Seven bits in each byte, the lowest first; the eighth says that there are more."""
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(high) if high else bytes([low])


def decode(content: bytes) -> dict[int, list[Any]]:
    """All values of each field: numbers, and bytes, which are a text or a message."""
    found: dict[int, list[Any]] = {}
    source = iter(content)
    for key in varints(source):
        size = next(varints(source))
        value = size if key & 7 == VARINT else bytes(next(source) for _ in range(size))
        found.setdefault(key >> 3, []).append(value)
    return found


def varints(source: Iterator[int]) -> Iterator[int]:
    """Those from here on, each when it is asked for."""
    number = shift = 0
    for byte in source:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield number
            number = shift = 0
