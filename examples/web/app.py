"""A small web service: a page that counts its visitors, /health for who asks whether it does its work, /metrics for
Prometheus. By Python's standard library only."""

from __future__ import annotations

import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8080
LIMIT = Path("/sys/fs/cgroup/memory.max")  # of the container's own cgroup; on a host without it, not there


class Counter:
    def __init__(self) -> None:
        self.lock, self.value = threading.Lock(), 0

    def add(self) -> int:
        with self.lock:
            self.value += 1
            return self.value


VISITORS = Counter()


def page() -> str:
    number = VISITORS.add()
    return f"hello from {os.uname().nodename}, visitor {number}\npid {os.getpid()}, uid {os.getuid()}\n"


def health() -> str:
    return "ok\n"


def metrics() -> str:
    found = {"visitors_total": str(VISITORS.value), "threads": str(threading.active_count())}
    limit = LIMIT.read_text().strip() if LIMIT.exists() else "max"
    if limit != "max":
        found["memory_limit_bytes"] = limit
    return "".join(f"web_{name} {value}\n" for name, value in found.items())


PAGES = {"/": page, "/health": health, "/metrics": metrics}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer = PAGES.get(self.path)
        text = answer() if answer else "not found\n"
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def serve() -> None:
    server = ThreadingHTTPServer(("", PORT), Handler)
    # The first process of a pid namespace ends by a signal only if it handles it (pid_namespaces(7)).
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


if __name__ == "__main__":
    serve()
