"""A bucket over real HTTP, as S3 has it: signed requests (SigV4), whole objects, parts, ranges, conditions, lists.

What isn't signed by whom it knows, or isn't what was signed, is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape, unescape

import pytest

KEY_ID, SECRET, REGION = "AKIASTAKAZO", "a secret of nobody", "eu-central-1"
PAGE = 3
"""Keys of a list's page: few, so that there are several."""


Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


@dataclass(frozen=True)
class Thing:
    data: bytes
    etag: str
    modified: float


@dataclass
class Bucket:
    """What is in it, and what was asked."""

    name: str = "media"
    things: dict[str, Thing] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """By upload: what has come of it."""
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path and query, and how many bytes of an object went over the wire, either way."""
    away: bool = False
    """Whether it answers 503 to everybody."""
    url: str = ""

    def put(self, key: str, data: bytes, etag: str | None = None) -> Thing:
        self.things[key] = Thing(data, etag or f'"{hashlib.md5(data).hexdigest()}"', time.time())
        return self.things[key]


class Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@contextmanager
def serving(bucket: Bucket) -> Iterator[Bucket]:
    """The bucket, reached at its `url` by whoever has this process's environment."""

    class Handler(_Handler):
        there = bucket

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
            patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
            patch.setenv("AWS_REGION", REGION)
            yield bucket
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    there: Bucket
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Nothing."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        bucket, _, key = unquote(parts.path).removeprefix("/").partition("/")
        try:
            _check(self.command, self.path, self.headers, body)
            status, headers, data = self._answer(bucket, key, query, body)
        except Refused as refused:
            status, headers = refused.status, {}
            data = f"<Error><Code>{refused.code}</Code><Message>{refused.code}</Message></Error>".encode()
        moved = len(data) if self.command == "GET" and key else len(body)
        self.there.asked.append((self.command, self.path, moved))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 (their names there)

    def _answer(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> Answer:
        here, method = self.there, self.command
        if here.away:
            raise Refused(503, "SlowDown")
        if bucket != here.name:
            raise Refused(404, "NoSuchBucket")
        if method == "POST" and "delete" in query:
            gone = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for one in gone:
                here.things.pop(unescape(one), None)
            rows = "".join(f"<Deleted><Key>{one}</Key></Deleted>" for one in gone)
            return 200, {}, f"<DeleteResult>{rows}</DeleteResult>".encode()
        if not key:
            return 200, {}, _listed(here, query).encode()
        if method == "POST" and "uploads" in query:
            upload = uuid4().hex
            here.parts[upload] = {}
            return 200, {}, f"<R><Bucket>b</Bucket><Key>k</Key><UploadId>{upload}</UploadId></R>".encode()
        if "uploadId" in query:
            return self._part(key, query, body)
        if method == "PUT":
            return 200, {"ETag": here.put(key, body).etag}, b""
        if key not in here.things:
            raise Refused(404, "NoSuchKey")
        return _sent(here.things[key], self.headers)

    def _part(self, key: str, query: dict[str, str], body: bytes) -> Answer:
        here, upload = self.there, query["uploadId"]
        if upload not in here.parts:
            raise Refused(404, "NoSuchUpload")
        if self.command == "PUT":
            here.parts[upload][int(query["partNumber"])] = body
            return 200, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}, b""
        came = here.parts.pop(upload)
        if self.command == "DELETE":
            return 204, {}, b""
        said = re.findall(r"<ETag>(.*?)</ETag>", body.decode().replace("&quot;", '"'))
        if said != [f'"{hashlib.md5(came[number]).hexdigest()}"' for number in sorted(came)]:
            raise Refused(400, "InvalidPart")
        if any(len(came[number]) < 5 * 1024 * 1024 for number in sorted(came)[:-1]):
            raise Refused(400, "EntityTooSmall")
        whole = b"".join(came[number] for number in sorted(came))
        thing = here.put(key, whole, f'"{uuid4().hex}-{len(came)}"')
        return 200, {}, f"<R><Bucket>b</Bucket><Key>k</Key><ETag>{escape(thing.etag)}</ETag></R>".encode()


def _sent(thing: Thing, headers: Message) -> Answer:
    if headers.get("if-match", thing.etag) != thing.etag:
        raise Refused(412, "PreconditionFailed")
    said = {"ETag": thing.etag, "Last-Modified": formatdate(int(thing.modified), usegmt=True)}
    wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", ""))
    if not wanted:
        return 200, said, thing.data
    start, size = int(wanted[1]), len(thing.data)
    stop = min(int(wanted[2]) + 1, size)
    if start >= size:
        raise Refused(416, "InvalidRange")
    return 206, said | {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}, thing.data[start:stop]


def _listed(here: Bucket, query: dict[str, str]) -> str:
    """ListObjectsV2: keys and common prefixes in order, by the page."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    found: dict[str, Thing | None] = {}
    for key in sorted(one for one in here.things if one.startswith(prefix)):
        head, mark, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        found |= {prefix + head + mark: None} if mark else {key: here.things[key]}
    names = [name for name in found if name > query.get("continuation-token", "")]
    shown, more = names[:PAGE], names[PAGE:]
    rows = []
    for name in shown:
        if (thing := found[name]) is None:
            rows.append(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>")
            continue
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(thing.modified))
        rows.append(
            f"<Contents><Key>{escape(name)}</Key><LastModified>{moment}</LastModified>"
            f"<ETag>{escape(thing.etag)}</ETag><Size>{len(thing.data)}</Size></Contents>"
        )
    on = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more else ""
    truncated = "true" if more else "false"
    body = f"<Name>{here.name}</Name><IsTruncated>{truncated}</IsTruncated>{on}{''.join(rows)}"
    return f'<?xml version="1.0"?><ListBucketResult>{body}</ListBucketResult>'


def _check(method: str, target: str, headers: Message, body: bytes) -> None:
    """Refuse what isn't signed by the key as AWS's Signature Version 4 wants it, or has a body that wasn't."""
    said = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
        r"SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})",
        headers.get("authorization", ""),
    )
    if not said or (said[1], said[3]) != (KEY_ID, REGION):
        raise Refused(403, "InvalidAccessKeyId")
    path, _, query = target.partition("?")
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(query, keep_blank_values=True))
    named = said[4].split(";")
    if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(named):
        raise Refused(403, "AccessDenied")
    hashed = headers["x-amz-content-sha256"]
    canonical = "\n".join(
        [
            method,
            path,
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(headers[name].split())}" for name in named),
            "",
            said[4],
            hashed,
        ]
    )
    scope = f"{said[2]}/{said[3]}/s3/aws4_request"
    stated = "\n".join(
        ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{SECRET}".encode()
    for word in (said[2], said[3], "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(key, stated.encode(), "sha256").hex(), said[5]):
        raise Refused(403, "SignatureDoesNotMatch")
    if hashed != "UNSIGNED-PAYLOAD" and hashlib.sha256(body).hexdigest() != hashed:
        raise Refused(400, "XAmzContentSHA256Mismatch")
