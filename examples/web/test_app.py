"""The build runs this in its first stage: an app that fails here becomes no image."""

from __future__ import annotations

import threading
import unittest
from http.server import ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import urlopen

import app


class Answers(unittest.TestCase):
    def setUp(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), app.Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def tearDown(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def get(self, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{self.server.server_port}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    def test_pages(self) -> None:
        self.assertIn("visitor 1\n", self.get("/"))
        self.assertEqual(self.get("/health"), "ok\n")
        self.assertIn("web_visitors_total 1\n", self.get("/metrics"))

    def test_there_is_no_other(self) -> None:
        with self.assertRaises(HTTPError):
            self.get("/missing")


if __name__ == "__main__":
    unittest.main()
