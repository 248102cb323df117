"""CRIU, the program that writes processes to files and makes them of these again (criu(8)).

minirun starts it as `criu swrk`, which takes one request from a socket that it has inherited, tells of each moment at
which its caller may want to do something, and waits for a word then.
"""

from __future__ import annotations

import os
import shutil
from errno import ENOENT

from ..kernel import closing, files, processes, signals
from ..kernel.libc import SystemCallError
from ..kernel.sockets import MessageSocket
from ..record import Record
from ..safe import safe
from .criu_messages import CGROUP_MODES, NOTIFY, Answer, go_on, request
from .step import Context, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # where it is, and what it calls, such as ip and iptables-restore
LOG_LEVEL = 4
TOLD = 3  # lines of its log
PLACES = {
    "socket": 100,
    "network": 101,
    "pid": 102,
    "images": 103,
    "work": 104,
}  # descriptors in its process, above all that it begins with

INSTALL = "install CRIU (on Debian: apt-get install criu), or say with --criu where it is"
CURES = (  # a word of CRIU's log, and what helps
    ("Can't lookup mount", "a file from outside of the container is open: have standard streams be pipes or /dev/null"),
    ("tcp-established", "--tcp-established"),
    ("onnected TCP socket", "--tcp-established"),
    ("ext-unix-sk", "--ext-unix-sk"),
    ("xternal socket is used", "--ext-unix-sk"),
    ("shell-job", "--shell-job"),
    ("file-locks", "--file-locks"),
    ("link-remap", "--link-remap"),
    ("vDSO", "this CRIU is too old for this kernel: criu check; install a newer one"),
    ("dirty track", "--pre-dump and --parent-path take a kernel with CONFIG_MEM_SOFT_DIRTY"),
    ("id_map", "ids of a user namespace have to be the same as before"),
    ("EEXIST", "a process has the pid that one of these had, and they have no pid namespace of their own"),
)


class Wishes(Record):
    """What the command line says about how CRIU is to work; the names are those of its options. Paths are absolute,
    but for that of the parent."""

    image_path: str
    work_path: str
    parent_path: str = ""
    leave_running: bool = False
    tcp_established: bool = False
    tcp_skip_in_flight: bool = False
    link_remap: bool = False
    ext_unix_sk: bool = False
    shell_job: bool = False
    file_locks: bool = False
    pre_dump: bool = False
    lazy_pages: bool = False
    auto_dedup: bool = False
    status_fd: int = -1
    page_server: str = ""  # HOST:PORT
    manage_cgroups_mode: str = ""
    lsm_profile: str = ""
    lsm_mount_context: str = ""
    criu: str = "criu"

    SWITCHES = (
        *("leave_running", "tcp_established", "tcp_skip_in_flight", "link_remap", "ext_unix_sk", "shell_job"),
        *("file_locks", "lazy_pages", "auto_dedup"),
    )

    def options(self) -> dict[str, object]:
        """As criu_opts has them."""
        told: dict[str, object] = {name: True for name in self.SWITCHES if getattr(self, name)}
        told |= {"manage_cgroups": True, "notify_scripts": True}
        if self.manage_cgroups_mode:
            told |= {"manage_cgroups_mode": CGROUP_MODES[self.manage_cgroups_mode]}
        told |= {"log_level": LOG_LEVEL, "orphan_pts_master": True, "ext_masters": True}
        if self.parent_path:
            told |= {"parent_img": self.parent_path}
        if self.pre_dump:
            told |= {"track_mem": True}
        if self.status_fd >= 0:
            told |= {"status_fd": self.status_fd}
        if self.page_server:
            address, _, port = self.page_server.rpartition(":")
            told |= {"ps": {"address": address, "port": int(port)}}
        return told | {
            name: getattr(self, name) for name in ("lsm_profile", "lsm_mount_context") if getattr(self, name)
        }

    def words(self) -> list[str]:
        """As criu(8) takes them on its command line."""
        words = [f"--{name.replace('_', '-')}" for name in self.SWITCHES if getattr(self, name)]
        words += ["--images-dir", self.image_path, "--work-dir", self.work_path, f"-v{LOG_LEVEL}"]
        words += [f"--manage-cgroups={self.manage_cgroups_mode or 'soft'}", "--enable-external-masters"]
        words += ["--prev-images-dir", self.parent_path] if self.parent_path else []
        words += ["--track-mem"] if self.pre_dump else []
        words += ["--status-fd", str(self.status_fd)] if self.status_fd >= 0 else []
        if self.page_server:
            address, _, port = self.page_server.rpartition(":")
            words += ["--page-server", "--address", address, "--port", port]
        for name in ("lsm_profile", "lsm_mount_context"):
            words += [f"--{name.replace('_', '-')}", getattr(self, name)] if getattr(self, name) else []
        return words


class Criu:
    """The talk with one run of it."""

    def __init__(self, wishes: Wishes, near: MessageSocket, held: Mapping[str, int]) -> None:
        """`held` has the numbers of `images` and `work`, its directories, in the process that made the sockets: CRIU
        looks there, in /proc."""
        self.wishes, self.near, self.held = wishes, near, held
        self.log = ""
        self.pid = 0
        self.process = -1  # a pidfd of it
        self.external: dict[str, dict[str, object]] = {}  # mounts of the host's files (external.py)
        self.received: tuple[int, ...] = ()  # descriptors that came with its latest words
        self.first = 0  # the pid of the container's first process, as soon as it has told that
        self.waits = False  # it has told of a moment, and waits for a word

    def ask(self, kind: int, options: Mapping[str, object], log: str) -> None:
        """Send the request; `log` is the name of its log in the work directory."""
        self.log = log
        common = {"images_dir_fd": self.held["images"], "work_dir_fd": self.held["work"], "log_file": log}
        self.say(request(kind, self.wishes.options() | common | dict(options)))

    def say(self, message: bytes) -> None:
        """Where it has ended already, `hear` finds out why."""
        try:
            self.near.send(message)
        except BrokenPipeError:
            pass

    def hear(self) -> Answer:
        """Its next words. Raises Refused where it has failed, or ended without a word."""
        try:
            message, self.received, _sender = self.near.receive()
            answer = Answer(message)
        except ConnectionResetError:
            message, answer = b"", Answer(b"")
        except ValueError:
            raise Refused("CRIU's answer is cut off", "criu check") from None
        if not message or not answer.success:
            raise Refused(*self.failure(answer))
        self.waits = answer.kind == NOTIFY
        self.first = answer.pid or self.first
        return answer

    def let_go_on(self) -> None:
        if self.waits:
            self.waits = False
            self.say(go_on())

    def failure(self, answer: Answer) -> tuple[str, str]:
        """What went wrong by its log, and what helps."""
        path = f"{self.wishes.work_path}/{self.log}"
        lines = read_lines(path)
        wrong = [line for line in lines if "Error" in line or "error" in line][:TOLD] or lines[-TOLD:]
        told = "; ".join(safe(line) for line in wrong) or answer.message or "it has ended and written no log"
        cure = next((cure for word, cure in CURES if any(word in line for line in wrong)), "")
        look = f"{path} says more" if lines else "what it has said on standard error says more; so does criu check"
        return f"CRIU has failed: {told}", f"{cure}; {look}" if cure else look

    def collect(self) -> None:
        """Wait for its end, which it comes to when nobody talks to it any more."""
        self.near.close()
        if self.pid:
            pid, self.pid = self.pid, 0
            os.waitpid(pid, 0)


def open_images(wishes: Wishes) -> tuple[MessageSocket, dict[str, int]]:
    """The end of the sockets that is not CRIU's; and all that CRIU needs, as descriptors."""
    near, far = MessageSocket.pair()
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    held = {"images": files.open(wishes.image_path, flags), "work": files.open(wishes.work_path, flags)}
    return near, held | {"socket": far.detached()}


def become(wishes: Wishes, held: Mapping[str, int]) -> None:
    """In a process of its own: become CRIU, with these descriptors in PLACES. Returns only by raising an error."""
    program = find_program(wishes.criu)
    closing.close_on_exec_from(3)
    for name, descriptor in held.items():
        os.dup2(descriptor, PLACES[name])
    if wishes.status_fd >= 0:
        os.set_inheritable(wishes.status_fd, True)
    signals.reset()
    signals.pthread_sigmask(signals.SIG_SETMASK, ())
    processes.execve(program, ("criu", "swrk", str(PLACES["socket"])), environment())


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '/usr/bin:/bin')}:{SBIN}"}


def find_program(name: str) -> str:
    """Raises Refused."""
    path = shutil.which(name, path=environment()["PATH"])
    if path is None:
        raise Refused(f"there is no program {name}", INSTALL)
    return path


def start(talk: Criu) -> None:
    """Fork, and execute it in the child, in a session of its own: no key of the caller's terminal may end it half way,
    with the container's processes in its hands."""
    pid = processes.fork()
    if pid == 0:
        try:
            os.setsid()
            become(talk.wishes, talk.held)
        except (OSError, Refused):
            pass
        finally:
            os._exit(127)
    talk.pid = pid
    os.close(talk.held["socket"])


def read_lines(path: str) -> list[str]:
    try:
        return files.read_file(path).splitlines()
    except SystemCallError as error:
        if error.errno == ENOENT:
            return []
        raise


def talk_of(context: Context) -> Criu:
    assert isinstance(context.criu, Criu)
    return context.criu
