/* What a container can do with the cgroups below its own, which are its own to make (cgroups(7)). They are at
 * /sys/fs/cgroup. */

#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONGEST = 255, DEEPEST = 20000, THAWERS = 4 };

static const char top[] = "/sys/fs/cgroup";

static int put(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int written = fd < 0 ? -1 : (int)write(fd, value, strlen(value));

    if (fd >= 0)
        close(fd);
    return written < 0 ? -1 : 0;
}

/* Says "ready" when a child is in the cgroup of this name, and waits with it. */
static int live_in(const char *cgroup)
{
    char path[LONGEST + 20];
    int told[2];
    char done = 0;

    snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
    if (pipe(told))
        return 1;
    if (fork() == 0) {
        done = put(path, "0") ? errno : 0;
        if (write(told[1], &done, 1) != 1)
            return 1;
        for (;;)
            pause();
    }
    if (read(told[0], &done, 1) != 1 || done)
        return 1;
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}

/* dig DEPTH LENGTH: cgroups below each other, with names of that length, and a process in the last */
int do_dig(int count, char **args)
{
    char name[LONGEST + 1] = {0};

    (void)count;
    memset(name, 'x', atol(args[1]));
    if (chdir(top))
        return 1;
    for (long left = atol(args[0]); left > 0; left--)
        if (mkdir(name, 0755) || chdir(name))
            return 1;
    return live_in(".");
}

/* spread COUNT: cgroups beside each other, and a process in the last */
int do_spread(int count, char **args)
{
    char name[LONGEST];

    (void)count;
    if (chdir(top))
        return 1;
    for (long number = atol(args[0]); number > 0; number--) {
        snprintf(name, sizeof name, "%ld", number);
        if (mkdir(name, 0755))
            return 1;
    }
    return live_in("1");
}

/* Never the same process for long. */
static void fork_for_ever(void)
{
    for (;;)
        if (fork() > 0)
            _exit(0);
}

/* Never in the same cgroup for long. */
static void move_for_ever(void)
{
    for (;;) {
        put("a/cgroup.procs", "0");
        put("b/cgroup.procs", "0");
    }
}

static void freeze_and_thaw_others(void)
{
    for (;;) {
        put("b/cgroup.freeze", "1");
        mkdir("c", 0755);
        put("b/cgroup.freeze", "0");
        rmdir("c");
    }
}

/* The container's own: that takes the right to write to files of root's (CAP_DAC_OVERRIDE). */
static void thaw_for_ever(void)
{
    for (;;)
        put("cgroup.freeze", "0");
}

static void dig_for_ever(void)
{
    for (int depth = 0; depth < DEEPEST && !mkdir("x", 0755) && !chdir("x"); depth++)
        put("cgroup.procs", "0");
    for (;;)
        pause();
}

/* riot: all of that at once, deaf to SIGUSR1 */
int do_riot(int count, char **args)
{
    void (*const deeds[])(void) = {fork_for_ever, fork_for_ever, move_for_ever, freeze_and_thaw_others, dig_for_ever};

    (void)count, (void)args;
    signal(SIGUSR1, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    if (chdir(top) || mkdir("a", 0755) || mkdir("b", 0755))
        return 1;
    for (unsigned i = 0; i < sizeof deeds / sizeof *deeds; i++)
        if (fork() == 0)
            deeds[i]();
    for (int i = 0; i < THAWERS; i++)
        if (fork() == 0)
            thaw_for_ever();
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
