"""Bundles as users have them, made by other programs, each run to its end: from `runc spec`, from images that umoci
unpacks, with one static program and nothing else, with a whole Debian.

Making the Debian takes a minute and downloads packages. It is kept in the directory $MINIRUN_TEST_DEBIAN, if that is
set, and taken from there the next time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.bundle import Bundle
from kernel.kit.helpers import mount, unmount
from kernel.kit.outside import mounted_at, table
from kernel.kit.runtime import Runtime
from kernel.kit.typist import at_a_terminal
from kernel.test_rootfs_scripts import NOT_REACHED, Scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.root

MAPPED_ROOT = 100000  # what the container's root is on the host, where there is a user namespace
MAPPING = f"0:{MAPPED_ROOT}:65536"


class ReadyBundle(Bundle):
    """A bundle that another program made. Only what a test changes in `config` differs from what it wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = json.loads((path / "config.json").read_text())
        self.rootfs = path / self.config["root"]["path"]

    def program(self, *args: str) -> ReadyBundle:
        self.process["terminal"] = False
        self.process["args"] = list(args)
        return self

    def script(self, *lines: str) -> ReadyBundle:
        """A shell script that ends at the first command which fails."""
        return self.program("/bin/sh", "-euc", "\n".join(lines))


def tool(*words: str | Path, cwd: Path | None = None, **environment: str) -> None:
    """Runs a program of the host that should succeed."""
    command = [str(word) for word in words]
    ran = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, f"{command}: {ran.stderr}"


def succeed(runtime: Runtime, made: Bundle) -> str:
    """What the container's program prints. A whole distribution takes its time on a busy machine."""
    ran = runtime.run(made, timeout=60, umask=0o022)
    assert ran.status == 0, ran
    return ran.stdout


def add_busybox(rootfs: Path) -> None:
    """A busybox in `rootfs`/bin, with links under the names of its programs."""
    (rootfs / "bin").mkdir()
    path = shutil.which("busybox")
    assert path is not None
    shutil.copy(path, rootfs / "bin" / "busybox")
    listed = subprocess.run([path, "--list"], capture_output=True, text=True, timeout=10, check=True)
    for name in listed.stdout.split():
        if name != "busybox":
            (rootfs / "bin" / name).symlink_to("busybox")


def spec(words: list[str], place: Path) -> ReadyBundle:
    """A bundle whose config.json is what `words`, a runtime's spec command, writes. Its root is empty."""
    path = place / "bundle"
    for directory in (path, path / "rootfs"):
        directory.mkdir()
        directory.chmod(0o755)  # whatever the umask: a user namespace's root has to search them
    tool(*words, cwd=path, **Runtime("minirun").environment)
    return ReadyBundle(path)


# ---- config.json from `spec`

SPEC = pytest.mark.parametrize(
    "words",
    [
        pytest.param(["runc", "spec"], marks=needs.program("runc"), id="runc spec"),
        pytest.param(["crun", "spec"], marks=needs.program("crun"), id="crun spec"),
        pytest.param([*Runtime("minirun").argv, "spec"], id="minirun spec"),
    ],
)


@needs.static_busybox()
@SPEC
def test_the_config_of_spec(runtime, place, words):
    made = spec(words, place)
    add_busybox(made.rootfs)
    made.script("id -u", "hostname", "ulimit -n", "cat /proc/self/status", "touch /file || echo 'read only'")
    uid, hostname, files, *status, last = succeed(runtime, made).splitlines()
    assert (uid, hostname, last) == ("0", made.config["hostname"], "read only")
    assert files == str(made.process["rlimits"][0]["soft"])
    assert int(table(status)["CapEff"], 16) == mask(made.process["capabilities"]["effective"])
    assert table(status)["NoNewPrivs"] == "1"


def mask(names: list[str]) -> int:
    return sum(1 << needs.CAPABILITIES[name] for name in names)


@needs.static_busybox()
@SPEC
def test_the_mounts_of_spec(runtime, place, words):
    made = spec(words, place)
    add_busybox(made.rootfs)
    said = succeed(runtime, made.script("cat /proc/self/mountinfo"))
    for entry in made.mounts:
        assert mounted_at(said.splitlines(), entry["destination"])


@needs.static_busybox()
@SPEC
def test_the_config_of_spec_unchanged(runtime, place, words):
    """With its "sh" at a terminal."""
    made = spec(words, place)
    add_busybox(made.rootfs)
    with at_a_terminal(runtime, made) as typist:
        typist.type("echo $((6 * 7)); tty\n")
        typist.see("42")
        typist.see("/dev/pts/0")
        typist.type("exit 7\n")
        assert typist.status() == 7


@needs.static_busybox()
@needs.namespace("user")
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["runc", "spec", "--rootless"], marks=needs.program("runc"), id="runc spec"),
        pytest.param([*Runtime("minirun").argv, "spec", "--rootless"], id="minirun spec"),
    ],
)
def test_the_config_of_rootless_spec(runtime, place, words):
    """Here it is root who is mapped to itself, the only user there."""
    made = spec(words, place)
    add_busybox(made.rootfs)
    made.script("id -u", "cat /proc/self/uid_map", "readlink /proc/self/ns/user")
    uid, mapping, user = succeed(runtime, made).splitlines()
    assert (uid, mapping.split()) == ("0", ["0", str(os.geteuid()), "1"])
    assert user != os.readlink("/proc/self/ns/user")


# ---- images unpacked by umoci


def umoci(*words: str | Path) -> None:
    tool("umoci", *words)


@pytest.fixture(scope="session")
def image(workshop: Path) -> str:
    """An image of two layers, as umoci names it: layout:tag. The second one takes a file of the first away, and puts a
    new directory in an old one's place."""
    for name in ("umoci", "skopeo"):
        if shutil.which(name) is None:
            pytest.skip(f"needs the program {name}")
    work = workshop / "image"
    work.mkdir()
    made, bundle = f"{work}/made:app", work / "bundle"
    umoci("init", "--layout", work / "made")
    umoci("new", "--image", made)
    umoci("unpack", "--image", made, bundle)
    for layer in (first_layer, second_layer):
        layer(bundle / "rootfs")
        tool("chmod", "-R", "u=rwX,go=rX", bundle / "rootfs")  # whatever the umask
        umoci("repack", "--refresh-bundle", "--image", made, bundle)
    configure(made)
    tool("skopeo", "copy", f"oci:{made}", f"oci:{work}/copied:app")
    return f"{work}/copied:app"


def first_layer(rootfs: Path) -> None:
    add_busybox(rootfs)
    for name in ("etc", "srv", "srv/app", "srv/app/parts", "srv/own"):
        (rootfs / name).mkdir()
    (rootfs / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\n")
    (rootfs / "etc" / "group").write_text("root:x:0:\napp:x:1001:\nlogs:x:3000:app\n")
    for name in ("kept", "gone", "parts/old"):
        (rootfs / "srv" / "app" / name).write_text("first layer\n")
    os.chown(rootfs / "srv" / "own", 1000, 1001)


def second_layer(rootfs: Path) -> None:
    app = rootfs / "srv" / "app"
    (app / "gone").unlink()
    shutil.rmtree(app / "parts")
    (app / "parts").mkdir()
    (app / "parts" / "new").write_text("second layer\n")


def configure(image: str) -> None:
    """What a Dockerfile says with USER, WORKDIR, ENV, ENTRYPOINT, CMD and VOLUME."""
    settings = {
        "user": "app",
        "workingdir": "/srv/app",
        "env": "GREETING=hello = world",
        "entrypoint": "/bin/echo",
        "cmd": "started",
        "volume": "/data",
    }
    for name, value in settings.items():
        umoci("config", "--image", image, f"--config.{name}", value)


def unpack(image: str, place: Path, *options: str, name: str = "bundle") -> ReadyBundle:
    path = place / name
    umoci("unpack", *options, "--image", image, path)
    path.chmod(0o755)  # umoci's 0700 would keep the root of a user namespace out
    return ReadyBundle(path)


@needs.static_busybox()
def test_an_images_program(runtime, image, place):
    made = unpack(image, place)
    made.process["terminal"] = False
    assert succeed(runtime, made) == "started\n"


@needs.static_busybox()
def test_an_images_user_directory_and_environment(runtime, image, place):
    made = unpack(image, place).script('id -u; id -g; id -G; pwd; echo "$GREETING"; echo $HOME; touch ../own/mine')
    said = succeed(runtime, made).splitlines()
    assert said == ["1000", "1001", "1001 3000", "/srv/app", "hello = world", "/home/app"]
    owner = (made.rootfs / "srv/own/mine").stat()
    assert (owner.st_uid, owner.st_gid) == (1000, 1001)


@needs.static_busybox()
def test_an_images_user_keeps_the_ambient_capabilities(runtime, image, place):
    """umoci gives them to every user: here NET_BIND_SERVICE, for a port below 1024."""
    made = unpack(image, place).script(
        "nc -l -p 80 -e /bin/echo hello &",
        "for try in $(seq 50); do nc 127.0.0.1 80 </dev/null && break; sleep 0.2; done",
    )
    assert succeed(runtime, made) == "hello\n"


@needs.static_busybox()
def test_what_a_later_layer_took_away_is_gone(runtime, image, place):
    made = unpack(image, place).script("find . | sort", "cat parts/new")
    assert succeed(runtime, made).splitlines() == [".", "./kept", "./parts", "./parts/new", "second layer"]


@needs.static_busybox()
def test_an_images_volume(runtime, image, place):
    made = unpack(image, place).script("touch /data/file", "cat /proc/self/mountinfo")
    made.process["user"] = {"uid": 0, "gid": 0}
    volume = mounted_at(succeed(runtime, made).splitlines(), "/data")
    assert volume.type == "tmpfs" and volume.options >= {"rw", "nosuid", "nodev", "noexec"}
    assert os.listdir(made.rootfs / "data") == []


@needs.static_busybox()
@needs.namespace("user")
def test_an_image_unpacked_for_a_user_namespace(runtime, image, place):
    made = unpack(image, place, "--uid-map", MAPPING, "--gid-map", MAPPING)
    made.script("id -u", "stat -c %u:%g / /srv/own", "touch /srv/own/mine", "awk '{ print $2 }' /proc/self/uid_map")
    assert succeed(runtime, made).split() == ["1000", "0:0", "1000:1001", str(MAPPED_ROOT)]
    assert (made.rootfs / "srv/own/mine").stat().st_uid == MAPPED_ROOT + 1000


@needs.static_busybox()
def test_what_a_container_wrote_becomes_a_layer(runtime, image, place):
    """A build step: unpack, run, repack. What the runtime made for its mounts must not trouble the next container."""
    layout = shutil.copytree(image.rpartition(":")[0], place / "layout")
    step = unpack(f"{layout}:app", place, name="step").script("echo built >/srv/own/result")
    succeed(runtime, step)
    umoci("repack", "--image", f"{layout}:built", step.path)
    built = unpack(f"{layout}:built", place, name="built").script("cat /srv/own/result", "ls /dev/null")
    assert succeed(runtime, built) == "built\n/dev/null\n"


# ---- one static program and nothing else

READ_ONLY = pytest.mark.parametrize("readonly", [False, True], ids=["writable", "read-only"])


def scratch(runtime: Runtime, place: Path, program: Path, readonly: bool) -> ReadyBundle:
    """An image "from scratch": the root file system is this program, without /proc, /dev or /etc."""
    made = spec([*runtime.argv, "spec"], place)
    made.add_probe(program, "program")
    made.config["root"]["readonly"] = readonly
    return made


@READ_ONLY
def test_a_static_c_program_and_nothing_else(runtime, place, probe, readonly):
    made = scratch(runtime, place, probe, readonly).program("/program")
    told = runtime.run(made).json
    for entry in made.mounts:
        assert mounted_at(told["mountinfo"], entry["destination"])
    assert ("ro" in mounted_at(told["mountinfo"], "/").options) == readonly
    assert {name for name, facts in told["dev"].items() if facts.get("type") == "c"} >= {"/dev/null", "/dev/urandom"}
    assert told["pid"] == 1


@READ_ONLY
def test_nothing_but_the_mount_points_is_added(runtime, place, probe, readonly):
    made = scratch(runtime, place, probe, readonly).program("/program", "list", "/")
    expected = {"program", *(entry["destination"].split("/")[1] for entry in made.mounts)}
    assert set(runtime.run(made).json["/"]) == expected
    assert set(os.listdir(made.rootfs)) == expected


@needs.namespace("user")
@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_a_user_namespace_and_nothing_else(runtime, place, probe, umask):
    """Its root makes the mount points itself, and the caller's umask must not close the container's cgroup to it."""
    made = scratch(runtime, place, probe, readonly=False).program("/program", "list", "/sys/fs/cgroup")
    made.user_namespace(MAPPED_ROOT)
    os.chown(made.rootfs, MAPPED_ROOT, MAPPED_ROOT)
    assert runtime.run(made, umask=umask).json["/sys/fs/cgroup"] != []
    assert {(made.rootfs / name).stat().st_uid for name in ("proc", "dev", "sys")} == {MAPPED_ROOT}


GO_PROGRAM = """
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// As many kernel threads as it is told, all of them alive at the same time.
func threads(count int) string {
	var started, done sync.WaitGroup
	started.Add(count)
	done.Add(1)
	for i := 0; i < count; i++ {
		go func() {
			runtime.LockOSThread()
			started.Done()
			done.Wait()
		}()
	}
	started.Wait()
	defer done.Done()
	status, err := os.ReadFile("/proc/self/status")
	check(err)
	return strings.Fields(strings.SplitAfter(string(status), "Threads:")[1])[0]
}

func serve(listener net.Listener) {
	connection, err := listener.Accept()
	check(err)
	defer connection.Close()
	heard := make([]byte, 5)
	_, err = io.ReadFull(connection, heard)
	check(err)
	fmt.Fprintf(connection, "I heard %s", heard)
}

func main() {
	executable, err := os.Executable()
	check(err)
	fmt.Println("process", os.Getpid(), executable)
	fmt.Println("threads", threads(20))
	listener, err := net.Listen("tcp", "127.0.0.1:80")
	check(err)
	go serve(listener)
	connection, err := net.Dial("tcp", "127.0.0.1:80")
	check(err)
	fmt.Fprint(connection, "hello")
	answer, err := io.ReadAll(connection)
	check(err)
	fmt.Println(string(answer))
}
"""


@pytest.fixture(scope="session")
def go_program(workshop: Path) -> Path:
    """Linked statically, with Go's own resolver and scheduler; compiled without a network or anybody's settings."""
    if shutil.which("go") is None:
        pytest.skip("needs the program go")
    work = workshop / "go"
    work.mkdir()
    (work / "main.go").write_text(GO_PROGRAM)
    offline = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOENV": "off", "GOFLAGS": "-mod=mod"}
    places = {"HOME": str(work), "GOCACHE": f"{work}/cache", "GOPATH": f"{work}/path"}
    tool("go", "build", "-o", work / "program", "main.go", cwd=work, CGO_ENABLED="0", **offline, **places)
    return work / "program"


@READ_ONLY
def test_a_static_go_program_and_nothing_else(runtime, place, go_program, readonly):
    made = scratch(runtime, place, go_program, readonly).program("/program")
    process, threads, answer = succeed(runtime, made).splitlines()
    assert (process, answer) == ("process 1 /program", "I heard hello")
    assert int(threads.split()[1]) > 20


# ---- a whole Debian

# What engines give to a container by default, less what nothing here needs.
ENGINE_CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_AUDIT_WRITE",
)
NOBODY = {"uid": 65534, "gid": 65534}


@pytest.fixture(scope="session")
def debian_made(workshop: Path) -> Path:
    """A bundle that rootfs/debian made, once for all tests: none may change it."""
    if shutil.which("mmdebstrap") is None:
        pytest.skip("needs the program mmdebstrap")
    directory = Path(os.environ.get("MINIRUN_TEST_DEBIAN", workshop / "debian"))
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    scripts = Scripts(Runtime("minirun"), directory)
    if not (scripts.bundle / "config.json").exists():
        made = scripts.try_to_make("debian", prefix=())
        if any(words in made.stderr for words in NOT_REACHED):
            pytest.skip("no mirror of the distribution can be reached")
        assert made.returncode == 0, made.stderr
    return scripts.bundle


@pytest.fixture(scope="session")
def debian_made_for_user_namespace(debian_made: Path, workshop: Path) -> Path:
    """The same with owners that a user namespace maps."""
    shifted = workshop / "shifted"
    tool("cp", "--archive", "--reflink=auto", debian_made, shifted)
    for path in (shifted / "rootfs", *(shifted / "rootfs").rglob("*")):
        facts = path.lstat()
        os.lchown(path, MAPPED_ROOT + facts.st_uid, MAPPED_ROOT + facts.st_gid)
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(facts.st_mode))  # chown(2) takes the set-user-ID bits away
    return shifted


@pytest.fixture
def debian(debian_made: Path, place: Path) -> Iterator[ReadyBundle]:
    with layered(debian_made, place / "layers") as made:
        yield made


@pytest.fixture
def debian_in_user_namespace(debian_made_for_user_namespace: Path, place: Path) -> Iterator[ReadyBundle]:
    with layered(debian_made_for_user_namespace, place / "layers") as made:
        made.user_namespace(MAPPED_ROOT)
        yield made


@contextlib.contextmanager
def layered(lower: Path, layers: Path) -> Iterator[ReadyBundle]:
    """The bundle with a layer of its own for what is written to it, as engines make one with overlayfs. The layer is in
    memory: a test may itself run on an overlay, on which no other can be put."""
    layers.mkdir()
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", layers)
    try:
        for name in ("upper", "work", "rootfs"):
            (layers / name).mkdir()
        owner = (lower / "rootfs").stat()
        os.chown(layers / "upper", owner.st_uid, owner.st_gid)  # the directory above is what shows as /
        (layers / "upper").chmod(0o755)
        options = f"lowerdir={lower}/rootfs,upperdir={layers}/upper,workdir={layers}/work"
        mount("-t", "overlay", "-o", options, "overlay", layers / "rootfs")
        shutil.copy(lower / "config.json", layers)
        yield ReadyBundle(layers)
    finally:
        unmount(layers)


def like_an_engine(made: ReadyBundle) -> ReadyBundle:
    """A writable root, and capabilities to install packages and change users with."""
    made.config["root"]["readonly"] = False
    made.process["noNewPrivileges"] = False
    made.process["env"].append("DEBIAN_FRONTEND=noninteractive")
    for name in ("bounding", "effective", "permitted"):
        made.process["capabilities"][name] = list(ENGINE_CAPABILITIES)
    return made


PYTHON = {
    "subprocess": (
        """
        import subprocess
        ran = subprocess.run(["sh", "-c", "read line; echo got $line; exit 3"], input="it", text=True, stdout=-1)
        print(ran.returncode, ran.stdout, end="")
        """,
        "3 got it\n",
    ),
    # Semaphores and shared memory are files in /dev/shm: sem_overview(7), shm_overview(7).
    "multiprocessing": (
        """
        import multiprocessing, os
        from multiprocessing.shared_memory import SharedMemory
        shared = SharedMemory(create=True, size=10)
        print(os.path.exists(f"/dev/shm/{shared.name}"), end=" ")
        def work(number):
            with lock:
                shared.buf[number] = number * number
            return number * number
        fork = multiprocessing.get_context("fork")
        lock = fork.Lock()
        with fork.Pool(3) as pool:
            print(sum(pool.map(work, range(10))), shared.buf[9])
        shared.close(), shared.unlink()
        """,
        "True 285 81\n",
    ),
    # A write-ahead log is shared through a memory map and locks on a file.
    "sqlite3": (
        """
        import sqlite3
        one, two = sqlite3.connect("/tmp/test.db"), sqlite3.connect("/tmp/test.db")
        print(one.execute("pragma journal_mode=wal").fetchone()[0], end=" ")
        with one:
            one.execute("create table numbers(number)")
            one.executemany("insert into numbers values (?)", [(number,) for number in range(100)])
        print(*two.execute("select sum(number), count(*) from numbers").fetchone())
        """,
        "wal 4950 100\n",
    ),
    "openpty": (
        """
        import os, pty
        master, slave = os.openpty()
        os.write(slave, b"hello")
        print(os.ttyname(slave).startswith("/dev/pts/"), os.read(master, 5), flush=True)
        print(os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", "tty; exit 5"])))
        """,
        "True b'hello'\n/dev/pts/1\n5\n",
    ),
    "threading": (
        """
        import concurrent.futures, threading
        barrier = threading.Barrier(40)
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            waited = list(pool.map(lambda number: barrier.wait(10), range(40)))
        print(sorted(waited) == list(range(40)))
        """,
        "True\n",
    ),
    "asyncio": (
        """
        import asyncio
        async def answer(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()
        async def main():
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\\n")
            print((await reader.read()).decode(), end="")
            child = await asyncio.create_subprocess_exec("sh", "-c", "kill -TERM $$")
            print(await child.wait())
        asyncio.run(main())
        """,
        "HELLO\n-15\n",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("topic", PYTHON)
def test_python(runtime, debian, topic):
    source, expected = PYTHON[topic]
    debian.mount("/tmp", "mode=1777")  # the root is read-only, as `spec` has it
    assert succeed(runtime, debian.program("python3", "-c", textwrap.dedent(source))) == expected


APT_QUERIES = {
    "apt-get -s install python3": "python3 is already the newest version",
    "apt-cache policy python3": "/var/lib/dpkg/status",
    "dpkg -l python3": "ii  python3 ",
    "apt-get check": "Reading package lists",
}


@pytest.mark.slow
@pytest.mark.parametrize("command", APT_QUERIES)
def test_apt_tells_what_is_installed(runtime, debian, command):
    assert APT_QUERIES[command] in succeed(runtime, like_an_engine(debian).script(command))


# apt unpacks as the user _apt and shows dpkg a terminal of its own; dpkg gives files away and links them.
PACKAGE = r"""
cd /tmp
mkdir -p greeting/DEBIAN greeting/usr/bin greeting/etc
printf '%s\n' 'Package: greeting' 'Version: 1.0' 'Architecture: all' 'Maintainer: Nobody <nobody@example.org>' \
    'Description: says hello' >greeting/DEBIAN/control
printf '%s\n' '#!/bin/sh -e' 'chown nobody:games /usr/bin/greet' 'chmod 2755 /usr/bin/greet' >greeting/DEBIAN/postinst
printf '%s\n' '#!/bin/sh' 'cat /etc/greeting' >greeting/usr/bin/greet
echo hello >greeting/etc/greeting
echo /etc/greeting >greeting/DEBIAN/conffiles
chmod 755 greeting/DEBIAN/postinst greeting/usr/bin/greet
dpkg-deb --root-owner-group --build greeting
""".strip()
INSTALLED = ("greet", "stat -c %U:%G:%a /usr/bin/greet", "dpkg-query -W -f '${Status}\\n' greeting")
INSTALL = {"apt-get": "apt-get install -y ./greeting.deb", "dpkg": "dpkg -i greeting.deb"}
REMOVE = {"apt-get": "apt-get purge -y greeting", "dpkg": "dpkg -P greeting"}


def install_and_remove(runtime: Runtime, made: ReadyBundle, program: str) -> None:
    loud = ">log 2>&1 || { cat log; exit 1; }"
    made.script(PACKAGE, f"{INSTALL[program]} {loud}", *INSTALLED, f"{REMOVE[program]} {loud}", "! greet 2>&1")
    built, *installed, gone = succeed(runtime, like_an_engine(made)).splitlines()
    assert "greeting.deb" in built and "not found" in gone
    assert installed == ["hello", "nobody:games:2755", "install ok installed"]
    assert not (made.rootfs / "etc" / "greeting").exists()


@pytest.mark.slow
@pytest.mark.parametrize("program", INSTALL)
def test_a_package_is_installed_and_removed(runtime, debian, program):
    install_and_remove(runtime, debian, program)


@pytest.mark.slow
def test_a_login_shell_reads_the_profile(runtime, debian):
    debian.file("/etc/profile.d/test.sh", "export FROM_PROFILE=read\n")
    made = debian.program("bash", "-lc", "echo $FROM_PROFILE; shopt login_shell; echo $HOME $PWD")
    assert succeed(runtime, made).split() == ["read", "login_shell", "on", "/root", "/"]


@pytest.mark.slow
def test_a_login_shell_at_a_terminal(runtime, debian):
    debian.process["args"] = ["bash", "-l"]
    with at_a_terminal(runtime, debian, rows=33, columns=101) as typist:
        typist.type("tty; stty size\n")
        assert "no job control" not in typist.see("/dev/pts/0")
        typist.see("33 101")
        typist.type("sleep 60 & kill %1; wait %1; echo sleep: $?\n")
        typist.see("sleep: 143")
        typist.type("exit 7\n")
        assert typist.status() == 7


@pytest.mark.slow
def test_su_becomes_another_user(runtime, debian):
    made = like_an_engine(debian).script(
        "useradd --create-home --groups games anna",
        "su - anna -c 'id -un; id -Gn; pwd; touch file; cat /etc/shadow 2>/dev/null || echo secret'",
        "stat -c %U /home/anna/file",
    )
    assert succeed(runtime, made).splitlines() == ["anna", "anna games", "/home/anna", "secret", "anna"]


@pytest.mark.slow
@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_passwd_reads_the_shadow_file_unless_no_new_privileges(runtime, debian, no_new_privileges):
    """It is owned by root and has the set-user-ID bit; "L" for locked stands in no other file."""
    made = like_an_engine(debian).program("passwd", "--status")
    made.process.update(user=NOBODY, noNewPrivileges=no_new_privileges)
    assert runtime.run(made).stdout.startswith("nobody L ") != no_new_privileges


@pytest.mark.slow
@pytest.mark.parametrize(("no_new_privileges", "uid", "gid"), [(False, 0, 50), (True, 65534, 65534)])
def test_set_id_bits(runtime, debian, no_new_privileges, uid, gid):
    """execve(2), PR_SET_NO_NEW_PRIVS(2const)."""
    program = shutil.copy(debian.rootfs / "usr/bin/id", debian.rootfs / "usr/local/bin")
    os.chown(program, 0, 50)
    os.chmod(program, 0o6755)
    made = like_an_engine(debian).script(*(f"/usr/local/bin/id {options}" for options in ("-u", "-g", "-ru", "-rg")))
    made.process.update(user=NOBODY, noNewPrivileges=no_new_privileges)
    assert succeed(runtime, made).split() == [str(uid), str(gid), "65534", "65534"]


@pytest.mark.slow
def test_a_set_user_id_program_gets_no_more_than_the_bounding_set(runtime, debian):
    os.chmod(shutil.copy(debian.rootfs / "usr/bin/grep", debian.rootfs / "usr/local/bin"), 0o4755)
    made = debian.program("/usr/local/bin/grep", "CapEff:", "/proc/self/status")
    made.process.update(user=NOBODY, noNewPrivileges=False)
    assert int(succeed(runtime, made).split()[1], 16) == mask(made.process["capabilities"]["bounding"])


@pytest.mark.slow
@needs.namespace("user")
def test_debian_in_a_user_namespace(runtime, debian_in_user_namespace):
    made = debian_in_user_namespace.script(
        "id -un",
        "stat -c %U:%G:%a / /etc/shadow /usr/bin/passwd",
        "python3 -c 'import os, multiprocessing; print(os.getuid(), *multiprocessing.Pool(2).map(abs, [-1, -2]))'",
        "awk '{ print $2 }' /proc/self/uid_map",
    )
    owners = ["root:root:755", "root:shadow:640", "root:root:4755"]
    assert succeed(runtime, made).splitlines() == ["root", *owners, "0 1 2", str(MAPPED_ROOT)]


@pytest.mark.slow
@needs.namespace("user")
def test_a_package_is_installed_and_removed_in_a_user_namespace(runtime, debian_in_user_namespace):
    install_and_remove(runtime, debian_in_user_namespace, "apt-get")


@pytest.mark.slow
@needs.namespace("user")
def test_su_in_a_user_namespace(runtime, debian_in_user_namespace):
    command = "su nobody -s /bin/sh -c 'id -u; passwd --status; echo 1 >/tmp/a'"
    made = like_an_engine(debian_in_user_namespace).script(command)
    uid, shadow = succeed(runtime, made).splitlines()
    assert uid == "65534" and shadow.startswith("nobody L ")
    assert (made.rootfs / "tmp/a").stat().st_uid == MAPPED_ROOT + 65534
