"""The command line as a table: every command, option and argument once, for the quick reader and for click alike."""

from __future__ import annotations

from .. import __version__
from ..record import Record

TEXT, NUMBER, FLAG, MANY = "text", "number", "flag", "many"  # MANY: a text that may be given more than once


# Lines as runc has them: `docker info` shows the second and nothing else. An installed copy knows no commit but the one
# that bears its version's name; Debian's runc, too, has its version there.
VERSION = f"minirun version {__version__}\ncommit: v{__version__}\nspec: 1.3.0"
VERSION_FLAGS = ("-v", "-V", "--version")


class Option(Record):
    """One option: `name` is how the program calls it, `flags` how the user does."""

    name: str
    flags: tuple[str, ...]
    kind: str
    help: str
    default: object = None
    metavar: str = ""
    choices: tuple[str, ...] = ()


class Command(Record):
    """One command. `arguments` are positional; those behind the first `required` ones may be left out."""

    name: str
    help: str
    options: tuple[Option, ...]
    arguments: tuple[str, ...] = ()
    required: int = 0
    rest: bool = False  # the last argument takes all words that are left, whatever they look like
    many: bool = False  # the last argument may be given any number of times, with options in between


GLOBAL = (
    Option(
        "root",
        ("--root",),
        TEXT,
        "Directory of the containers' state; made when missing. If not given: /run/minirun, or without root "
        "$XDG_RUNTIME_DIR/minirun.",
        None,
        "DIR",
    ),
    Option("debug", ("--debug",), FLAG, "Tell every step, in the log's format: in the log file, or else on stderr."),
    Option(
        "log",
        ("--log",),
        TEXT,
        "Write errors and warnings to a file, too, or to file:PATH, journald:ID, syslog:ID.",
        None,
        "FILE",
    ),
    Option("log_format", ("--log-format",), TEXT, "How the log file is written.", "text", "", ("text", "json")),
    Option("log_level", ("--log-level",), TEXT, "What to tell at all.", "warning", "", ("error", "warning", "debug")),
    Option(
        "cgroup_manager",
        ("--cgroup-manager",),
        TEXT,
        "Who makes the cgroup; disabled: nobody, and then there are no limits and no device rules.",
        "cgroupfs",
        "",
        ("cgroupfs", "systemd", "disabled"),
    ),
    Option("systemd_cgroup", ("--systemd-cgroup",), FLAG, "The same as --cgroup-manager systemd."),
    # What other runtimes have and minirun has no use for: scripts and engines that say it should work.
    Option(
        "rootless_mode",
        ("--rootless",),
        TEXT,
        "Ignored: minirun sees for itself.",
        "auto",
        "",
        ("true", "false", "auto"),
    ),
    Option("criu", ("--criu",), TEXT, "The program that makes checkpoints: criu(8).", "criu", "PATH"),
)

PIDFD_SOCKET = Option("pidfd_socket", ("--pidfd-socket",), TEXT, "Send a pidfd of the process there.", None, "SOCKET")

# What it takes to make a container.
CREATION = (
    Option("bundle", ("--bundle", "-b"), TEXT, "The bundle's directory; here, if not given.", None, "DIR"),
    Option("console_socket", ("--console-socket",), TEXT, "Send the terminal's master side there.", None, "SOCKET"),
    Option("pid_file", ("--pid-file",), TEXT, "Write the pid of the container's process there.", None, "FILE"),
    Option(
        "preserve_fds", ("--preserve-fds",), NUMBER, "Hand on N descriptors beside 0, 1, 2 and $LISTEN_FDS.", 0, "N"
    ),
    Option("no_pivot", ("--no-pivot",), FLAG, "Move the root instead of pivot_root(2); for initial ramdisks only."),
    Option("config", ("--config", "-f"), TEXT, "Read this file, not the bundle's config.json.", None, "FILE"),
    Option("no_new_keyring", ("--no-new-keyring",), FLAG, "Leave the container in the caller's session keyring."),
    PIDFD_SOCKET,
    Option("no_subreaper", ("--no-subreaper",), FLAG, "Ignored: minirun only adopts what it has started."),
)

SET = Option(
    "set",
    ("--set",),
    MANY,
    "Change config.json for once: POINTER is the place, as in errors, - adds to an array; VALUE is JSON or a word, a "
    "size such as 64M, or null to take away.",
    (),
    "POINTER=VALUE",
)
PRINT_CONFIG = Option("print_config", ("--print-config",), FLAG, "Print the config.json that it would be, and no more.")

STORE = Option(
    "store",
    ("--store",),
    TEXT,
    "Where images are kept. If not given: /var/lib/minirun/store, or without root $XDG_DATA_HOME/minirun/store.",
    None,
    "DIR",
)
PLATFORM = Option(
    "platform",
    ("--platform",),
    TEXT,
    "Of an image for several: as linux/arm64; this machine's, if not given.",
    None,
    "OS/ARCH",
)
MOST = Option(
    "most", ("--most",), TEXT, "Refuse an image that is larger, to fetch or when it is unpacked.", "64G", "SIZE"
)

ID = Option("id", ("--id",), TEXT, "Name the container.", None, "ID")
NARRATE = Option("narrate", ("--narrate",), FLAG, "Tell each step on stderr, with the time that it took.")
NARRATE_FULL = Option(
    "narrate_full",
    ("--narrate-full",),
    FLAG,
    "The same as --narrate=full: tell each step, and before the program runs show what has become of the process, as "
    "inspect does.",
)
STEP = Option("step", ("--step",), FLAG, "Wait before each step: at the terminal, Enter goes on, and ? says more.")
PREDICTIONS = Option(
    "predictions",
    ("--predictions",),
    TEXT,
    "With --step: write there what was predicted by p at its questions, and what came of it.",
    None,
    "FILE",
)
DETACH = Option("detach", ("--detach", "-d"), FLAG, "Return when the program runs, and leave it alone.")

RUN = Command(
    "run",
    """Run a container and wait for its end; the exit status is its own.

    TARGET is a bundle, a directory that holds config.json. As with other runtimes it may also be the container's id:
    with --bundle, or in the bundle's own directory. Without an id one is made up. What stands behind TARGET and -- is
    run in the place of config.json's process.args. TARGET may also be an image, as for pull: a bundle is made of it in
    the store, which stays.

    \b
    Examples:
      sudo minirun run bundle/
      sudo minirun run bundle/ -- sh -c 'echo hello'
      sudo minirun run --set /linux/resources/memory/limit=64M --set /hostname=web bundle/
      sudo minirun run --id web bundle/
      sudo minirun run --bundle /srv/bundle web
      sudo minirun run --detach --bundle /srv/bundle web
      sudo minirun run --step bundle/
      sudo minirun run --narrate=full bundle/
      sudo minirun run --timeline run.json bundle/
      sudo minirun run --without pid --without seccomp bundle/
      sudo minirun run oci:layout:app -- sh
    """,
    (
        *CREATION,
        ID,
        SET,
        PRINT_CONFIG,
        DETACH,
        Option("keep", ("--keep",), FLAG, "Leave the container's state and cgroup when it has ended."),
        NARRATE,
        NARRATE_FULL,
        STEP,
        PREDICTIONS,
        Option(
            "timeline",
            ("--timeline",),
            TEXT,
            "Write there when each step began and how long it took, for Perfetto.",
            None,
            "FILE",
        ),
        Option(
            "without",
            ("--without",),
            MANY,
            "Leave out a protection, by its name in explain --without; on a machine to throw away only.",
            (),
            "NAME",
        ),
        Option("i_know", ("--i-know",), FLAG, "With --without: this machine may break, although nothing marks it so."),
        STORE,
        PLATFORM,
        MOST,
    ),
    ("target",),
)

CREATE = Command(
    "create",
    """Make a container whose program waits for start. What stands behind ID and -- is run in the place of config.json's
    process.args.

    \b
    Examples:
      sudo minirun create --bundle bundle/ web && sudo minirun start web
      sudo minirun create --bundle bundle/ web -- sleep 600
    """,
    (*CREATION, SET, PRINT_CONFIG, NARRATE, STEP, PREDICTIONS),
    ("id",),
    1,
)

START = Command(
    "start",
    """Let a created container run its program.

    \b
    Example:
      sudo minirun start web
    """,
    (NARRATE,),
    ("id",),
    1,
)

EXEC = Command(
    "exec",
    """Run a further program in a container; the exit status is its own, 255 if it can't be run.

    \b
    Examples:
      sudo minirun exec web ps
      sudo minirun exec --tty --user 1000 web sh
      sudo minirun exec --detach --process process.json web
    """,
    (
        Option("process", ("--process", "-p"), TEXT, "All about the process, as in config.json.", None, "FILE"),
        Option("tty", ("--tty", "-t"), FLAG, "With a terminal."),
        Option("detach", ("--detach", "-d"), FLAG, "Return when the program runs, and leave it alone."),
        Option("console_socket", ("--console-socket",), TEXT, "Send the terminal's master side there.", None, "SOCKET"),
        Option("pid_file", ("--pid-file",), TEXT, "Write the program's pid there.", None, "FILE"),
        Option("user", ("--user", "-u"), TEXT, "Who runs it, as numbers.", None, "UID[:GID]"),
        Option("additional_gids", ("--additional-gids", "-g"), MANY, "One more group, as a number.", (), "GID"),
        Option("cwd", ("--cwd",), TEXT, "The directory to run it in.", None, "DIR"),
        Option("env", ("--env", "-e"), MANY, "One more variable of its environment.", (), "NAME=VALUE"),
        Option(
            "cap",
            ("--cap", "-c"),
            MANY,
            "One more capability, such as CAP_SYS_TIME; not inheritable.",
            (),
            "CAP",
        ),
        Option("no_new_privs", ("--no-new-privs",), FLAG, "It can't gain privileges by what it executes."),
        Option(
            "preserve_fds", ("--preserve-fds",), NUMBER, "Hand on N descriptors beside 0, 1, 2 and $LISTEN_FDS.", 0, "N"
        ),
        Option("cgroup", ("--cgroup",), TEXT, "Run it in a cgroup below the container's.", None, "PATH"),
        Option("ignore_paused", ("--ignore-paused",), FLAG, "Wait in a paused container until it is resumed."),
        Option("process_label", ("--process-label",), TEXT, "Its SELinux label.", None, "LABEL"),
        Option("apparmor", ("--apparmor",), TEXT, "Its AppArmor profile.", None, "PROFILE"),
        PIDFD_SOCKET,
        NARRATE,
        STEP,
        PREDICTIONS,
    ),
    ("id", "arguments"),
    1,
    rest=True,
)

STATE = Command(
    "state",
    """Print a container's state as JSON.

    \b
    Example:
      sudo minirun state web | jq -r .status
    """,
    (),
    ("id",),
    1,
)

REGEX = Option("regex", ("--regex", "-r"), FLAG, "ID is a regular expression: all containers whose ids it finds.")

KILL = Command(
    "kill",
    """Send a signal to a container's process; SIGTERM, if none is given.

    \b
    Examples:
      sudo minirun kill web
      sudo minirun kill --all web KILL
      sudo minirun kill --regex '^test-' KILL
    """,
    (Option("all", ("--all", "-a"), FLAG, "To all processes of the container, should any be left."), REGEX),
    ("id", "signal"),
    1,
)

DELETE = Command(
    "delete",
    """Remove what is left of a container that has ended.

    \b
    Examples:
      sudo minirun delete web
      sudo minirun delete --force web
    """,
    (
        Option(
            "force",
            ("--force", "-f"),
            FLAG,
            "End it first, and who is making it; no error where there is none.",
        ),
        REGEX,
        NARRATE,
    ),
    ("id",),
    1,
)

FORMAT = Option("format", ("--format", "-f"), TEXT, "How to print it.", "table", "", ("table", "json"))

LIST = Command(
    "list",
    """List the containers.

    \b
    Example:
      sudo minirun list --format json | jq -r '.[].id'
    """,
    (FORMAT, Option("quiet", ("--quiet", "-q"), FLAG, "Only their ids.")),
)

PS = Command(
    "ps",
    """List the processes of a container, as the host's ps(1) shows them. What follows the id goes to ps; -ef, if
    nothing does.

    \b
    Examples:
      sudo minirun ps web
      sudo minirun ps web -o pid,stat,wchan,cmd
    """,
    (FORMAT,),
    ("id", "ps_options"),
    1,
    rest=True,
)

PAUSE = Command(
    "pause",
    """Stop all processes of a container, without their noticing.

    \b
    Example:
      sudo minirun pause web; sudo minirun resume web
    """,
    (),
    ("id",),
    1,
)

RESUME = Command(
    "resume",
    """Let the processes of a paused container go on.

    \b
    Example:
      sudo minirun resume web
    """,
    (),
    ("id",),
    1,
)

UPDATE = Command(
    "update",
    """Change the limits of a container that runs: all that are named, or none if one of them can't be had.

    Sizes are in bytes, or have a unit such as 64M; -1 means no limit.

    \b
    Examples:
      sudo minirun update --memory 256M --memory-swap 256M web
      sudo minirun update --cpu-quota 50000 --pids-limit 100 web
      echo '{"memory": {"reservation": 33554432}}' | sudo minirun update --resources - web
    """,
    (
        Option("resources", ("--resources", "-r"), TEXT, "Read them as in config.json, - for stdin.", None, "FILE"),
        Option("memory", ("--memory",), TEXT, "How much memory it may use.", None, "SIZE"),
        Option("memory_reservation", ("--memory-reservation",), TEXT, "How much is left to it.", None, "SIZE"),
        Option("memory_swap", ("--memory-swap",), TEXT, "How much memory and swap together.", None, "SIZE"),
        Option("cpu_quota", ("--cpu-quota",), TEXT, "How long it may run in each period.", None, "MICROSECONDS"),
        Option("cpu_period", ("--cpu-period",), TEXT, "How long a period is.", None, "MICROSECONDS"),
        Option("cpu_burst", ("--cpu-burst",), TEXT, "How much of a quota can be saved up.", None, "MICROSECONDS"),
        Option("cpu_share", ("--cpu-share",), TEXT, "Its share beside others, 2 to 262144.", None, "SHARES"),
        Option("cpu_idle", ("--cpu-idle",), TEXT, "1: only what nobody else wants.", None, "0|1"),
        Option("cpuset_cpus", ("--cpuset-cpus",), TEXT, "The processors it may use, as 0-3,7.", None, "LIST"),
        Option("cpuset_mems", ("--cpuset-mems",), TEXT, "The memory nodes it may use.", None, "LIST"),
        Option("pids_limit", ("--pids-limit",), TEXT, "How many tasks it may have.", None, "N"),
        Option("blkio_weight", ("--blkio-weight",), TEXT, "Its share of the disks, 10 to 1000.", None, "WEIGHT"),
        Option("l3_cache_schema", ("--l3-cache-schema",), TEXT, "Its part of the cache (resctrl).", None, "LINES"),
        Option("mem_bw_schema", ("--mem-bw-schema",), TEXT, "Its memory bandwidth (resctrl).", None, "LINE"),
        # These are version 1's. Other runtimes know them, so that there has to be an answer: it is an error.
        Option("kernel_memory", ("--kernel-memory",), TEXT, "Only cgroup version 1 has it.", None, "SIZE"),
        Option("kernel_memory_tcp", ("--kernel-memory-tcp",), TEXT, "Only cgroup version 1 has it.", None, "SIZE"),
        Option("cpu_rt_period", ("--cpu-rt-period",), TEXT, "Only cgroup version 1 has it.", None, "MICROSECONDS"),
        Option("cpu_rt_runtime", ("--cpu-rt-runtime",), TEXT, "Only cgroup version 1 has it.", None, "MICROSECONDS"),
    ),
    ("id",),
    1,
)

# Of checkpoint and restore: what CRIU is told.
IMAGES = (
    Option(
        "image_path", ("--image-path",), TEXT, "The directory of the images; ./checkpoint, if not given.", None, "DIR"
    ),
    Option(
        "work_path",
        ("--work-path",),
        TEXT,
        "The directory of CRIU's log; that of the images, if not given.",
        None,
        "DIR",
    ),
    Option("tcp_established", ("--tcp-established",), FLAG, "With connections of TCP."),
    Option("ext_unix_sk", ("--ext-unix-sk",), FLAG, "With UNIX sockets whose other ends are outside."),
    Option("shell_job", ("--shell-job",), FLAG, "With the caller's terminal."),
    Option("file_locks", ("--file-locks",), FLAG, "With locks on files."),
    Option("lazy_pages", ("--lazy-pages",), FLAG, "Move memory when it is needed (criu lazy-pages)."),
    Option("auto_dedup", ("--auto-dedup",), FLAG, "Free what a parent's images have twice."),
    Option(
        "manage_cgroups_mode",
        ("--manage-cgroups-mode",),
        TEXT,
        "What CRIU does about cgroups that minirun has not made; soft, if not given.",
        None,
        "",
        ("ignore", "soft", "full", "strict"),
    ),
    Option("empty_ns", ("--empty-ns",), TEXT, "Always so: a network namespace is made anew.", None, "", ("network",)),
)

CHECKPOINT = Command(
    "checkpoint",
    """Write the processes of a container to files, from which restore makes it again. The container is deleted, unless
    it is to go on. CRIU does it, a program to be installed: criu(8).

    \b
    Examples:
      sudo minirun checkpoint --image-path /srv/web.images web
      sudo minirun checkpoint --leave-running --image-path /srv/web.images web
    """,
    (
        *IMAGES,
        Option("parent_path", ("--parent-path",), TEXT, "Images of before, from --image-path on.", None, "DIR"),
        Option("leave_running", ("--leave-running",), FLAG, "Let the container go on."),
        Option("pre_dump", ("--pre-dump",), FLAG, "Only memory, for a later --parent-path; the container goes on."),
        Option("page_server", ("--page-server",), TEXT, "Send memory there (criu page-server).", None, "HOST:PORT"),
        Option("status_fd", ("--status-fd",), TEXT, "With --lazy-pages: tell there when it is ready.", None, "FD"),
        Option("tcp_skip_in_flight", ("--tcp-skip-in-flight",), FLAG, "Without connections that are being made."),
        Option("link_remap", ("--link-remap",), FLAG, "With files that have lost their names, by new ones."),
        NARRATE,
    ),
    ("id",),
    1,
)

RESTORE = Command(
    "restore",
    """Make a container of the files that checkpoint has written, and wait for its end; the exit status is its own. Its
    bundle has to be as it was.

    \b
    Examples:
      sudo minirun restore --image-path /srv/web.images --bundle bundle/ web
      sudo minirun restore --detach --image-path /srv/web.images --bundle bundle/ web
    """,
    (
        *IMAGES,
        Option("bundle", ("--bundle", "-b"), TEXT, "The bundle's directory; here, if not given.", None, "DIR"),
        SET,
        Option("console_socket", ("--console-socket",), TEXT, "Send the terminal's master side there.", None, "SOCKET"),
        Option("pid_file", ("--pid-file",), TEXT, "Write the pid of the container's process there.", None, "FILE"),
        DETACH,
        Option("no_pivot", ("--no-pivot",), FLAG, "Ignored: CRIU makes the root."),
        Option("no_subreaper", ("--no-subreaper",), FLAG, "Ignored: minirun only adopts what it has started."),
        Option("lsm_profile", ("--lsm-profile",), TEXT, "Another AppArmor or SELinux label.", None, "TYPE:NAME"),
        Option("lsm_mount_context", ("--lsm-mount-context",), TEXT, "Another label of mounts.", None, "CONTEXT"),
        NARRATE,
    ),
    ("id",),
    1,
)

EVENTS = Command(
    "events",
    """Print what a container uses, again and again, and when it runs out of memory: a JSON object a line.

    \b
    Examples:
      sudo minirun events --stats web | jq .data.memory.usage
      sudo minirun events --interval 500ms web
    """,
    (
        Option("interval", ("--interval",), TEXT, "How often, as 5s, 1m30s, or in seconds.", "5s", "DURATION"),
        Option("stats", ("--stats",), FLAG, "Once, and no more."),
    ),
    ("id",),
    1,
)

STATS = Command(
    "stats",
    """Show what running containers use, of how much: processor, memory, swap, tasks and disks; how often they had to
    wait for these (PSI), and how often memory has run out. All containers, or those that are named.

    Where a limit is not set, a bar is compared with the limit of a cgroup above, or with what the machine has. To
    measure rates takes a second.

    With --json there is an object a line for each container. Its names have the units in them; null is what the kernel
    does not count here, and "missing" says why. With --format prometheus there is what metrics serves, once.

    \b
    Examples:
      sudo minirun stats
      sudo minirun stats --interval 5s web db
      sudo minirun stats --json web | jq .memory.used_bytes
      sudo minirun stats --format prometheus > /var/lib/prometheus/node-exporter/minirun.prom
    """,
    (
        Option("json", ("--json",), FLAG, "For programs; the same as --format json."),
        Option("format", ("--format", "-f"), TEXT, "How to print it.", "text", "", ("text", "json", "prometheus")),
        Option("interval", ("--interval",), TEXT, "Again and again, as 5s, 1m30s, or in seconds.", None, "DURATION"),
    ),
    ("id",),
    many=True,
)

TOP = Command(
    "top",
    """Show what stats shows, on the whole screen, and keep it up to date.

    Arrow keys choose the container that is shown in full. c sorts by processor, m by memory, p by tasks, w by waiting,
    n by name; q or Ctrl-C ends it.

    \b
    Examples:
      sudo minirun top
      sudo minirun top --interval 500ms web
    """,
    (Option("interval", ("--interval",), TEXT, "How often, as 5s, 1m30s, or in seconds.", "1s", "DURATION"),),
    ("id",),
    many=True,
)

METRICS = Command(
    "metrics",
    """Serve what containers use by HTTP, in Prometheus's text format, until SIGTERM or Ctrl-C. It is read anew for
    each request: all containers, their cgroup's files, and the counters of their network interfaces. What the kernel
    does not count here is not there.

    Takes a library: the package python3-prometheus-client.

    \b
    Examples:
      sudo minirun metrics
      sudo minirun metrics --listen [::1]:9300 --timelines /srv/timelines
    """,
    (
        Option(
            "listen",
            ("--listen", "-l"),
            TEXT,
            "Where to listen; port 0: the kernel chooses one.",
            "127.0.0.1:9200",
            "HOST:PORT",
        ),
        Option("public", ("--public",), FLAG, "Listen where others than this machine can reach it."),
        Option(
            "timelines",
            ("--timelines",),
            TEXT,
            "Tell the times of the starts that run --timeline has written into files NAME.json there.",
            None,
            "DIR",
        ),
    ),
)

HEALTH = Command(
    "health",
    """Say whether a container does its work: run a check in it, and tell healthy, unhealthy or starting. The exit
    status is 0 if it is healthy, else 1.

    The check stands behind the id, or in config.json's annotations org.minirun.health.test, .interval, .timeout,
    .start-period and .retries, where an image's Healthcheck goes.

    With --watch it is repeated until the container's end, and each change is a line. With --notify, systemd hears of
    it: a unit of Type=notify and NotifyAccess=all is ready when the container is first healthy.

    \b
    Examples:
      sudo minirun health web
      sudo minirun health web -- wget -q -O /dev/null http://127.0.0.1/
      sudo minirun health --watch --interval 10s web
    """,
    (
        Option("watch", ("--watch", "-w"), FLAG, "Again and again; first wait until there is such a container."),
        Option("notify", ("--notify",), FLAG, "--watch, and tell the service manager: READY=1, WATCHDOG=1."),
        Option("interval", ("--interval",), TEXT, "Between two checks; 30s, if not given.", None, "DURATION"),
        Option("timeout", ("--timeout",), TEXT, "When a check has failed; 30s, if not given.", None, "DURATION"),
        Option("start_period", ("--start-period",), TEXT, "Failures before it do not count.", None, "DURATION"),
        Option(
            "retries",
            ("--retries",),
            TEXT,
            "With --watch: so many failures in a row are unhealthy; 3, if not given.",
            None,
            "N",
        ),
    ),
    ("id", "arguments"),
    1,
    rest=True,
)

TRACE = Command(
    "trace",
    """Make an OpenTelemetry trace of a run: one span a step, in spans of the chapters, in one of the run. TIMELINE is
    what run --timeline has written. TRACEPARENT in the environment, if it is there, is the trace that goes on.

    Prints a JSON object a line for each span, as the SDK does for the console. Takes the SDK:
    pip install minirun[otel].

    \b
    Examples:
      sudo minirun run --timeline run.json bundle/ && minirun trace run.json
      minirun trace --otlp http://127.0.0.1:4318/v1/traces run.json
    """,
    (
        Option("output", ("--output", "-o"), TEXT, "Write it there.", None, "FILE"),
        Option("otlp", ("--otlp",), TEXT, "Send it to a collector instead, by OTLP over HTTP.", None, "URL"),
    ),
    ("timeline",),
    1,
)

PUBLISH = Option(
    "publish",
    ("--publish", "-p"),
    MANY,
    "Have a port of the host's lead to the container's, as 8080:80, 127.0.0.1:8080:80 or 53:53/udp.",
    (),
    "[ADDRESS:]PORT:PORT[/tcp|/udp]",
)
NETWORKS = Option(
    "networks",
    ("--networks",),
    TEXT,
    "Directory of the networks. If not given: /var/lib/minirun/networks, or without root "
    "~/.local/share/minirun/networks.",
    None,
    "DIR",
)

SPEC = Command(
    "spec",
    """Write a config.json to start from.

    With --network, hooks in it connect the container when it is made, and files of the network's are its /etc/hosts and
    /etc/resolv.conf.

    \b
    Examples:
      mkdir -p bundle/rootfs && minirun spec --bundle bundle
      minirun spec --bundle bundle --network web -p 8080:80
    """,
    (
        Option("bundle", ("--bundle", "-b"), TEXT, "Where to write config.json.", ".", "DIR"),
        Option("file", ("--file", "-f"), TEXT, "Give it another name.", "config.json", "FILE"),
        Option(
            "rootless", ("--rootless",), FLAG, "For a container without root: with a user namespace of your own id."
        ),
        Option("network", ("--network",), TEXT, "Connect the container to this network.", None, "NETWORK"),
        PUBLISH,
        NETWORKS,
    ),
)

NETWORK = Command(
    "network",
    """Networks for containers: a bridge, addresses, a way out, published ports.

    DEED is create; list; inspect for everything as JSON; remove; attach and detach for the hooks that spec --network
    writes: they read the container's state from standard input. Nothing of a network is in the kernel before its first
    container is attached, and nothing after its last is detached.

    \b
    Examples:
      sudo minirun network create web
      sudo minirun network create --subnet 10.89.0.0/24 --subnet fd4d:1::/64 web
      sudo minirun spec --bundle bundle --network web -p 8080:80
      minirun network attach --dry-run web
      sudo minirun network remove web
    """,
    (
        Option("subnet", ("--subnet",), MANY, "create: its addresses; one of IPv4, one of IPv6.", (), "SUBNET"),
        Option("gateway", ("--gateway",), MANY, "create: the host's address in a subnet; the first.", (), "ADDRESS"),
        Option("bridge", ("--bridge",), TEXT, "create: what the bridge is to be called.", None, "BRIDGE"),
        Option("dns", ("--dns",), MANY, "create: who is asked for names, if not the host's servers.", (), "ADDRESS"),
        Option(
            "driver",
            ("--driver",),
            TEXT,
            "create: what it is made of. If not given: a bridge, or without root slirp4netns.",
            None,
            "",
            ("bridge", "slirp4netns", "pasta"),
        ),
        Option("force", ("--force", "-f"), FLAG, "remove: take it away from the containers in it."),
        Option("format", ("--format",), TEXT, "list: how to print it.", "table", "", ("table", "json")),
        PUBLISH,
        Option("dry_run", ("--dry-run",), FLAG, "attach: only show each operation, with the command for it by hand."),
        NARRATE,
        NETWORKS,
    ),
    ("deed", "network"),
    1,
)

VALIDATE = Command(
    "validate",
    """Say everything that is wrong with a bundle. Nothing runs, and you need not be root.

    The exit status is 1 if there are errors; warnings are for what will be ignored, or may be missing later.

    \b
    Examples:
      minirun validate bundle/
      minirun validate --format json bundle/ | jq -r '.[].pointer'
      minirun validate --set /linux/resources/memory/limit=64M bundle/
    """,
    (
        SET,
        Option("format", ("--format", "-f"), TEXT, "How to print it.", "text", "", ("text", "json")),
    ),
    ("bundle",),
)

FORMS = ("text", "markdown", "html", "svg", "mermaid", "json")

EXPLAIN = Command(
    "explain",
    """Show what a run would do, step by step, with the command that does the same by hand. Nothing runs, and you need
    not be root.

    TARGET and the options that run has as well are read as by run.

    \b
    Examples:
      minirun explain bundle/
      minirun explain --step 19 bundle/
      minirun explain --without pid bundle/
      minirun explain --diff other/ bundle/
      minirun explain --format html --output page.html bundle/
      minirun explain --format html --timing run.json --output page.html bundle/
      minirun explain --script bundle/ > by-hand.sh
      minirun explain --image oci:layout:app
    """,
    (
        *CREATION,
        ID,
        SET,
        DETACH,
        Option("format", ("--format",), TEXT, "How to print it.", "text", "", FORMS),
        Option("output", ("--output", "-o"), TEXT, "Write it there.", None, "FILE"),
        Option("timing", ("--timing",), TEXT, "Show the run that run --timeline has written down.", None, "FILE"),
        Option("step", ("--step",), TEXT, "Everything about step N only: its system calls, why it is done.", None, "N"),
        Option("verbose", ("--verbose",), FLAG, "Everything about all steps."),
        Option(
            "without",
            ("--without",),
            TEXT,
            "What the container could see or do without a protection: its name, a chapter, a step's number, or all.",
            None,
            "WHAT",
        ),
        Option("diff", ("--diff",), TEXT, "What is otherwise with another bundle.", None, "BUNDLE"),
        Option("script", ("--script",), FLAG, "A shell script that builds the same container by hand."),
        Option("image", ("--image",), TEXT, "Of an image, as for pull: what comes from which layer.", None, "IMAGE"),
        STORE,
        PLATFORM,
        MOST,
    ),
    ("target",),
)

INSPECT = Command(
    "inspect",
    """Show what a process has of its own, beside another one: namespaces, mounts, ids, capabilities, cgroup, filters,
    open files.

    PROCESS is the pid of any process here, whoever started it, or the id of a container. The other process is minirun
    itself, unless --against names one.

    \b
    Examples:
      sudo minirun inspect web
      sudo minirun inspect --against 1 4711
      sudo minirun inspect --format json web | jq -r '.mounts[] | select(.is == "new") | .point'
    """,
    (
        Option("against", ("--against",), TEXT, "The process to compare it with.", None, "PID|ID"),
        Option("format", ("--format", "-f"), TEXT, "How to print it.", "text", "", ("text", "json")),
    ),
    ("process",),
    1,
)

LAB = Command(
    "lab",
    """Do the labs, which check themselves: what containers are made of, from the first process to the engines.

    ACTION is list for all labs, and how far you are; show for the page to work by; start, which makes what the lab
    needs, and says where; check, which looks what is reached; watch, the same again and again, while you work in
    another terminal; hint for help with what is wrong, or with what comes next; answer for a question of the lab's;
    solution for a way to do it; reset, which takes away all that was made; progress, with --json for programs; report
    for a page to hand in, with a checksum; or book for all pages as one HTML page.

    check and answer look at the kernel's state, so any program will do that brings it about. Their exit status is 0 if
    all is done, 2 if something is missing, 3 if something is wrong.

    \b
    Examples:
      minirun lab list
      sudo minirun lab start 00
      sudo minirun lab check 00
      sudo minirun lab answer 00 pid 4711
    """,
    (
        Option("json", ("--json",), FLAG, "For programs."),
        Option("all", ("--all",), FLAG, "reset: all labs, so that the machine is as before."),
        Option("runtime", ("--runtime",), TEXT, "start: with this runtime.", None, "", ("minirun", "runc", "crun")),
        Option("output", ("--output", "-o"), TEXT, "report, book: write it there.", None, "FILE"),
        Option("name", ("--name",), TEXT, "report: the student's name.", None, "NAME"),
        Option("key", ("--key",), TEXT, "report: the teacher's word for the checksum.", None, "WORD"),
        Option("verify", ("--verify",), TEXT, "report: say whether this one was changed.", None, "FILE"),
    ),
    ("action", "lab", "words"),
    1,
    many=True,
)

SETUP = Command(
    "setup",
    """Tell an engine of minirun: print the few lines of its configuration, or put them in.

    ENGINE is podman, docker, containerd, or crio; of a user other than root, the one that runs without root. What is
    in the file already stays as it is. Nothing is started anew: what is printed last says what there is to do.

    \b
    Examples:
      minirun setup podman
      sudo minirun setup podman --write
      sudo minirun setup docker --write --default
      sudo minirun setup docker --undo
    """,
    (
        Option("write", ("--write",), FLAG, "Put the lines in; a second time changes nothing."),
        Option("undo", ("--undo",), FLAG, "Take them out, and nothing else."),
        Option("default", ("--default",), FLAG, "Have it run every container which names no other runtime."),
        Option("file", ("--file", "-f"), TEXT, "Another file than the engine's usual one.", None, "FILE"),
    ),
    ("engine",),
    1,
)

PULL = Command(
    "pull",
    """Fetch an image into the store, and print its digest. What is there already is not fetched again.

    IMAGE is oci:DIR[:TAG], an OCI image layout; docker-archive:FILE[:TAG], what docker save writes; tar:FILE, a root
    directory as of docker export; or docker://HOST/NAME[:TAG|@DIGEST], a registry, by http where HOST is localhost.

    \b
    Examples:
      sudo minirun pull docker://localhost:5000/app:1.0
      sudo minirun pull oci:layout:app
    """,
    (STORE, PLATFORM, MOST),
    ("image",),
    1,
)

BUNDLE = Command(
    "bundle",
    """Make a bundle of an image: its layers become DIR/rootfs, and its configuration DIR/config.json.

    IMAGE is as for pull. With --overlay the layers stay in the store, where many bundles can stand on them, and DIR has
    only what its container changes.

    \b
    Examples:
      sudo minirun bundle oci:layout:app app && sudo minirun run app
      sudo minirun bundle docker-archive:saved.tar app
      sudo minirun bundle --overlay docker://localhost:5000/app:1.0 app
    """,
    (
        STORE,
        PLATFORM,
        Option("overlay", ("--overlay",), FLAG, "Mount the layers as one (overlayfs), and copy none of them."),
        MOST,
    ),
    ("image", "directory"),
    2,
)

IMAGES_OF_STORE = Command(
    "images",
    """Show what is in the store, or take something out of it.

    ACTION is list; remove, with the names of images; or prune, which removes all images, and leaves of the layers those
    that a bundle stands on, which was made by --overlay and is still there. Bundles of run IMAGE go when no container
    is made of them any more.

    \b
    Examples:
      sudo minirun images list
      sudo minirun images remove docker://localhost:5000/app:1.0
      sudo minirun images prune
    """,
    (STORE, Option("format", ("--format", "-f"), TEXT, "How to print it.", "table", "", ("table", "json"))),
    ("action", "names"),
    1,
    many=True,
)

DIFF = Command(
    "diff",
    """Show what a container has changed whose bundle was made with --overlay: A for what is new, C for what is changed,
    D for what is gone. ID may also be the bundle's directory.

    \b
    Examples:
      sudo minirun diff web
      sudo minirun diff --tar layer.tar web
    """,
    (Option("tar", ("--tar",), TEXT, "Write it there, as a layer for an image.", None, "FILE"),),
    ("id",),
    1,
)

FEATURES = Command(
    "features",
    """Print what minirun can do, as JSON for engines.

    \b
    Example:
      minirun features | jq .linux.namespaces
    """,
    (),
)

COMPLETION = Command(
    "completion",
    """Print what makes a shell complete minirun's commands, options and containers: bash, zsh or fish.

    \b
    Examples:
      source <(minirun completion bash)
      minirun completion zsh > "${fpath[1]}/_minirun"
      minirun completion fish > ~/.config/fish/completions/minirun.fish
    """,
    (),
    ("shell",),
    1,
)

COMMANDS = {
    command.name: command
    for command in (
        *(RUN, CREATE, START, EXEC),
        *(STATE, LIST, PS, EVENTS, STATS, TOP),
        *(METRICS, HEALTH, TRACE),
        *(PAUSE, RESUME, UPDATE, CHECKPOINT, RESTORE, KILL, DELETE),
        *(SPEC, NETWORK, VALIDATE, EXPLAIN, INSPECT, LAB),
        *(PULL, BUNDLE, IMAGES_OF_STORE, DIFF),
        *(SETUP, FEATURES, COMPLETION),
    )
}


class Call(Record):
    """A command line, read."""

    command: str
    named: dict[str, object]  # every option and argument of the command, and the global ones
