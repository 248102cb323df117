/* What the tests have the probe use up, for a limit to stop it: memory, processor time, processes, the disk. */

#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, HUGE_PAGE = 2 * MIB };

/* eat MIB [huge]: memory, each page touched; says "ready" when it has it, and keeps it. `huge` takes pages of 2 MiB. */
int do_eat(int count, char **args)
{
    size_t size = atol(args[0]) * (size_t)MIB;
    int huge = count > 1 && !strcmp(args[1], "huge");
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : 0), -1, 0);

    if (memory == MAP_FAILED) {
        printf("%s\n", error_name(errno));
        return 0;
    }
    for (size_t at = 0; at < size; at += huge ? HUGE_PAGE : 4096)
        memory[at] = 1;
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}

/* feed MIB STATUS: a child that eats until it is killed; then ends with STATUS itself */
int do_feed(int count, char **args)
{
    pid_t child = fork();

    (void)count;
    if (child == 0)
        return do_eat(1, args);
    waitpid(child, NULL, 0);
    return atoi(args[1]);
}

/* bomb: forks until the kernel refuses, says how many there are, and waits with them */
int do_bomb(int count, char **args)
{
    long children = 0;
    pid_t child;

    (void)count, (void)args;
    while ((child = fork()) > 0)
        children++;
    if (child < 0) {
        printf("ready\n%ld %s\n", children, error_name(errno));
        fflush(stdout);
    }
    for (;;)
        pause();
}

/* pulse BUSY IDLE: milliseconds of each in turn, without end */
int do_pulse(int count, char **args)
{
    long busy = atol(args[0]) * 1000000, idle = atol(args[1]) * 1000000;
    struct timespec rest = {idle / 1000000000, idle % 1000000000}, start, now;

    (void)count;
    puts("ready");
    fflush(stdout);
    for (;;) {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
        do
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < busy);
        nanosleep(&rest, NULL);
    }
}

/* fill PATH MIB direct|cached: writes a file, past the page cache or through it; says "ready", then how many
 * milliseconds that took, and waits. */
int do_fill(int count, char **args)
{
    int direct = !strcmp(args[2], "direct") ? O_DIRECT : 0;
    int fd = open(args[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | direct, 0600);
    void *block = NULL;
    struct timespec start, now;

    (void)count;
    if (fd < 0 || posix_memalign(&block, 4096, MIB))
        return 1;
    memset(block, 'x', MIB);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long left = atol(args[1]); left > 0; left--)
        if (write(fd, block, MIB) != MIB)
            return 1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("ready\n%ld\n", (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000);
    fflush(stdout);
    for (;;)
        pause();
}
