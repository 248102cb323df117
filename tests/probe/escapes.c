/* What a program would do to get at the host, one deed each. tests/kernel/test_without.py has them tried with a
 * protection and without it. They do no harm: what is signalled, read or changed is the test's own. */

#define _GNU_SOURCE
#include "json.h"
#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, SOMEBODY = 1000 };

static int outcome(long result)
{
    return result < 0 ? errno : 0;
}

/* The file's text, at most 64 KiB of it; an error, or ENODATA where there is none. */
static int content_of(const char *path, char content[65536])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, content, 65535);

    content[length < 0 ? 0 : length] = '\0';
    return length < 0 ? errno : length == 0 ? ENODATA : 0;
}

static char content[65536];

/* ---- files */

static int read_it(char *path)
{
    return content_of(path, content);
}

/* FILE=TEXT: does it hold this text? */
static int holds(char *words)
{
    char *wanted = strchr(words, '=');
    int error;

    *wanted++ = '\0';
    error = content_of(words, content);
    return error ? error : strstr(content, wanted) ? 0 : ENODATA;
}

/* Writes what it says already. */
static int rewrite(char *path)
{
    int error = content_of(path, content), fd = open(path, O_WRONLY | O_CLOEXEC);

    return error ? error : outcome(fd < 0 ? -1 : write(fd, content, strlen(content)));
}

static int create(char *path)
{
    return outcome(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int make_directory(char *path)
{
    return outcome(mkdir(path, 0700));
}

static int close_to_others(char *path)
{
    return outcome(chmod(path, 0600));
}

/* chroot(2), NOTES: the directory of a process need not be below its root. */
static int walk_out(char *path)
{
    if (chroot("/tmp") < 0)
        return errno;
    for (int level = 0; level < 99; level++)
        if (chdir("..") < 0)
            return errno;
    return chroot(".") < 0 ? errno : content_of(path, content);
}

/* A disk that there is none of: no harm can come of it. ENXIO comes from its driver, behind all who could refuse. */
static int open_disk(char *path)
{
    int error = outcome(mknod(path, S_IFBLK | 0600, makedev(7, 200)));

    error = error ? error : outcome(open(path, O_RDWR | O_CLOEXEC));
    return error == ENXIO ? 0 : error;
}

static int open_device(char *path)
{
    return outcome(open(path, O_RDONLY | O_CLOEXEC));
}

/* ---- mounts */

static int mount_on(char *path)
{
    return outcome(mount("none", path, "tmpfs", 0, NULL));
}

static int take_away(char *path)
{
    return outcome(umount2(path, MNT_DETACH));
}

/* ---- processes */

static int signal_it(char *pid)
{
    return outcome(kill(atoi(pid), SIGUSR1));
}

static int shared_memory(char *id)
{
    return shmat(atoi(id), NULL, SHM_RDONLY) == (void *)-1 ? errno : 0;
}

/* A key of the caller's, found by its name. */
static int find_key(char *name)
{
    long key = syscall(SYS_request_key, "user", name, NULL, 0);

    return outcome(key < 0 ? -1 : syscall(SYS_keyctl, KEYCTL_READ, key, content, sizeof content));
}

/* Is the machine up for about so many seconds? */
static int uptime(char *seconds)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return labs(now.tv_sec - atol(seconds)) < 3600 ? 0 : ERANGE;
}

/* The length of a tick stays as it is: adjtimex(2). */
static int set_clock(char *nothing)
{
    struct timex settings = {0};

    (void)nothing;
    adjtimex(&settings);
    settings.modes = ADJ_TICK;
    return outcome(adjtimex(&settings));
}

/* Is this the host's name? Then it gets the same one once more. */
static int rename_host(char *name)
{
    char found[65] = "";

    gethostname(found, sizeof found - 1);
    return strcmp(found, name) ? ENODATA : outcome(sethostname(name, strlen(name)));
}

/* ---- network */

static int connect_to(int family, const void *address, socklen_t length)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return outcome(fd < 0 ? -1 : connect(fd, address, length));
}

static int loopback_port(char *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect_to(AF_INET, &address, sizeof address);
}

/* A name without a file begins with a null byte: unix(7). */
static int abstract_socket(char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
    return connect_to(AF_UNIX, &address, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

/* ---- rights */

/* All of these, a mask in hexadecimal? */
static int has_capabilities(char *mask)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct low_high[2] = {{0}};

    syscall(SYS_capget, &header, low_high);
    return strtoull(mask, NULL, 16) & ~((unsigned long long)low_high[1].effective << 32 | low_high[0].effective)
               ? EPERM
               : 0;
}

static int in_group(char *wanted)
{
    gid_t groups[64];
    int count = getgroups(64, groups);

    while (count > 0)
        if (groups[--count] == (gid_t)atol(wanted))
            return 0;
    return ENODATA;
}

static int new_user_namespace(char *nothing)
{
    (void)nothing;
    return outcome(unshare(CLONE_NEWUSER));
}

int do_am_root(int count, char **args)
{
    (void)count, (void)args;
    return geteuid() == 0 ? 0 : EPERM;
}

/* An ordinary user starts a set-user-id program. */
static int become_root(char *program)
{
    if (setresgid(SOMEBODY, SOMEBODY, SOMEBODY) < 0 || setresuid(SOMEBODY, SOMEBODY, SOMEBODY) < 0)
        return errno;
    execl(program, program, "am-root", (char *)NULL);
    return errno;
}

/* ---- limits */

static int open_files(char *number)
{
    for (int left = atoi(number); left > 0; left--)
        if (open("/", O_RDONLY) < 0)
            return errno;
    return 0;
}

static int take_memory(char *mib)
{
    size_t size = atol(mib) * (size_t)MIB;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (size_t at = 0; memory != MAP_FAILED && at < size; at += 4096)
        memory[at] = 1;
    return memory == MAP_FAILED ? errno : 0;
}

static int make_processes(char *number)
{
    int error = 0, left = atoi(number);
    pid_t child = 1;

    setpgid(0, 0);
    while (left-- > 0 && (child = fork()) > 0)
        ;
    if (child < 0)
        error = errno;
    if (child == 0)
        for (;;)
            pause();
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    return error;
}

/* Calculates for so many milliseconds of its own time, and looks whether it had to wait for more. */
static int calculate(char *milliseconds)
{
    char *found;

    while (clock() < atol(milliseconds) * (CLOCKS_PER_SEC / 1000))
        ;
    if (content_of("/sys/fs/cgroup/cpu.stat", content) || !(found = strstr(content, "nr_throttled ")))
        return 0; /* nobody counts where there is no controller */
    return atoi(found + strlen("nr_throttled ")) ? EBUSY : 0;
}

/* ---- the job */

static int signal_job(char *nothing)
{
    (void)nothing;
    return outcome(kill(0, SIGUSR1));
}

static int open_terminal(char *nothing)
{
    (void)nothing;
    return outcome(open("/dev/tty", O_RDWR | O_CLOEXEC));
}

/* ---- other processes */

/* hunt FILE: until it is killed, looks into all other processes that it sees, and says what of the host's they hold:
 * `directory` if by a descriptor of theirs FILE can be read, `library` if a file that they have mapped can be written. */
static int try_each(const char *pid, const char *kind, const char *below, int flags)
{
    char path[512];
    struct dirent *entry;
    DIR *directory;
    int found = 0;

    snprintf(path, sizeof path, "/proc/%s/%s", pid, kind);
    directory = opendir(path);
    while (directory && (entry = readdir(directory))) {
        int fd;

        snprintf(path, sizeof path, "/proc/%s/%s/%s%s", pid, kind, entry->d_name, below);
        fd = entry->d_name[0] == '.' ? -1 : open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        found |= fd >= 0;
        if (fd >= 0)
            close(fd);
    }
    if (directory)
        closedir(directory);
    return found;
}

int do_hunt(int count, char **args)
{
    char below[256], own[32];

    (void)count;
    snprintf(below, sizeof below, "/%s", args[0]);
    snprintf(own, sizeof own, "%d", getpid());
    puts("ready");
    for (;;) {
        DIR *processes = opendir("/proc");
        struct dirent *entry;

        while (processes && (entry = readdir(processes))) {
            if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !strcmp(entry->d_name, own))
                continue;
            if (try_each(entry->d_name, "fd", below, O_RDONLY))
                puts("directory");
            if (try_each(entry->d_name, "map_files", "", O_RDWR))
                puts("library");
        }
        fflush(stdout);
        closedir(processes);
    }
}

/* ---- the runtime's own file (CVE-2019-5736) */

/* Writes to the file that the descriptor leads to, whatever it was opened for; an error, ETXTBSY while somebody runs it. */
static int spoil(int fd)
{
    char path[64];
    int again, error;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    again = open(path, O_WRONLY | O_CLOEXEC);
    error = again < 0 ? errno : outcome(pwrite(again, "spoiled", 7, 0));
    if (again >= 0)
        close(again);
    return error;
}

/* spoil: writes to the file behind descriptor 9, which impostor.c leaves there, as soon as nobody runs it any more. */
int do_spoil(int count, char **args)
{
    int error;

    (void)count, (void)args;
    while ((error = spoil(9)) == ETXTBSY)
        usleep(10000);
    puts(error ? error_name(error) : "spoiled");
    return 0;
}

enum { CAUGHT_AT_MOST = 64 };
static int caught[CAUGHT_AT_MOST], caught_count;

/* Keeps the file if it is the one. Whether it is another one than what this process runs. */
static int catch_file(const char *path, ino_t wanted)
{
    struct stat file = {0}, own = {0};
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &file) < 0 || stat("/proc/self/exe", &own) < 0)
        return 0;
    if (file.st_ino == wanted && caught_count < CAUGHT_AT_MOST)
        caught[caught_count++] = fd;
    else
        close(fd);
    return file.st_ino != own.st_ino;
}

static void catch_files(const char *pid, ino_t wanted)
{
    char path[512];
    struct dirent *entry;
    DIR *directory;

    snprintf(path, sizeof path, "/proc/%s/exe", pid);
    if (catch_file(path, wanted))
        puts("met a program");
    snprintf(path, sizeof path, "/proc/%s/map_files", pid);
    directory = opendir(path);
    while (directory && (entry = readdir(directory))) {
        snprintf(path, sizeof path, "/proc/%s/map_files/%s", pid, entry->d_name);
        if (entry->d_name[0] != '.' && catch_file(path, wanted))
            puts("met a mapping");
    }
    if (directory)
        closedir(directory);
}

/* lurk INODE: until it is killed, waits for other processes that run or map the file of this number, keeps hold of it,
 * and writes to it as soon as nobody runs it. It says "met …" for each file of another process that it gets hold of. */
int do_lurk(int count, char **args)
{
    ino_t wanted = strtoul(args[0], NULL, 10);
    char own[32];

    (void)count;
    snprintf(own, sizeof own, "%d", getpid());
    puts("ready");
    for (;;) {
        DIR *processes = opendir("/proc");
        struct dirent *entry;

        while (processes && (entry = readdir(processes)))
            if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && strcmp(entry->d_name, own))
                catch_files(entry->d_name, wanted);
        for (int i = caught_count - 1; i >= 0; i--) {
            int error = spoil(caught[i]);

            if (error == ETXTBSY)
                continue;
            puts(error ? error_name(error) : "spoiled");
            close(caught[i]);
            caught[i] = caught[--caught_count];
        }
        fflush(stdout);
        closedir(processes);
    }
}

/* Types a line at the terminal that it has as standard input, or controls it: ioctl_tty(2). */
static int type_at_terminal(char *line)
{
    int terminals[] = {0, open("/dev/tty", O_RDWR | O_CLOEXEC)}, error = 0;

    for (size_t i = 0; i < 2; i++) {
        ioctl(terminals[i], TIOCSCTTY, 0);
        for (char *at = line; *at && !(error = outcome(ioctl(terminals[i], TIOCSTI, at))); at++)
            ;
        if (!error)
            return outcome(ioctl(terminals[i], TIOCSTI, "\n"));
    }
    return error;
}

static const struct deed {
    const char *name;
    int (*run)(char *word); /* answers 0 or an errno */
} deeds[] = {
    {"read", read_it},          {"holds", holds},          {"rewrite", rewrite},
    {"create", create},         {"chmod", close_to_others}, {"walk-out", walk_out},
    {"disk", open_disk},        {"device", open_device},   {"mount", mount_on},
    {"unmount", take_away},     {"signal", signal_it},     {"shm", shared_memory},
    {"key", find_key},          {"uptime", uptime},        {"clock", set_clock},
    {"rename", rename_host},    {"port", loopback_port},   {"abstract", abstract_socket},
    {"capabilities", has_capabilities}, {"group", in_group}, {"unshare", new_user_namespace},
    {"suid", become_root},      {"files", open_files},     {"memory", take_memory},
    {"forks", make_processes},  {"calculate", calculate},  {"job", signal_job},
    {"mkdir", make_directory},
    {"tty", open_terminal},     {"type", type_at_terminal},
};

static int run_deed(char *words)
{
    char *word = strchr(words, ':');

    if (word)
        *word++ = '\0';
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
        if (!strcmp(deeds[i].name, words))
            return deeds[i].run(word);
    return EINVAL;
}

/* attack NAME=DEED[:WORD]...: each deed in a process of its own; tells the error by the name, "" if it could be done */
int do_attack(int count, char **args)
{
    signal(SIGUSR1, SIG_IGN); /* `job` is for the others */
    for (int i = 0; i < count; i++) {
        char *words = strchr(args[i], '=');
        int status = 0;
        pid_t child;

        *words++ = '\0';
        fflush(stdout);
        child = fork();
        if (child == 0)
            _exit(run_deed(words));
        waitpid(child, &status, 0);
        text(args[i], child < 0 ? "no child" : WIFSIGNALED(status) ? "killed" : error_name(WEXITSTATUS(status)));
    }
    return 0;
}
