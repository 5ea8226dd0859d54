"""Downloads, from a real server on this machine that can be told to misbehave."""

from __future__ import annotations

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from distoolkit.contract import DataError, DataFile
from distoolkit.data import download

CONTENT = bytes(range(256)) * 4000  # a megabyte: several blocks
SHA = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT. ``cut`` bytes are sent at most; ``etag`` names the version; ``parts`` allows Range."""

    cut: int | None = None
    etag = '"one"'
    parts = True
    lie = False  # answer a Range request from the wrong byte
    content = CONTENT

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str | None]] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, start = self.server, 0
        wanted = self.headers.get("Range")
        server.requests.append((self.path, wanted))
        if self.path != "/file.bin":
            self.send_error(404)
            return
        if wanted and server.parts and self.headers.get("If-Range") == server.etag:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted).group(1)) + (7 if server.lie else 0)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        else:
            self.send_response(200)
        body = server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.etag)
        self.end_headers()
        self.wfile.write(body if server.cut is None else body[: server.cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_port}/file.bin"
        yield server
        server.shutdown()
        thread.join()


def get(*urls, checksum=SHA, size=1_024_000):
    file = DataFile(name="file.bin", urls=urls, checksum=checksum, size=size)
    return download.obtain(file, "MIT", progress=False)


def test_a_file_is_downloaded_once_and_its_licence_shown(server, cache, capsys):
    path = get(server.url)
    assert path == cache / "file.bin"
    assert path.read_bytes() == CONTENT
    assert "file.bin, 1024000 bytes: downloading" in capsys.readouterr().err
    get(server.url)
    assert len(server.requests) == 1
    assert sorted(p.name for p in cache.iterdir()) == [".file.bin.checked", "file.bin"]


def test_a_download_that_broke_off_goes_on_from_there(server, cache):
    server.cut = 600_000
    with pytest.raises(DataError, match="589824 bytes of it have arrived: load again to go on"):
        get(server.url)
    server.cut = None
    assert get(server.url).read_bytes() == CONTENT
    assert server.requests[-1] == ("/file.bin", "bytes=589824-")


def test_a_file_that_changed_in_between_is_fetched_whole(server):
    server.cut = 600_000
    server.content = b"x" * len(CONTENT)
    with pytest.raises(DataError):
        get(server.url)
    server.cut, server.content, server.etag = None, CONTENT, '"two"'
    assert get(server.url).read_bytes() == CONTENT


def test_a_server_that_cannot_send_parts_sends_it_whole(server):
    server.cut = 600_000
    with pytest.raises(DataError):
        get(server.url)
    server.cut, server.parts = None, False
    assert get(server.url).read_bytes() == CONTENT


def test_a_server_that_sends_the_wrong_part_is_not_believed(server, cache):
    server.cut = 600_000
    with pytest.raises(DataError):
        get(server.url)
    server.cut, server.lie = None, True
    with pytest.raises(DataError, match="not bytes from"):
        get(server.url)
    assert not (cache / "file.bin").exists()


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(server, cache):
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(DataError, match="does not match the known hash"):
        get(server.url)
    assert list(cache.iterdir()) == []


def test_mirrors_are_tried_in_turn(server):
    missing = server.url.replace("file.bin", "gone")
    assert get(missing, server.url).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/gone", "/file.bin"]


def test_a_mirror_with_another_file_does_not_stop_the_next(server):
    with Server() as other:
        other.content = b"y" * 100
        thread = threading.Thread(target=other.serve_forever, daemon=True)
        thread.start()
        assert get(f"http://127.0.0.1:{other.server_port}/file.bin", server.url).read_bytes() == CONTENT
        other.shutdown()
        thread.join()


def test_without_a_network_the_message_says_what_to_put_where(cache):
    with pytest.raises(DataError) as caught:
        get("http://127.0.0.1:1/file.bin")
    for fact in ("file.bin", "1024000 bytes", SHA, str(cache), "path="):
        assert fact in str(caught.value)


def test_a_file_without_an_address_says_so():
    with pytest.raises(DataError, match=r"no address that can be downloaded.*no checksum is known"):
        get(checksum="", size=0)


def test_a_file_put_there_by_hand_is_checked_once(server, cache, monkeypatch):
    cache.mkdir()
    (cache / "file.bin").write_bytes(CONTENT)
    assert get(server.url) == cache / "file.bin"
    assert server.requests == []
    monkeypatch.setattr(download.pooch.hashes, "hash_matches", lambda *a: pytest.fail("hashed a second time"))
    get(server.url)


def test_a_wrong_file_put_there_by_hand_is_refused(cache):
    cache.mkdir()
    (cache / "file.bin").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"is not the published file\.bin.*Delete it and load again"):
        get()
    with pytest.raises(DataError, match="has 14 bytes, expected 1024000"):
        get(checksum="")


def test_a_file_that_changes_later_is_checked_again(server, cache):
    path = get(server.url)
    path.write_bytes(b"overwritten")
    with pytest.raises(DataError, match="is not the published"):
        get(server.url)
