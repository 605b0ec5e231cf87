"""The few addresses of the Hugging Face Hub that a download uses, served from a folder on this machine."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "a" * 40


class HubServer(ThreadingHTTPServer):
    """A Hub on a port of its own.

    Attributes:
        root: ``owner/name`` folders.
        gated: Ids whose files nobody gets.
        asked: Every request, as ``GET /path``.
        sent: Bytes of files that were sent.
        cut: After how many bytes the next answer that is longer breaks off; 0 = none does.
        resumed: Requests that asked for the rest of a file.
        broken: Whether everything is answered with 503.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.gated: set[str] = set()
        self.asked: list[str] = []
        self.sent = 0
        self.cut = 0
        self.resumed = 0
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(root: Path) -> Iterator[HubServer]:
    """Serves a folder for as long as the context lasts."""
    server = HubServer(root)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        if self.server.broken:
            self._send(503, b"{}", body=body)
            return
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+?)(?:/(revision|tree)/([^/]+))?", path):
            self._api(*found.groups(), body=body)
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(found[1], found[3], body=body)
        else:
            self._send(404, b"{}", body=body)

    def _api(self, repo: str, kind: str | None, _revision: str | None, *, body: bool) -> None:
        folder = self.server.root / repo
        if not folder.is_dir():  # as the Hub answers whoever has not logged in
            self._send(401, b'{"error": "Invalid"}', body=body, **{"X-Error-Code": "RepoNotFound"})
            return
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        listed: Any = [
            {"type": "file", "path": f.relative_to(folder).as_posix(), "size": f.stat().st_size, "oid": _oid(f)}
            for f in files
        ]
        if kind != "tree":
            names = [{"rfilename": entry["path"]} for entry in listed]
            listed = {"id": repo, "sha": COMMIT, "private": False, "gated": "auto", "siblings": names}
        self._send(200, json.dumps(listed).encode(), body=body, **{"Content-Type": "application/json"})

    def _file(self, repo: str, name: str, *, body: bool) -> None:
        path = self.server.root / repo / name
        if repo in self.server.gated:
            self._send(403, b'{"error": "gated"}', body=body, **{"X-Error-Code": "GatedRepo"})
            return
        if not path.is_file():
            self._send(404, b"{}", body=body, **{"X-Error-Code": "EntryNotFound"})
            return
        data = path.read_bytes()
        begin = int((re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) or ["", "0"])[1])
        more = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
        self.server.resumed += bool(begin)
        if body:
            self.server.sent += len(data) - begin
        more |= {"ETag": f'"{_oid(path)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        self._send(206 if begin else 200, data[begin:], body=body, **more)

    def _send(self, status: int, data: bytes, *, body: bool, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        cut = self.server.cut
        if body and 0 < cut < len(data):
            self.server.cut = 0
            self.wfile.write(data[:cut])
            self.close_connection = True
        elif body:
            self.wfile.write(data)


def _oid(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
