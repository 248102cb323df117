/* What the tests have the probe try: each verb does one thing and tells the error that the kernel answered with. */

#define _GNU_SOURCE
#include "json.h"
#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

/* The name of the error of opening `path` with `flags`; "" if it can be opened. */
static const char *opening(const char *path, int flags)
{
    /* O_NONBLOCK: a FIFO without a reader or a modem line must not stop the probe. */
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return error_name(errno);
    close(fd);
    return "";
}

/* ---- files */

/* read PATH...: each path's text, at most 64 KiB of it */
int do_read(int count, char **args)
{
    static char content[65536];

    for (int i = 0; i < count; i++) {
        int fd = open(args[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        ssize_t length = fd < 0 ? -1 : read(fd, content, sizeof content - 1);

        open_object(args[i]);
        text("error", length < 0 ? error_name(errno) : "");
        content[length < 0 ? 0 : length] = '\0';
        text("text", content);
        close_object();
        if (fd >= 0)
            close(fd);
    }
    return 0;
}

/* write PATH TEXT: makes the file if need be */
int do_write(int count, char **args)
{
    int fd = open(args[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    const char *wanted = count > 1 ? args[1] : "";
    ssize_t length = fd < 0 ? -1 : write(fd, wanted, strlen(wanted));

    open_object(args[0]);
    text("error", length < 0 ? error_name(errno) : "");
    close_object();
    return 0;
}

/* open PATH...: may it be opened for reading, for writing? */
int do_open(int count, char **args)
{
    for (int i = 0; i < count; i++) {
        open_object(args[i]);
        text("read", opening(args[i], O_RDONLY));
        text("write", opening(args[i], O_WRONLY));
        close_object();
    }
    return 0;
}

/* list PATH...: the names in each directory */
int do_list(int count, char **args)
{
    for (int i = 0; i < count; i++) {
        DIR *directory = opendir(args[i]);
        struct dirent *entry;

        open_array(args[i]);
        while (directory && (entry = readdir(directory)))
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
                text(NULL, entry->d_name);
        close_array();
        if (directory)
            closedir(directory);
    }
    return 0;
}

/* mknod PATH c|b|p MAJOR MINOR: makes the node, tries to open it, takes it away again */
int do_mknod(int count, char **args)
{
    mode_t type = args[1][0] == 'c' ? S_IFCHR : args[1][0] == 'b' ? S_IFBLK : S_IFIFO;
    dev_t device = count > 3 ? makedev(atoi(args[2]), atoi(args[3])) : 0;
    int failed = mknod(args[0], type | 0600, device) < 0;

    text("mknod", failed ? error_name(errno) : "");
    if (!failed) {
        text("read", opening(args[0], O_RDONLY));
        text("write", opening(args[0], O_WRONLY));
        unlink(args[0]);
    }
    return 0;
}

/* chmod PATH MODE: the mode in octal */
int do_chmod(int count, char **args)
{
    (void)count;
    text("chmod", chmod(args[0], strtol(args[1], NULL, 8)) < 0 ? error_name(errno) : "");
    return 0;
}

/* The kernel looks for a running program (ETXTBSY) before it looks at the mount (EROFS), so the error alone does not
 * tell whether the file is safe once nobody runs it: whether its mount is read-only, or its memory sealed, does. */
static void tell_protection(const char *path)
{
    struct statfs mount = {0};
    struct stat file = {0};
    int fd;

    open_object(path);
    text("write", opening(path, O_RDWR));
    if (stat(path, &file) == 0)
        unsigned_number("inode", file.st_ino);
    statfs(path, &mount);
    boolean("readonly", mount.f_flags & ST_RDONLY);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    boolean("sealed", fd >= 0 && fcntl(fd, F_GET_SEALS) > 0 && fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE);
    close_object();
    if (fd >= 0)
        close(fd);
}

/* exe: may the program files of this process and of the container's first one be written to (CVE-2019-5736)? And the
 * file behind descriptor 9, which impostor.c leaves there? */
int do_exe(int count, char **args)
{
    (void)count, (void)args;
    tell_protection("/proc/self/exe");
    tell_protection("/proc/1/exe");
    tell_protection("/proc/self/fd/9");
    return 0;
}

/* ---- system calls */

/* call NUMBER[:ARGUMENT...]...: makes these system calls as they stand, and tells what the kernel answered */
int do_call(int count, char **args)
{
    for (int i = 0; i < count; i++) {
        unsigned long word[7] = {0}; /* the number and six arguments */
        char *at = args[i];
        long result;

        for (int k = 0; k < 7; k++) {
            word[k] = strtoul(at, &at, 0);
            if (*at++ != ':')
                break;
        }
        result = syscall(word[0], word[1], word[2], word[3], word[4], word[5], word[6]);
        open_object(args[i]);
        text("error", result < 0 ? error_name(errno) : "");
        number("result", result);
        close_object();
    }
    return 0;
}

/* call32 NUMBER...: makes the system calls of i386 with these numbers, without arguments */
int do_call32(int count, char **args)
{
    for (int i = 0; i < count; i++) {
        long result = -ENOSYS;

#if defined(__x86_64__) || defined(__i386__)
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(strtoul(args[i], NULL, 0)), "b"(0) : "memory");
#endif
        open_object(args[i]);
        text("error", result < 0 ? error_name(-(int)result) : "");
        close_object();
    }
    return 0;
}

/* ---- network */

/* loopback: does 127.0.0.1 answer? A TCP connection to a listener of our own. */
int do_loopback(int count, char **args)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    int answers = bind(server, (struct sockaddr *)&address, length) == 0 && listen(server, 1) == 0 &&
                  getsockname(server, (struct sockaddr *)&address, &length) == 0 &&
                  connect(client, (struct sockaddr *)&address, length) == 0;

    (void)count, (void)args;
    text("error", answers ? "" : error_name(errno));
    return 0;
}

/* ---- ends */

int do_exit(int count, char **args)
{
    return count ? atoi(args[0]) : 0;
}

/* signal N: sends itself signal N. It only dies of it outside of a PID namespace of its own: a namespace's first
 * process gets no signal from within that it has no handler for (pid_namespaces(7)). */
int do_signal(int count, char **args)
{
    int wanted = count ? atoi(args[0]) : SIGKILL;

    fflush(stdout);
    signal(wanted, SIG_DFL);
    kill(getpid(), wanted);
    return 99; /* only reached by a process that the signal can't kill */
}

/* ---- waiting */

int do_spin(int count, char **args)
{
    (void)count, (void)args;
    for (;;)
        __asm__ volatile("");
}

int do_sleep(int count, char **args)
{
    (void)count, (void)args;
    printf("ready\n");
    fflush(stdout);
    for (;;)
        pause();
}

static void say_name(int number)
{
    printf("SIG%s\n", sigabbrev_np(number) ? sigabbrev_np(number) : "RT");
    fflush(stdout);
}

/* wait: prints "ready", then the name of every signal that arrives; ends with SIGTERM */
int do_wait(int count, char **args)
{
    sigset_t all;
    int number;

    (void)count, (void)args;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        sigwait(&all, &number);
        say_name(number);
        if (number == SIGTERM)
            return 0;
    }
}

/* ---- input and output */

/* cat: standard input to standard output until its end, then how many bytes they were to standard error */
int do_cat(int count, char **args)
{
    char content[4096];
    ssize_t length;
    long total = 0;

    (void)count, (void)args;
    while ((length = read(0, content, sizeof content)) > 0) {
        if (write(1, content, length) != length)
            return 1;
        total += length;
    }
    fprintf(stderr, "%ld bytes\n", total);
    return 0;
}

/* say OUT ERR: one text to standard output, one to standard error */
int do_say(int count, char **args)
{
    fprintf(stdout, "%s", count > 0 ? args[0] : "");
    fprintf(stderr, "%s", count > 1 ? args[1] : "");
    return 0;
}

/* flood N: N bytes of lines that count themselves, so that a lost or doubled one shows */
int do_flood(int count, char **args)
{
    long wanted = count ? atol(args[0]) : 1000000;

    for (long line = 0; line * 16 < wanted; line++)
        printf("%015ld\n", line);
    return 0;
}

/* A message with a descriptor to $NOTIFY_SOCKET, as sd_notify_barrier(3) sends it; without one, if it is negative. */
static int send_news(const char *message, int descriptor)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char control[CMSG_SPACE(sizeof descriptor)] = {0};
    struct iovec content = {(char *)message, strlen(message)};
    struct msghdr header = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &content, .msg_iovlen = 1};
    struct cmsghdr *rights;
    int end = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

    strncpy(address.sun_path, getenv("NOTIFY_SOCKET") ? getenv("NOTIFY_SOCKET") : "", sizeof address.sun_path - 1);
    if (descriptor >= 0) {
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof descriptor);
        memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
    }
    result = sendmsg(end, &header, 0) < 0 ? errno : 0;
    close(end);
    return result;
}

/* Sends a barrier, and says whether it was answered within five seconds: the other side closes the descriptor. */
static const char *barrier(void)
{
    int ends[2];
    struct pollfd hung_up = {0};

    if (pipe(ends) < 0)
        return "no pipe";
    if (send_news("BARRIER=1", ends[1]))
        return "not sent";
    close(ends[1]);
    hung_up.fd = ends[0];
    return poll(&hung_up, 1, 5000) == 1 ? "answered" : "not answered";
}

/* notify MESSAGE...: news to $NOTIFY_SOCKET, each told on a line with the error. `barrier`, `wait` (for SIGUSR1) and
 * `exit` are no messages. */
int do_notify(int count, char **args)
{
    sigset_t awaited;
    int number;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGUSR1);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    printf("ready\n");
    for (int i = 0; i < count; i++) {
        fflush(stdout);
        if (!strcmp(args[i], "exit"))
            return 0;
        if (!strcmp(args[i], "wait"))
            sigwait(&awaited, &number);
        else if (!strcmp(args[i], "barrier"))
            printf("%s\n", barrier());
        else
            printf("%s: %s\n", args[i], error_name(send_news(args[i], -1)));
    }
    fflush(stdout);
    for (;;)
        pause();
}
