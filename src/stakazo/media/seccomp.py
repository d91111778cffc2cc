"""What a child may not ask of the kernel: a system call filter as the classic BPF program that seccomp(2) takes. Pure.

A child computes: it reads and writes the files it can see, has threads, and ends. It talks to nobody (no socket of any
family), starts no process, watches and signals none, leaves no links behind that its parent would follow, and changes
nothing about files but what is in its own (Landlock doesn't look at modes, owners, times and attributes): the filter
says EPERM to all of these. It reaches none of the kernel's rarely used doors, where its faults are found.
"""

from __future__ import annotations

import struct

LOAD_WORD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS = 1, 38
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Where `struct seccomp_data` has them; the argument's lower half, as both machines are little-endian."""
CLONE_THREAD = 0x00010000
X32 = 0x40000000
"""From here on calls of x86-64's 32-bit interface begin, which has every call a second time."""

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The AUDIT_ARCH of the machines that there are numbers for."""

DENIED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fork": (57, None),
    "vfork": (58, None),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "perf_event_open": (298, 241),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "link": (86, None),
    "linkat": (265, 37),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "truncate": (76, 45),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "personality": (135, 92),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "syslog": (103, 116),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
}
"""By name: the number on x86_64 and on aarch64."""
CLONE = (56, 220)
"""Allowed for threads alone."""
CLONE3 = (435, 435)
"""Its flags are behind a pointer, where no filter looks: as if it didn't exist, so that the C library takes `clone`."""
PRLIMIT = (302, 261)
"""Allowed for oneself alone."""


def program(machine: str) -> bytes:
    """The filter for a machine as `os.uname` names it, in its own byte order. Raises KeyError for an unknown one."""
    architecture = MACHINES[machine]
    column = list(MACHINES).index(machine)
    code = [
        _step(LOAD_WORD, ARCHITECTURE),
        _step(JUMP_EQUAL, architecture, yes=1),
        _step(RETURN, KILL_PROCESS),
        _step(LOAD_WORD, NUMBER),
    ]
    if machine == "x86_64":
        code += [_step(JUMP_AT_LEAST, X32, no=1), _step(RETURN, ERRNO | ENOSYS)]
    for numbers in DENIED.values():
        if numbers[column] is not None:
            code += [_step(JUMP_EQUAL, numbers[column] or 0, no=1), _step(RETURN, ERRNO | EPERM)]
    code += [_step(JUMP_EQUAL, CLONE3[column], no=1), _step(RETURN, ERRNO | ENOSYS)]
    code += [_step(JUMP_EQUAL, CLONE[column], no=4), _step(LOAD_WORD, FIRST_ARGUMENT)]
    code += [_step(JUMP_ANY_BIT, CLONE_THREAD, no=1), _step(RETURN, ALLOW), _step(RETURN, ERRNO | EPERM)]
    code += [_step(JUMP_EQUAL, PRLIMIT[column], no=3), _step(LOAD_WORD, FIRST_ARGUMENT)]
    code += [_step(JUMP_EQUAL, 0, yes=1), _step(RETURN, ERRNO | EPERM)]
    code += [_step(RETURN, ALLOW)]
    return b"".join(code)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; `yes` and `no` are how many instructions a jump passes over."""
    return struct.pack("=HBBI", code, yes, no, value)
