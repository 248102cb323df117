"""Loading eBPF programs and attaching them to cgroups: bpf(2)."""

from __future__ import annotations

from . import ctypes
from .libc import Flags, SystemCallError, show, syscall

# linux/bpf.h: enum bpf_cmd, bpf_prog_type, bpf_attach_type, and the attach flags
BPF_PROG_LOAD = 5
BPF_PROG_ATTACH = 8
BPF_PROG_TYPE_CGROUP_DEVICE = 15
BPF_CGROUP_DEVICE = 6
BPF_F_ALLOW_MULTI = 2
BPF_F_REPLACE = 4

INSTRUCTION_SIZE = 8
LOG_SIZE = 1 << 16
PROGRAM_NAME = b"minirun_devices"  # at most 15 bytes


class LoadAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_PROG_LOAD reads it. The kernel takes what is not given for zeros."""

    _fields_ = (
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_char_p),
        ("license", ctypes.c_char_p),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_void_p),
        ("kern_version", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_name", ctypes.c_char * 16),
    )


class AttachAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_PROG_ATTACH reads it."""

    _fields_ = (
        ("target_fd", ctypes.c_uint32),
        ("attach_bpf_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("attach_flags", ctypes.c_uint32),
        ("replace_bpf_fd", ctypes.c_uint32),
    )


def prog_load(instructions: bytes) -> int:
    """BPF_PROG_LOAD: a descriptor (close-on-exec) of a program of the type BPF_PROG_TYPE_CGROUP_DEVICE.

    Where the kernel's verifier refuses the program, a second try asks it why: writing its log takes longer than all
    the rest, so nobody asks for it who does not need it.
    """
    try:
        return load(instructions)
    except SystemCallError as error:
        log = ctypes.create_string_buffer(LOG_SIZE)
        try:
            return load(instructions, log)
        except SystemCallError:
            raise refused(error, log.value.decode()) from None


def load(instructions: bytes, log: ctypes.Array[ctypes.c_char] | None = None) -> int:
    count = len(instructions) // INSTRUCTION_SIZE
    attributes = LoadAttributes(
        prog_type=BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt=count,
        insns=instructions,
        license=b"",  # some helper functions are for GPL programs only; ours calls none
        log_level=1 if log else 0,
        log_size=LOG_SIZE if log else 0,
        log_buf=ctypes.addressof(log) if log else None,
        prog_name=PROGRAM_NAME,
    )
    told = Flags(f"{{prog_type=BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt={count}}}")
    return bpf(BPF_PROG_LOAD, "BPF_PROG_LOAD", attributes, told)


def refused(error: SystemCallError, log: str) -> SystemCallError:
    """The error of a program that was not loaded, with the verifier's last words if it came that far."""
    words = "; ".join(log.strip().splitlines()[-3:])
    return SystemCallError(error.errno or 0, error.call, f"{error.shown}{words and ', verifier: ' + words}")


def prog_attach(program: int, cgroup: int, flags: int = BPF_F_ALLOW_MULTI, replaced: int = -1) -> None:
    """BPF_PROG_ATTACH: from now on the kernel asks `program` about devices, for each process in or below `cgroup`.

    Both are descriptors. The attachment lasts as long as the cgroup, so nothing has to be undone. With
    BPF_F_ALLOW_MULTI, cgroups below may have programs too, which all have to agree: containers in containers.
    `replaced` is a program that is attached: the new one takes its place.
    """
    flags |= BPF_F_REPLACE if replaced >= 0 else 0
    attributes = AttachAttributes(cgroup, program, BPF_CGROUP_DEVICE, flags, max(replaced, 0))
    told = Flags(
        f"{{target_fd={cgroup}, attach_bpf_fd={program}, attach_type=BPF_CGROUP_DEVICE, attach_flags={flags:#x}}}"
    )
    bpf(BPF_PROG_ATTACH, "BPF_PROG_ATTACH", attributes, told)


def bpf(command: int, name: str, attributes: ctypes.Structure, told: Flags) -> int:
    """bpf(2)"""
    size = ctypes.sizeof(attributes)
    return syscall("bpf", command, ctypes.byref(attributes), size, shown=lambda: show("bpf", Flags(name), told, size))
