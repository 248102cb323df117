"""What steps leave for those that come later, in the process that they run in."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .step import Channel, Log, Refused, Step

RUNTIME = "runtime"  # minirun itself, on the host's side
CONTAINER = "container"  # the process that becomes the container's program


class Context:
    """Sorted by who writes a field; after each stands what it is, and then who reads it.

    fork(2) copies it: what is written before, both processes have, and what is written after, only one. What has to
    reach the other goes with a turn (`outgoing`, `incoming`). The defaults stand here, at the class; lists and
    dictionaries, which every walk needs anew, in `__init__`.
    """

    # ---- by who walks down the plan (runtime/run.py, walk.py, sync.py)
    me = RUNTIME  # whose this copy is: the walk. The fork changes it (StartContainerProcess)
    total = 0  # how many steps the plan has: the books (WriteState)
    config = b""  # config.json as it was read: the books (SaveConfig)
    umask = 0  # the caller's: SetUmask gives it back, hooks have it
    sender = 0  # who sent the latest turn, by the kernel's word: AdoptContainer
    result = ""  # what came of this step, in a few words, where the plan could not know it: the narration

    # ---- by steps of the runtime's, before the fork
    owns_id = False  # whether this run has got as far as the container's directory: poststop hooks, the end of a run
    lock = -1  # of the books: the run, which gives it back when the set-up is done
    created = 0.0  # when the container was created, in seconds since 1970: the books, which are written twice
    start_socket: Any = None  # where the container's process waits for `start`: WaitForStart
    cgroup = ""  # the container's, as a path of the host's: all that have to do with it
    hits_before: dict[str, int]  # how often the limits of one that was there had been hit: the end of a run
    filter = b""  # the system call filter: LoadFilter, in the container's process

    # ---- by steps of the runtime's, after it
    pid = 0  # the container's process, or a helper that will fork it: all that act on it from outside
    pidfd = -1  # of the same: who passes signals on, or ends it
    console = -1  # the master side of the container's terminal: the relay of a foreground run
    window: tuple[int, int] | None = None  # rows and columns of the caller's: the relay
    notify_socket: Any = None  # where the container says that it is ready: runtime/notify.py
    program_runs = False  # from then on, what was handed to the container is the container's: MoveNetDevice, MakeClos

    # ---- by steps of the container's process
    joined: dict[str, int]  # namespaces to join, type -> descriptor: JoinNamespace
    root = -1  # the container's root directory: everything that looks up a path in there (paths.py)
    old_root = -1  # the host's, for a moment: DetachOldRoot
    filesystems: dict[int, str]  # that its mounts have made, device number (stat(2)) -> type: paths.py, Remount
    unfinished: dict[int, int]  # mounts to be read-only in the end, mount id -> descriptor: MakeMountReadOnly, Remount
    mount_ids: dict[str, int]  # of these, origin -> mount id: MakeMountReadOnly
    mask = -1  # the tmpfs that hides directories: the next MaskPath
    slave = -1  # the program's side of the terminal: BindConsole, UseTerminal
    kept = 0  # how many descriptors from 3 on the program gets: hooks, which get none
    hook_files: tuple[int, int] | None = None  # what startContainer hooks read from and write to: those hooks
    proc = -1  # the host's /proc, where a namespace that is joined has another one: labels
    exec_attributes: dict[str, int]  # files that take the program's labels, module -> descriptor: SetExecLabel
    capabilities = (0, 0, 0)  # effective, permitted, inheritable, as bit masks: SetAmbientSet, GiveUpFilterRights
    variables: dict[str, str]  # of the program's environment, beside those of config.json: Execute
    program = ""  # what args[0] came out as in the container's PATH: Execute
    not_found: Refused | None = None  # why the program was not found from outside: FindProgramInside
    is_filtered = False  # whether the system call filter holds by now: whoever makes a call after that

    # ---- by steps of plans other than a run's
    start_time: int | None = None  # `start`: of a process whose pid may be anybody's by now: SeeProgramRun
    limits_before: list[tuple[str, list[str]]]  # `update`: a file, and what to write to it again: the undo of each step
    filters_before: dict[Step, tuple[int, int]]  # `update`: step -> descriptors of the new, the old: the same
    scope_before: Any = None  # `update`: what systemd is to be told again, and files with what to write again: the same
    criu: Any = None  # `checkpoint`, `restore`: the talk with CRIU, or what its process to be has to hold: criu.py
    images_before: frozenset[str] = frozenset()  # `checkpoint`: what its directory has had already: the undo

    # ---- by steps of the runtime's that few plans have
    cgroup_inode = 0  # of a scope's, whose name another may have after its last process: the books, the undo
    resctrl = ""  # where that file system is mounted: the steps of resctrl.py
    made_clos = ""  # the class of service that this run has made in it for others to share, as a path: the undo
    network = -1  # the container's network namespace, while devices may have to come back from it: the undo
    moved_devices: dict[str, tuple[str, bool]]  # the host's name -> the container's, whether it was up: the undo

    def __init__(self, log: Log, channel: Channel) -> None:
        self.log = log  # where a step tells what is no error
        self.channel = channel  # to the other process
        self.outgoing: list[int] = []  # descriptors to hand over: sync.py sends them with the next turn
        self.incoming: list[int] = []  # those that came with the latest: the step that they are for
        self.made: list[str] = []  # directories of the host that this run has made, parents first: the undo, the books
        self.left: list[str] = []  # what could not be taken back, and why: as long as there is some, the books stay
        self.hook_output: dict[str, int] = {}  # files of the host's that hooks write to, path -> descriptor: hooks
        self.hits_before, self.joined, self.exec_attributes, self.variables = {}, {}, {}, {}
        self.filesystems, self.unfinished, self.mount_ids = {}, {}, {}
        self.limits_before, self.filters_before, self.moved_devices = [], {}, {}
