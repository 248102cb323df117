/* The program that the tests run inside a container. It tells what it sees there as one JSON object.
 *
 *     probe                    everything about itself and its surroundings (facts.c)
 *     probe fds                only the open file descriptors
 *     probe stat PATH...       what each path is; statfs PATH...: what its file system is
 *     probe read PATH...       and the other verbs of deeds.c: tries something and tells the error
 *     probe sleep              the verbs in the second table speak plain text, not JSON
 *
 * It is linked statically, because the tests' root file systems hold nothing else.
 */

#include "json.h"
#include "probe.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int do_fds(int count, char **args)
{
    (void)count, (void)args;
    tell_descriptors();
    return 0;
}

static int do_stat(int count, char **args)
{
    for (int i = 0; i < count; i++)
        tell_file(args[i]);
    return 0;
}

static int do_statfs(int count, char **args)
{
    for (int i = 0; i < count; i++)
        tell_statfs(args[i]);
    return 0;
}

struct verb {
    const char *name;
    int (*run)(int count, char **args);
    int least; /* how many words it needs */
};

static const struct verb with_json[] = {
    {"fds", do_fds, 0},     {"stat", do_stat, 1},   {"statfs", do_statfs, 1}, {"read", do_read, 1},
    {"write", do_write, 1}, {"open", do_open, 1},   {"list", do_list, 1},     {"mknod", do_mknod, 2},
    {"chmod", do_chmod, 2},
    {"exe", do_exe, 0},     {"loopback", do_loopback, 0}, {"call", do_call, 1},
    {"call32", do_call32, 1},
    {"attack", do_attack, 1},
    {NULL, NULL, 0},
};

static const struct verb with_text[] = {
    {"exit", do_exit, 0}, {"signal", do_signal, 0}, {"sleep", do_sleep, 0}, {"spin", do_spin, 0}, {"wait", do_wait, 0},
    {"cat", do_cat, 0},   {"say", do_say, 0},       {"flood", do_flood, 0}, {"notify", do_notify, 0},
    {"eat", do_eat, 1},   {"feed", do_feed, 2},     {"bomb", do_bomb, 0},   {"pulse", do_pulse, 2}, {"fill", do_fill, 3},
    {"am-root", do_am_root, 0}, {"seize", do_seize, 0}, {"hunt", do_hunt, 1},
    {"spoil", do_spoil, 0}, {"lurk", do_lurk, 1},
    {"dig", do_dig, 2},   {"spread", do_spread, 1}, {"riot", do_riot, 0},
    {NULL, NULL, 0},
};

static void tell_all(int argc, char **argv)
{
    tell_descriptors(); /* first, before the others open files */
    tell_arguments(argc, argv);
    tell_process();
    tell_user();
    tell_host_names();
    tell_namespaces();
    tell_capabilities();
    tell_security();
    tell_keyring();
    tell_rlimits();
    tell_scheduling();
    tell_signals();
    tell_terminal();
    tell_clocks();
    tell_proc_files();
    tell_devices();
    tell_interfaces();
}

static const struct verb *find(const struct verb *table, const char *name, int words)
{
    for (; table->name; table++)
        if (!strcmp(table->name, name) && words >= table->least)
            return table;
    return NULL;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "all";
    const struct verb *plain = find(with_text, name, argc - 2), *json = find(with_json, name, argc - 2);
    int status = 0;

    if (plain)
        return plain->run(argc - 2, argv + 2);
    open_object(NULL);
    if (json)
        status = json->run(argc - 2, argv + 2);
    else
        tell_all(argc, argv);
    close_object();
    putchar('\n');
    return status;
}
