"""Which eBPF programs are attached to a cgroup: bpf(2)."""

from __future__ import annotations

from . import ctypes
from .bpf import BPF_CGROUP_DEVICE, bpf
from .libc import Flags

# linux/bpf.h, enum bpf_cmd
BPF_PROG_GET_FD_BY_ID = 13
BPF_OBJ_GET_INFO_BY_FD = 15
BPF_PROG_QUERY = 16

PROGRAMS_AT_MOST = 64  # on one cgroup: BPF_CGROUP_MAX_PROGS of the kernel's bpf-cgroup.h


class QueryAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_PROG_QUERY reads it; the kernel writes `prog_cnt` back."""

    _fields_ = (
        ("target_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("query_flags", ctypes.c_uint32),
        ("attach_flags", ctypes.c_uint32),
        ("prog_ids", ctypes.c_void_p),
        ("prog_cnt", ctypes.c_uint32),
    )


class GetIdAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_PROG_GET_FD_BY_ID reads it."""

    _fields_ = (("prog_id", ctypes.c_uint32), ("next_id", ctypes.c_uint32), ("open_flags", ctypes.c_uint32))


class InfoAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_OBJ_GET_INFO_BY_FD reads it."""

    _fields_ = (("bpf_fd", ctypes.c_uint32), ("info_len", ctypes.c_uint32), ("info", ctypes.c_void_p))


class ProgramInfo(ctypes.Structure):
    """struct bpf_prog_info, as far as the name. The kernel fills in as much as there is room for."""

    _fields_ = (("before", ctypes.c_uint8 * 64), ("name", ctypes.c_char * 16))


def prog_query(cgroup: int) -> list[int]:
    """BPF_PROG_QUERY: the numbers of the programs on this cgroup itself that are asked about devices."""
    numbers = (ctypes.c_uint32 * PROGRAMS_AT_MOST)()
    attributes = QueryAttributes(cgroup, BPF_CGROUP_DEVICE, 0, 0, ctypes.addressof(numbers), PROGRAMS_AT_MOST)
    bpf(BPF_PROG_QUERY, "BPF_PROG_QUERY", attributes, Flags(f"{{target_fd={cgroup}, attach_type=BPF_CGROUP_DEVICE}}"))
    return list(numbers[: attributes.prog_cnt])


def prog_get_fd_by_id(number: int) -> int:
    """BPF_PROG_GET_FD_BY_ID: a descriptor (close-on-exec) of the program with this number."""
    return bpf(
        BPF_PROG_GET_FD_BY_ID, "BPF_PROG_GET_FD_BY_ID", GetIdAttributes(prog_id=number), Flags(f"{{prog_id={number}}}")
    )


def prog_name(program: int) -> bytes:
    """BPF_OBJ_GET_INFO_BY_FD: the name that the program was loaded with."""
    info = ProgramInfo()
    attributes = InfoAttributes(program, ctypes.sizeof(info), ctypes.addressof(info))
    bpf(BPF_OBJ_GET_INFO_BY_FD, "BPF_OBJ_GET_INFO_BY_FD", attributes, Flags(f"{{bpf_fd={program}}}"))
    return bytes(info.name)
