/* The only file of its image: no shell, no libc.so, no /etc. It prints what there is to see from in there. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

static void print_directory(const char *path)
{
    struct dirent **found;
    int count = scandir(path, &found, NULL, alphasort);

    printf("%s:", path);
    for (int i = 0; i < count; i++)
        if (strcmp(found[i]->d_name, ".") && strcmp(found[i]->d_name, ".."))
            printf(" %s", found[i]->d_name);
    printf("\n");
}

/* proc(5): the lines of /proc/self/status that say what the process may. */
static void print_status(const char *name)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");

    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)))
            fputs(line, stdout);
    if (file)
        fclose(file);
}

int main(void)
{
    struct utsname name;
    struct rlimit files;

    uname(&name);
    getrlimit(RLIMIT_NOFILE, &files);
    printf("hello from %s\n", name.nodename);
    printf("pid %d of parent %d, uid %d, gid %d\n", getpid(), getppid(), getuid(), getgid());
    printf("at most %lu open files\n", (unsigned long)files.rlim_cur);
    print_directory("/");
    print_directory("/dev");
    print_directory("/sys/class/net");
    print_status("CapEff");
    print_status("NoNewPrivs");
    return 0;
}
