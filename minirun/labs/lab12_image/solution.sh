#!/bin/bash
# One way through lab 12. Run it as root in the lab's directory.
set -euo pipefail
runtime=${RUNTIME:-minirun}

"$runtime" delete --force lab12 2>/dev/null || true
! mountpoint --quiet bundle/rootfs || umount bundle/rootfs
rm -rf image bundle work/*
mkdir -p image/blobs/sha256 second/etc third/etc third/srv

digest() {
    sha256sum "$1" | cut -d' ' -f1
}

# Put a file among the blobs, and print the descriptor that names it.
add() {
    cp "$1" "image/blobs/sha256/$(digest "$1")"
    jq -n --arg type "application/vnd.oci.image.$2" --arg digest "sha256:$(digest "$1")" \
        --argjson size "$(stat -c %s "$1")" '{mediaType: $type, digest: $digest, size: $size}'
}

# ---- the layers
echo 'password 4711' >second/etc/secret
echo second >second/etc/motd
echo third >third/etc/motd
touch third/etc/.wh.secret
for name in base second third; do
    tar -C $name -cf $name.tar .
    gzip -n -k -f $name.tar
done

# ---- the image
jq -n --arg one "sha256:$(digest base.tar)" --arg two "sha256:$(digest second.tar)" \
    --arg three "sha256:$(digest third.tar)" '{architecture: "amd64", os: "linux",
    config: {Cmd: ["sleep", "1217"], Env: ["PATH=/bin", "GREETING=hello"], WorkingDir: "/srv"},
    rootfs: {type: "layers", diff_ids: [$one, $two, $three]}}' >image.json
jq -n --argjson config "$(add image.json config.v1+json)" \
    --argjson one "$(add base.tar.gz layer.v1.tar+gzip)" \
    --argjson two "$(add second.tar.gz layer.v1.tar+gzip)" \
    --argjson three "$(add third.tar.gz layer.v1.tar+gzip)" \
    '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: $config, layers: [$one, $two, $three]}' >manifest.json
jq -n --argjson manifest "$(add manifest.json manifest.v1+json)" \
    '{schemaVersion: 2, manifests: [$manifest + {annotations: {"org.opencontainers.image.ref.name": "lab12"}}]}' \
    >image/index.json
echo '{"imageLayoutVersion": "1.0.0"}' >image/oci-layout

# ---- the directory
mkdir -p bundle/rootfs work/{1,2,3,upper,own}
number=0
for layer in $(jq -r '.layers[].digest' manifest.json); do
    number=$((number + 1))
    tar -C work/$number -xzf "image/blobs/${layer/://}"
done
rm work/3/etc/.wh.secret
mknod work/3/etc/secret c 0 0
mount -t overlay -o lowerdir=work/3:work/2:work/1,upperdir=work/upper,workdir=work/own lab12 bundle/rootfs

# ---- the container
minirun spec --bundle bundle
jq --slurpfile image image.json '.process.args = $image[0].config.Cmd | .process.env = $image[0].config.Env |
    .process.cwd = $image[0].config.WorkingDir | .process.terminal = false' bundle/config.json >config.new
mv config.new bundle/config.json
"$runtime" run --detach --bundle bundle lab12

minirun lab answer 12 where 2
