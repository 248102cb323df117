"""Commands that Docker and Podman have, and minirun has by another name, or has not."""

from __future__ import annotations

IMAGES = (
    "minirun knows no images: it runs a bundle, a directory with a config.json and a root directory. skopeo(1) and "
    "umoci(1) make one of an image, rootfs/busybox and rootfs/debian without any"
)
LOGS = "a program's output is the caller's: of a run -d, what stood behind > there"

COMMANDS_OF_OTHERS = {
    "stop": "minirun kill ID ends a container (SIGTERM; then minirun kill ID KILL), minirun delete ID removes it",
    "restart": "minirun delete --force ID, and run it again",
    "rm": "minirun delete ID; with --force it is ended first",
    "logs": LOGS,
    "attach": f"minirun exec --tty ID sh is a further shell in it; {LOGS}",
    "images": IMAGES,
    "image": IMAGES,
    "pull": IMAGES,
    "push": IMAGES,
    "build": IMAGES,
    "load": IMAGES,
    "import": IMAGES,
    "rmi": IMAGES,
    "container": "its commands stand alone, as minirun list",
    "unpause": "minirun resume ID",
    "port": "minirun network inspect NETWORK has the published ports of its containers",
    "volume": "minirun keeps no volumes; a directory of the host's is one of config.json's mounts",
    "cp": "a container's root directory is one of the bundle's, and /proc/PID/root is all of one that runs",
    "info": "minirun features",
    "version": "minirun --version",
    "wait": "minirun run waits itself; of another, minirun state ID says whether it has stopped",
    "rename": "an id stays what it was at create",
    "diff": "minirun inspect ID shows what is different about its process; files are in the bundle's root directory",
}
