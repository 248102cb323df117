"""The files of a cgroup as the statistics of `events`."""

from __future__ import annotations

from minirun.cgroups.statistics import MAX_UINT64, network_interfaces, numbers, statistics

CPU_STAT = """usage_usec 1500
user_usec 1000
system_usec 500
nr_periods 7
nr_throttled 3
throttled_usec 9
nr_bursts 0
burst_usec 0
"""
PRESSURE = """some avg10=1.50 avg60=0.25 avg300=0.00 total=12345
full avg10=0.00 avg60=0.00 avg300=0.00 total=17
"""
PSI = {
    "some": {"avg10": 1.5, "avg60": 0.25, "avg300": 0.0, "total": 12345},
    "full": {"avg10": 0.0, "avg60": 0.0, "avg300": 0.0, "total": 17},
}


def test_without_any_file_all_is_zero_or_empty() -> None:
    """As on a host where version 1 has the controllers."""
    told = statistics({})
    assert list(told) == ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt"]
    assert told["cpu"]["usage"] == {"total": 0, "kernel": 0, "user": 0}
    assert told["memory"]["usage"] == {"limit": MAX_UINT64, "usage": 0, "max": 0, "failcnt": 0}
    assert (told["pids"], told["blkio"], told["hugetlb"]) == ({"current": 0, "limit": 0}, {}, {})
    assert "psi" not in told["cpu"]


def test_processor_time_is_in_nanoseconds() -> None:
    assert statistics({"cpu.stat": CPU_STAT, "cpu.pressure": PRESSURE})["cpu"] == {
        "usage": {"total": 1500000, "kernel": 500000, "user": 1000000},
        "throttling": {"periods": 7, "throttledPeriods": 3, "throttledTime": 9000},
        "psi": PSI,
    }


def test_memory_and_swap_are_counted_together() -> None:
    files = {
        "memory.current": "1000\n",
        "memory.max": "5000\n",
        "memory.peak": "3000\n",
        "memory.swap.current": "20\n",
        "memory.swap.max": "700\n",
        "memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\n",
        "memory.stat": "anon 600\nfile 300\nkernel 80\nsock 5\n",
        "memory.pressure": PRESSURE,
    }
    assert statistics(files)["memory"] == {
        "cache": 300,
        "usage": {"limit": 5000, "usage": 1000, "max": 3000, "failcnt": 4},
        "swap": {"limit": 5700, "usage": 1020, "failcnt": 0},
        "kernel": {"limit": MAX_UINT64, "usage": 80, "failcnt": 0},
        "kernelTCP": {"limit": MAX_UINT64, "usage": 5, "failcnt": 0},
        "raw": {"anon": 600, "file": 300, "kernel": 80, "sock": 5},
        "psi": PSI,
    }


def test_no_limit_of_either_is_no_limit_of_both() -> None:
    limit = statistics({"memory.max": "max\n", "memory.swap.max": "0\n"})["memory"]["swap"]["limit"]
    assert limit == MAX_UINT64


def test_no_limit_of_processes_is_0() -> None:
    assert statistics({"pids.current": "3\n", "pids.max": "max\n"})["pids"] == {"current": 3, "limit": 0}
    assert statistics({"pids.current": "3\n", "pids.max": "9\n"})["pids"] == {"current": 3, "limit": 9}


def test_disks() -> None:
    """A disk without numbers is one that nothing was counted for."""
    text = "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n254:0 \n"
    assert statistics({"io.stat": text, "io.pressure": PRESSURE})["blkio"] == {
        "ioServiceBytesRecursive": [
            {"major": 8, "minor": 16, "op": "Read", "value": 1},
            {"major": 8, "minor": 16, "op": "Write", "value": 2},
        ],
        "ioServicedRecursive": [
            {"major": 8, "minor": 16, "op": "Read", "value": 3},
            {"major": 8, "minor": 16, "op": "Write", "value": 4},
        ],
        "psi": PSI,
    }


def test_huge_pages() -> None:
    files = {"hugetlb.2MB.current": "4194304\n", "hugetlb.2MB.events": "max 2\n", "hugetlb.2MB.max": "max\n"}
    files |= {"hugetlb.1GB.current": "0\n", "hugetlb.2MB.rsvd.current": "9\n"}
    assert statistics(files)["hugetlb"] == {
        "1GB": {"usage": 0, "failcnt": 0},
        "2MB": {"usage": 4194304, "failcnt": 2},
    }


def test_lists_of_processors() -> None:
    assert numbers("0-2,7\n") == [0, 1, 2, 7]
    assert numbers("\n") == []
    assert statistics({"cpuset.cpus.effective": "0-1\n", "cpuset.mems.effective": "0\n"})["cpuset"] == {
        "cpus": [0, 1],
        "mems": [0],
    }


def test_the_network() -> None:
    text = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:      10       2    3    4    0     0          0         0       50       6    7    8    0     0       0          0
"""  # noqa: E501
    assert network_interfaces(text) == [
        {
            "Name": "lo",
            "RxBytes": 10,
            "RxPackets": 2,
            "RxErrors": 3,
            "RxDropped": 4,
            "TxBytes": 50,
            "TxPackets": 6,
            "TxErrors": 7,
            "TxDropped": 8,
        }
    ]
