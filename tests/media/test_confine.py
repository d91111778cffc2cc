from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stakazo.media import confine, ffmpeg, means, seccomp
from stakazo.media.confine import Access, Limits, Means

GB = 1024**3
KERNEL = Means(
    linux=True,
    machine="x86_64",
    python="/env/python",
    guard="/env/guard.py",
    trees=("/env", "/usr"),
    namespaces=True,
    landlock=7,
    filter=True,
)
EVERYTHING = Access(programs=(Path("/env"),), reads=(Path("/data/in.mp4"),), writes=(Path("/data/out.mp4"),))


def given(word: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(word)
    return found


# --- the command ----------------------------------------------------------------------------------------------


def test_the_guard_is_told_everything_that_it_gives_up():
    python, isolated, no_site, guard, orders = confine.prefix(EVERYTHING, Limits(), KERNEL, parent=7)
    assert [python, isolated, no_site, guard] == ["/env/python", "-I", "-S", "/env/guard.py"]
    told = given(orders)
    assert told["parent"] == 7
    assert told["namespaces"] == "all"
    assert told["privileges"] == "none"
    assert told["limits"] == {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": 8 * 3600,
        "RLIMIT_FSIZE": 8 * GB,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_AS": 6 * GB,
        "RLIMIT_NPROC": 1024,
    }
    assert "user" not in told
    rights = dict(told["landlock"]["paths"])
    assert rights["/env"] == confine.READ | confine.EXECUTE
    assert rights["/data/in.mp4"] == confine.READ
    assert rights["/data/out.mp4"] == confine.WRITE
    assert not any(path in rights for path in ("/", "/etc", "/home", "/data", "/proc", "/dev"))
    assert (told["landlock"]["net"], told["landlock"]["scoped"], told["landlock"]["size"]) == (3, 3, 24)
    assert told["filter"]


def test_root_becomes_nobody_and_lends_its_folder():
    told = given(confine.prefix(EVERYTHING, Limits(), replace(KERNEL, root=True), parent=7)[-1])
    assert (told["user"], told["lend"]) == (65534, ["/data/out.mp4"])


def test_root_that_cannot_limit_what_is_seen_does_not_take_its_right_to_read_along():
    blind = replace(KERNEL, root=True, landlock=0)
    assert "user" not in given(confine.prefix(EVERYTHING, Limits(), blind, parent=7)[-1])
    assert not blind.unprivileged


def test_bubblewrap_stands_between_two_guards():
    way = replace(KERNEL, bubblewrap="/usr/bin/bwrap")
    argv = confine.prefix(EVERYTHING, Limits(), way, parent=7)
    assert given(argv[4]) == {"nice": 5, "parent": 7}
    inner = given(argv[-1])
    assert "parent" not in inner
    assert "namespaces" not in inner
    assert inner["filter"]
    outside = argv[5 : argv.index("--")]
    assert outside[:14] == [
        *("/usr/bin/bwrap", "--die-with-parent", "--unshare-net", "--unshare-ipc", "--unshare-pid", "--unshare-uts"),
        *("--unshare-cgroup-try", "--hostname", "child", "--unshare-user", "--dev", "/dev", "--tmpfs", "/tmp"),
    ]
    bound = list(zip(outside, outside[1:], outside[2:], strict=False))
    assert ("--ro-bind-try", "/data/in.mp4", "/data/in.mp4") in bound
    assert ("--bind", "/data/out.mp4", "/data/out.mp4") in bound
    assert ("--ro-bind-try", "/usr", "/usr") in bound
    assert ("--ro-bind-try", "/usr/lib", "/usr/lib") not in bound
    assert not any(option == "--bind" and path != "/data/out.mp4" for option, path, _ in bound)


def test_older_kernels_are_asked_for_what_they_know():
    shapes = {abi: confine.landlock(EVERYTHING, replace(KERNEL, landlock=abi)) for abi in range(1, 8)}
    assert [shapes[abi]["size"] for abi in range(1, 8)] == [8, 8, 8, 16, 16, 24, 24]
    assert [shapes[abi]["rights"].bit_length() for abi in range(1, 8)] == [13, 14, 15, 15, 16, 16, 16]
    assert [shapes[abi]["net"] for abi in range(1, 8)] == [0, 0, 0, 3, 3, 3, 3]


def test_other_systems_have_limits_alone():
    mac = Means(python="/env/python", guard="/env/guard.py")
    told = given(confine.prefix(EVERYTHING, Limits(), mac, parent=7)[-1])
    assert set(told) == {"nice", "limits"}
    assert "Linux" in mac.lacking
    assert confine.prefix(EVERYTHING, Limits(), Means(), parent=7) == []


def test_what_is_missing_is_said_with_what_to_do():
    assert KERNEL.lacking == ""
    assert KERNEL.whole
    assert "install bubblewrap" in replace(KERNEL, landlock=0).lacking
    assert "run Stakazo as a user of its own" in replace(KERNEL, root=True, namespaces=False).lacking
    assert "Landlock 7" in KERNEL.words


def test_the_environment_has_no_secrets():
    env = {
        "PATH": "/bin",
        "STAKAZO_DATABASE_URL": "postgresql://a:b@c",
        "PGPASSWORD": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
    }
    found = confine.environment(env | {"STAKAZO_API_KEY": "stk_1_2", "HTTPS_PROXY": "http://u:p@h"}, Path("/own"))
    assert found == {"PATH": "/bin", "HOME": "/own", "TMPDIR": "/own", "PYTHONDONTWRITEBYTECODE": "1"}


# --- the filter -----------------------------------------------------------------------------------------------


def decide(program: bytes, machine: int, number: int, argument: int = 0) -> int:
    """What the kernel's BPF machine would answer."""
    data = struct.pack("=IIQQ", number, machine, 0, argument)
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at, word = 0, 0
    while True:
        what, yes, no, value = code[at]
        match what:
            case seccomp.LOAD_WORD:
                (word,) = struct.unpack_from("=I", data, value)
            case seccomp.RETURN:
                return value
            case seccomp.JUMP_EQUAL:
                at += yes if word == value else no
            case seccomp.JUMP_AT_LEAST:
                at += yes if word >= value else no
            case seccomp.JUMP_ANY_BIT:
                at += yes if word & value else no
        at += 1


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_the_filter_denies_what_it_lists_and_allows_the_rest(machine: str, column: int):
    program, native = seccomp.program(machine), seccomp.MACHINES[machine]
    denied = {numbers[column]: name for name, numbers in seccomp.DENIED.items() if numbers[column] is not None}
    for number in range(480):
        if number in {seccomp.CLONE[column], seccomp.CLONE3[column], seccomp.PRLIMIT[column]}:
            continue
        wanted = seccomp.ERRNO | seccomp.EPERM if number in denied else seccomp.ALLOW
        assert decide(program, native, number) == wanted, denied.get(number, number)
    assert decide(program, native, seccomp.CLONE[column], 0x3D0F00) == seccomp.ALLOW  # a thread
    assert decide(program, native, seccomp.CLONE[column], 0x1200011) == seccomp.ERRNO | seccomp.EPERM  # a process
    assert decide(program, native, seccomp.CLONE3[column]) == seccomp.ERRNO | seccomp.ENOSYS
    assert decide(program, native, seccomp.PRLIMIT[column], 0) == seccomp.ALLOW
    assert decide(program, native, seccomp.PRLIMIT[column], 1) == seccomp.ERRNO | seccomp.EPERM
    assert decide(program, 0x40000003, 1) == seccomp.KILL_PROCESS  # 32-bit calls have other numbers


def test_the_32_bit_doubles_of_x86_are_not_there():
    program = seccomp.program("x86_64")
    assert decide(program, seccomp.MACHINES["x86_64"], 0x40000000 + 41) == seccomp.ERRNO | seccomp.ENOSYS


# --- for real -------------------------------------------------------------------------------------------------

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines")

ESCAPES = """
import ctypes, json, os, resource, signal, socket, sys, threading, time

def tried(act):
    try:
        return repr(act())
    except BaseException as error:
        return type(error).__name__

planted, source, own, port, parent = sys.argv[1:]
port, parent = int(port), int(parent)
json.dump({
    "input": tried(lambda: open(source).read()),
    "own": tried(lambda: open("made", "w").write("x")),
    "planted": tried(lambda: open(planted).read()),
    "beside": tried(lambda: open(os.path.join(os.path.dirname(own), "beside"), "w").write("x")),
    "change the input": tried(lambda: open(source, "a").write("x")),
    "passwd": tried(lambda: open("/etc/passwd").read()),
    "parent's environment": tried(lambda: open(f"/proc/{parent}/environ").read()),
    "parent's memory": tried(lambda: open(f"/proc/{parent}/mem", "rb")),
    "tcp": tried(lambda: socket.create_connection(("127.0.0.1", port), 2)),
    "unix": tried(lambda: socket.socket(socket.AF_UNIX)),
    "process": tried(os.fork),
    "shell": tried(lambda: os.waitstatus_to_exitcode(os.system("true")) and 1 / 0),
    "signal": tried(lambda: os.kill(parent, 0)),
    "priority": tried(lambda: os.setpriority(os.PRIO_PROCESS, parent, 19)),
    "link": tried(lambda: os.symlink("/etc/passwd", "link")),
    "mode": tried(lambda: os.chmod(planted, 0o777)),
    "time": tried(lambda: os.utime(planted)),
    "shorten": tried(lambda: os.truncate(planted, 0)),
    "attribute": tried(lambda: os.setxattr(planted, "user.x", b"x")),
    "watch": tried(lambda: ctypes.CDLL(None).inotify_init1(0) < 0 and 1 / 0),
    "root again": tried(lambda: os.setuid(0) or os.getuid() or 1 / 0),
    "memory": tried(lambda: len(bytearray(2 << 30))),
    "long file": tried(lambda: open("long", "wb").truncate(2 << 30)),
    "thread": tried(lambda: threading.Thread(target=int).start()),
    "descriptors": [name for name in range(3, 64) if tried(lambda: os.fstat(name)) != "OSError"],
    "user": os.getuid(),
    "secrets": [name for name in os.environ if "SECRET" in name or "STAKAZO" in name],
    "no new privileges": ctypes.CDLL(None).prctl(39, 0, 0, 0, 0),
}, open("found.json", "w"))
"""


@pytest.fixture(params=["here", "kernel", "no namespaces", "bubblewrap alone"])
def way(request: pytest.FixtureRequest) -> Means:
    """Every means of this machine, together and some at a time."""
    here = means.here()
    alternatives = {
        "here": here,
        "kernel": replace(here, bubblewrap=""),
        "no namespaces": replace(here, bubblewrap="", namespaces=False),
        "bubblewrap alone": replace(here, landlock=0),
    }
    found = alternatives[request.param]
    if request.param != "here" and (found == here or not found.files):
        pytest.skip("no other than the one that is tested already")
    return found


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@linux
async def test_what_is_tried_from_inside_does_not_work(
    way: Means, tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    if not way.files:
        pytest.skip(way.lacking)
    monkeypatch.setenv("STAKAZO_DATABASE_URL", "postgresql://owner:SECRET@localhost/x")
    monkeypatch.setenv("SOME_SECRET", "s")
    planted, source, own = tmp_path / "planted", tmp_path / "in.mp4", tmp_path / "own"
    planted.write_text("secret")
    source.write_text("input")
    source.chmod(0o600)
    own.mkdir()
    port = listener.getsockname()[1]
    ended = await ffmpeg.child(
        [sys.executable, "-I", "-c", ESCAPES, *map(str, (planted, source, own, port, os.getpid()))],
        access=Access(programs=means.python(), reads=(source,), folder=own),
        limits=Limits(memory=GB, file=GB),
        means=way,
        timeout=60,
    )
    assert ended.code == 0, ended.stderr
    found = json.loads((own / "found.json").read_text())
    errors = {"PermissionError", "FileNotFoundError", "OSError", "ProcessLookupError", "NotADirectoryError"}
    assert (found["input"], found["own"]) == ("'input'", "1")
    assert source.read_text() == "input"
    assert found["planted"] in errors
    refused = ["change the input", "passwd", "parent's environment", "parent's memory", "tcp", "unix", "process"]
    refused += ["signal", "priority", "link", "long file", "mode", "time", "shorten", "attribute"]
    assert {name: found[name] for name in refused if found[name] not in errors} == {}
    assert (found["shell"], found["watch"]) == ("ZeroDivisionError", "ZeroDivisionError")
    assert planted.read_text() == "secret"
    assert found["memory"] == "MemoryError"
    assert found["thread"] == "None"
    assert found["descriptors"] == []
    assert found["secrets"] == []
    assert found["no new privileges"] == 1
    assert not (tmp_path / "beside").exists()
    assert {entry.stat().st_uid for entry in os.scandir(own)} == {os.getuid()}
    if way.unprivileged:
        assert found["user"] != 0
        assert found["root again"] in errors | {"ZeroDivisionError"}
    listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        listener.accept()


@linux
async def test_a_bomb_of_threads_is_stopped_by_a_namespace_of_its_own(tmp_path: Path):
    way = replace(means.here(), bubblewrap="")
    if not way.namespaces:
        pytest.skip("no user namespaces here")
    bomb = (
        "import threading, time\nmade = 0\ntry:\n    while made < 500:\n"
        "        threading.Thread(target=time.sleep, args=(30,), daemon=True).start(); made += 1\n"
        "except RuntimeError: pass\nprint(made, flush=True)\nimport os; os._exit(0)"
    )
    ended = await ffmpeg.child(
        [sys.executable, "-I", "-c", bomb], access=Access(programs=means.python()), limits=Limits(threads=40), means=way
    )
    assert int(ended.stdout) < 40


@linux
async def test_processor_time_ends():
    ended = await ffmpeg.child(
        [sys.executable, "-I", "-c", "while True: pass"],
        access=Access(programs=means.python()),
        limits=Limits(cpu=1),
        timeout=60,
    )
    assert ended.code == -24  # SIGXCPU


@linux
def test_a_guard_that_cannot_do_what_it_was_ordered_runs_nothing(tmp_path: Path):
    impossible = replace(means.bare(), filter=True, machine="x86_64", landlock=7, bubblewrap="")
    argv = confine.prefix(Access(), Limits(), impossible, parent=os.getpid())
    orders = given(argv[-1]) | {"filter": "AAAA"}  # not a program
    marker = tmp_path / "ran"
    done = subprocess.run(
        [*argv[:-1], json.dumps(orders), shutil.which("touch") or "", marker], check=False, capture_output=True
    )
    assert done.returncode == 125
    assert b"guard:" in done.stderr
    assert not marker.exists()


@linux
async def test_a_child_dies_with_the_one_who_started_it(way: Means, tmp_path: Path):
    program = f"""
import asyncio, sys
from stakazo.media import ffmpeg, means
from stakazo.media.confine import Access, Means

async def work():
    await ffmpeg.child(
        [sys.executable, "-I", "-c", "import time; print(1, flush=True); time.sleep(600)"],
        access=Access(programs=means.python()), line=lambda text: print(text, flush=True), means={way!r},
    )

asyncio.run(work())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    assert (await parent.stdout.readline()).strip() == b"1"
    parent.kill()
    await parent.wait()
    assert await parent.stdout.read() == b""  # the pipe's other end is the child's: it is gone
