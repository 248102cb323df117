/* The probe's parts. facts.c looks, deeds.c tries, tracer.c takes over, hogs.c uses up, cgroups.c divides; probe.c
 * chooses between them. */

#ifndef PROBE_H
#define PROBE_H

/* Looking. Each function adds its topic's members to the object that is open. */
void tell_process(void);
void tell_arguments(int argc, char **argv);
void tell_user(void);
void tell_host_names(void);
void tell_namespaces(void);
void tell_capabilities(void);
void tell_security(void);
void tell_keyring(void);
void tell_rlimits(void);
void tell_scheduling(void);
void tell_signals(void);
void tell_descriptors(void);
void tell_terminal(void);
void tell_clocks(void);
void tell_proc_files(void);
void tell_devices(void);
void tell_interfaces(void);
void tell_file(const char *path);
void tell_statfs(const char *path);
void tell_text_of(const char *key, const char *path);

/* Trying. `args` are the words after the verb; the answer is the exit status. */
int do_seize(int count, char **args);
int do_read(int count, char **args);
int do_write(int count, char **args);
int do_open(int count, char **args);
int do_list(int count, char **args);
int do_mknod(int count, char **args);
int do_chmod(int count, char **args);
int do_exe(int count, char **args);
int do_call(int count, char **args);
int do_call32(int count, char **args);
int do_loopback(int count, char **args);
int do_exit(int count, char **args);
int do_signal(int count, char **args);
int do_spin(int count, char **args);
int do_sleep(int count, char **args);
int do_wait(int count, char **args);
int do_cat(int count, char **args);
int do_say(int count, char **args);
int do_flood(int count, char **args);
int do_notify(int count, char **args);

/* Using up what a limit is for. */
int do_eat(int count, char **args);
int do_feed(int count, char **args);
int do_bomb(int count, char **args);
int do_pulse(int count, char **args);
int do_fill(int count, char **args);

/* Living in cgroups of one's own (cgroups.c). */
int do_dig(int count, char **args);
int do_spread(int count, char **args);
int do_riot(int count, char **args);

/* Getting at the host (escapes.c). */
int do_attack(int count, char **args);
int do_am_root(int count, char **args);
int do_hunt(int count, char **args);
int do_spoil(int count, char **args);
int do_lurk(int count, char **args);

/* The name of an error such as "ENOENT"; "" for 0. */
const char *error_name(int error);

#endif
