/* What a process can learn about itself and its surroundings, one function a topic. Nothing here changes anything. */

#define _GNU_SOURCE
#include "json.h"
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

const char *error_name(int error)
{
    return error ? strerrorname_np(error) : "";
}

/* The target of a symbolic link, or NULL. The buffer is used again by the next call. */
static const char *link_target(const char *path)
{
    static char target[4096];
    ssize_t length = readlink(path, target, sizeof target - 1);

    if (length < 0)
        return NULL;
    target[length] = '\0';
    return target;
}

/* ---- the process */

void tell_process(void)
{
    char path[4096];
    mode_t mask = umask(0);

    umask(mask);
    number("pid", getpid());
    number("ppid", getppid());
    number("pgid", getpgid(0));
    number("sid", getsid(0));
    number("umask", mask);
    /* The system call, not getcwd(3): glibc hides the "(unreachable)" that the kernel puts before a path which lies
     * outside the root (CVE-2024-21626). */
    text("cwd", syscall(SYS_getcwd, path, sizeof path) < 0 ? NULL : path);
    number("personality", personality(0xffffffff));
    number("dumpable", prctl(PR_GET_DUMPABLE));
    tell_text_of("oom_score_adj", "/proc/self/oom_score_adj");
}

void tell_arguments(int argc, char **argv)
{
    open_array("argv");
    for (int i = 0; i < argc; i++)
        text(NULL, argv[i]);
    close_array();
    open_array("env");
    for (char **entry = environ; *entry; entry++)
        text(NULL, *entry);
    close_array();
}

void tell_user(void)
{
    uid_t uid, euid, suid;
    gid_t gid, egid, sgid, groups[1024];
    int count = getgroups(1024, groups);

    getresuid(&uid, &euid, &suid);
    getresgid(&gid, &egid, &sgid);
    number("uid", uid);
    number("euid", euid);
    number("suid", suid);
    number("gid", gid);
    number("egid", egid);
    number("sgid", sgid);
    open_array("groups");
    for (int i = 0; i < count; i++)
        number(NULL, groups[i]);
    close_array();
}

void tell_host_names(void)
{
    struct utsname names;

    uname(&names);
    text("hostname", names.nodename);
    text("domainname", names.domainname);
    text("machine", names.machine);
}

void tell_namespaces(void)
{
    static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    char path[64];

    open_object("namespaces");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        text(kinds[i], link_target(path));
    }
    close_object();
}

/* ---- privilege */

/* The highest capability that this kernel knows is found by asking: capabilities(7), PR_CAPBSET_READ. */
static unsigned long long mask_by_asking(int option, int argument)
{
    unsigned long long mask = 0;

    for (int number = 0; number < 64; number++) {
        int answer = option == PR_CAPBSET_READ ? prctl(option, number) : prctl(option, argument, number, 0, 0);
        if (answer == 1)
            mask |= 1ULL << number;
    }
    return mask;
}

void tell_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct low_high[2] = {{0}};

    syscall(SYS_capget, &header, low_high);
#define BOTH(set) ((unsigned long long)low_high[1].set << 32 | low_high[0].set)
    open_object("capabilities");
    unsigned_number("effective", BOTH(effective));
    unsigned_number("permitted", BOTH(permitted));
    unsigned_number("inheritable", BOTH(inheritable));
    unsigned_number("bounding", mask_by_asking(PR_CAPBSET_READ, 0));
    unsigned_number("ambient", mask_by_asking(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET));
    close_object();
#undef BOTH
}

void tell_security(void)
{
    boolean("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    number("securebits", prctl(PR_GET_SECUREBITS));
    boolean("keep_caps", prctl(PR_GET_KEEPCAPS));
    tell_text_of("label", "/proc/self/attr/current");
}

/* The session keyring, as keyctl(2) describes it: its serial number, and "type;uid;gid;permissions;name". */
void tell_keyring(void)
{
    char description[4096] = "";
    long serial = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);

    if (serial >= 0)
        syscall(SYS_keyctl, KEYCTL_DESCRIBE, serial, description, sizeof description);
    open_object("session_keyring");
    number("serial", serial);
    text("description", description);
    close_object();
}

/* ---- limits and scheduling */

static void tell_rlimit(const char *name, int resource)
{
    struct rlimit limit;

    getrlimit(resource, &limit);
    open_array(name);
    unsigned_number(NULL, limit.rlim_cur);
    unsigned_number(NULL, limit.rlim_max);
    close_array();
}

void tell_rlimits(void)
{
    static const struct { const char *name; int resource; } table[] = {
        {"RLIMIT_AS", RLIMIT_AS},           {"RLIMIT_CORE", RLIMIT_CORE},
        {"RLIMIT_CPU", RLIMIT_CPU},         {"RLIMIT_DATA", RLIMIT_DATA},
        {"RLIMIT_FSIZE", RLIMIT_FSIZE},     {"RLIMIT_LOCKS", RLIMIT_LOCKS},
        {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
        {"RLIMIT_NICE", RLIMIT_NICE},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
        {"RLIMIT_NPROC", RLIMIT_NPROC},     {"RLIMIT_RSS", RLIMIT_RSS},
        {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},   {"RLIMIT_RTTIME", RLIMIT_RTTIME},
        {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING}, {"RLIMIT_STACK", RLIMIT_STACK},
    };

    open_object("rlimits");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        tell_rlimit(table[i].name, table[i].resource);
    close_object();
}

/* sched_getattr(2); the C library only declares it from glibc 2.41 on. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void tell_scheduling(void)
{
    struct scheduling now = {.size = sizeof now};
    long io = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);

    syscall(SYS_sched_getattr, 0, &now, sizeof now, 0);
    open_object("scheduler");
    number("policy", now.policy);
    unsigned_number("flags", now.flags);
    number("nice", now.nice);
    number("priority", now.priority);
    unsigned_number("runtime", now.runtime);
    unsigned_number("deadline", now.deadline);
    unsigned_number("period", now.period);
    close_object();
    open_object("io_priority");
    number("class", io >> 13);
    number("level", io & 0x1fff);
    close_object();
}

/* ---- signals, descriptors, terminal */

void tell_signals(void)
{
    sigset_t blocked;
    struct sigaction action;

    sigprocmask(SIG_BLOCK, NULL, &blocked);
    open_array("signals_blocked");
    for (int one = 1; one < SIGRTMIN; one++)
        if (sigismember(&blocked, one) == 1)
            text(NULL, sigabbrev_np(one));
    close_array();
    open_array("signals_ignored");
    for (int one = 1; one < SIGRTMIN; one++)
        if (sigaction(one, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            text(NULL, sigabbrev_np(one));
    close_array();
}

/* Found by asking for each number, so that it works without /proc; the targets are null there. */
void tell_descriptors(void)
{
    char path[64], name[16];

    open_object("fds");
    for (int fd = 0; fd < 1024; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        snprintf(name, sizeof name, "%d", fd);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        text(name, link_target(path));
    }
    close_object();
}

void tell_terminal(void)
{
    struct winsize size = {0};
    int controlling = open("/dev/tty", O_RDWR | O_CLOEXEC);

    open_object("terminal");
    open_array("isatty");
    for (int fd = 0; fd < 3; fd++)
        boolean(NULL, isatty(fd));
    close_array();
    text("name", ttyname(0));
    text("controlling_error", controlling < 0 ? error_name(errno) : "");
    ioctl(0, TIOCGWINSZ, &size);
    number("rows", size.ws_row);
    number("columns", size.ws_col);
    number("foreground_pgid", tcgetpgrp(0));
    number("session", tcgetsid(0));
    close_object();
    if (controlling >= 0)
        close(controlling);
}

/* ---- clocks and files of /proc */

static void tell_clock(const char *name, clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    number(name, now.tv_sec);
}

void tell_clocks(void)
{
    open_object("clocks");
    tell_clock("boottime", CLOCK_BOOTTIME);
    tell_clock("monotonic", CLOCK_MONOTONIC);
    close_object();
}

/* The whole text of a file without its last line break; null where there is no such file. */
void tell_text_of(const char *key, const char *path)
{
    FILE *file = fopen(path, "re");
    char *content = NULL;
    size_t size = 0;
    ssize_t length;

    if (!file) {
        nothing(key);
        return;
    }
    length = getdelim(&content, &size, '\0', file);
    if (length > 0 && content[length - 1] == '\n')
        content[length - 1] = '\0';
    text(key, length > 0 ? content : "");
    free(content);
    fclose(file);
}

static void tell_lines_of(const char *key, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    if (!file) {
        nothing(key);
        return;
    }
    open_array(key);
    while ((length = getline(&line, &size, file)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        text(NULL, line);
    }
    close_array();
    free(line);
    fclose(file);
}

void tell_proc_files(void)
{
    tell_lines_of("mountinfo", "/proc/self/mountinfo");
    tell_lines_of("cgroup", "/proc/self/cgroup");
    tell_lines_of("status", "/proc/self/status");
    tell_lines_of("uid_map", "/proc/self/uid_map");
    tell_lines_of("gid_map", "/proc/self/gid_map");
    tell_lines_of("timens_offsets", "/proc/self/timens_offsets");
}

/* ---- files */

static const char *type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFCHR: return "c";
    case S_IFBLK: return "b";
    case S_IFIFO: return "p";
    case S_IFDIR: return "d";
    case S_IFLNK: return "l";
    case S_IFREG: return "-";
    default: return "s";
    }
}

/* Says what `path` itself is: a symbolic link is told with its target, not followed. */
void tell_file(const char *path)
{
    struct stat facts;

    open_object(path);
    if (lstat(path, &facts) < 0) {
        text("error", error_name(errno));
    } else {
        text("type", type_name(facts.st_mode));
        number("mode", facts.st_mode & 07777);
        number("uid", facts.st_uid);
        number("gid", facts.st_gid);
        number("size", facts.st_size);
        number("major", major(facts.st_rdev));
        number("minor", minor(facts.st_rdev));
        if (S_ISLNK(facts.st_mode))
            text("target", link_target(path));
    }
    close_object();
}

void tell_devices(void)
{
    DIR *directory = opendir("/dev");
    struct dirent *entry;
    char path[512];

    open_object("dev");
    while (directory && (entry = readdir(directory))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        tell_file(path);
    }
    close_object();
    if (directory)
        closedir(directory);
}

void tell_statfs(const char *path)
{
    struct statfs facts;

    open_object(path);
    if (statfs(path, &facts) < 0) {
        text("error", error_name(errno));
    } else {
        number("type", (unsigned)facts.f_type);
        number("flags", facts.f_flags);
        number("size", (long long)facts.f_blocks * facts.f_bsize);
        number("files", facts.f_files);
    }
    close_object();
}

/* ---- network: netdevice(7) */

static void tell_interface(int fd, const char *name)
{
    struct ifreq request = {0};
    const struct sockaddr_in *address = (const struct sockaddr_in *)&request.ifr_addr;

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    open_object(name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
        boolean("up", request.ifr_flags & IFF_UP);
        boolean("loopback", request.ifr_flags & IFF_LOOPBACK);
    }
    if (ioctl(fd, SIOCGIFADDR, &request) == 0)
        text("address", inet_ntoa(address->sin_addr));
    close_object();
}

void tell_interfaces(void)
{
    struct if_nameindex *all = if_nameindex();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    open_object("interfaces");
    for (struct if_nameindex *one = all; one && one->if_index; one++)
        tell_interface(fd, one->if_name);
    close_object();
    if (all)
        if_freenameindex(all);
    close(fd);
}
