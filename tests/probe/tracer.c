/* Taking over processes that come into the container, as ptrace(2) lets whoever has CAP_SYS_PTRACE. */

#define _GNU_SOURCE
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIDS = 1 << 16 };

static void tell_line(pid_t pid, const char *prefix)
{
    char path[64], line[256];
    FILE *status;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    if (!(status = fopen(path, "r")))
        return;
    while (fgets(line, sizeof line, status))
        if (!strncmp(line, prefix, strlen(prefix)))
            printf("%d %s", pid, line);
    fclose(status);
}

static void tell_files(pid_t pid)
{
    char path[64], target[4096];
    struct dirent *entry;
    DIR *files;

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    if (!(files = opendir(path)))
        return;
    while ((entry = readdir(files))) {
        ssize_t length = readlinkat(dirfd(files), entry->d_name, target, sizeof target - 1);
        if (length > 0)
            printf("%d fd %s %.*s\n", pid, entry->d_name, (int)length, target);
    }
    closedir(files);
}

/* Stops the process, looks, and lets it go on. */
static int take_over(pid_t pid)
{
    int status;

    if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
        return errno == EPERM;
    ptrace(PTRACE_INTERRUPT, pid, 0, 0);
    waitpid(pid, &status, __WALL);
    tell_line(pid, "Name:");
    tell_line(pid, "CapPrm:");
    tell_files(pid);
    ptrace(PTRACE_DETACH, pid, 0, 0);
    return 1;
}

/* seize: says "ready", then takes over every process that comes, once, as soon as it can be seen */
int do_seize(int count, char **args)
{
    static char seen[PIDS];

    (void)count, (void)args;
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("ready");
    for (pid_t pid = getpid() + 1;; pid = pid - getpid() < 400 ? pid + 1 : getpid() + 1)
        if (!seen[pid % PIDS])
            seen[pid % PIDS] = take_over(pid);
}
