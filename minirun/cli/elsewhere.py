"""Commands that Docker and Podman have, and minirun has by another name, or has not."""

from __future__ import annotations

BUILD = (
    "minirun makes no images: buildah(1) does, and skopeo(1) brings them to a registry. minirun pull fetches one, "
    "minirun bundle makes a bundle of it, minirun diff --tar a layer of what a container has changed"
)
LOGS = "a program's output is the caller's: of a run -d, what stood behind > there"

COMMANDS_OF_OTHERS = {
    "stop": "minirun kill ID ends a container (SIGTERM; then minirun kill ID KILL), minirun delete ID removes it",
    "restart": "minirun delete --force ID, and run it again",
    "rm": "minirun delete ID; with --force it is ended first",
    "logs": LOGS,
    "attach": f"minirun exec --tty ID sh is a further shell in it; {LOGS}",
    "image": "minirun images list shows what is in the store, minirun explain --image IMAGE what an image consists of",
    "push": BUILD,
    "build": BUILD,
    "commit": BUILD,
    "load": "minirun pull docker-archive:FILE, or minirun run docker-archive:FILE at once",
    "import": "minirun bundle tar:FILE DIR makes a bundle of a root directory in a tar file",
    "rmi": "minirun images remove NAME",
    "container": "its commands stand alone, as minirun list",
    "unpause": "minirun resume ID",
    "port": "minirun network inspect NETWORK has the published ports of its containers",
    "volume": "minirun keeps no volumes; a directory of the host's is one of config.json's mounts",
    "cp": "a container's root directory is one of the bundle's, and /proc/PID/root is all of one that runs",
    "info": "minirun features",
    "version": "minirun --version",
    "wait": "minirun run waits itself; of another, minirun state ID says whether it has stopped",
    "rename": "an id stays what it was at create",
}
