# shellcheck shell=sh
# runc, capsh, nft and bpftool are where only root's $PATH leads on Debian.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
