"""The failures that have been looked into. A case that fails for its reason here does not fail the run.

The reason says what the runtime does. `until` is the first version from which on none is known to do it, and `source`
says how we know: a pull request of the runtime that its release notes have in that version, the notes themselves
("NEWS"), or this suite, which was run on it ("tried": the versions between may follow the spec as well). Without one,
no version is known to follow the spec. `since` is for what older versions do not do. Where a case passes that should
fail, the table shows it, and its line can go from here. A name without its brackets stands for all of a case's values.
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    reason: str
    until: str | None = None
    source: str = ""
    since: str | None = None
    sometimes: bool = False  # a race that the runtime may win

    def holds_for(self, version: str) -> bool:
        begun = self.since is None or numbers(self.since) <= numbers(version)
        return begun and (self.until is None or numbers(version) < numbers(self.until))

    def __str__(self) -> str:
        since = f"since {self.since}" if self.since else ""
        until = f"until {self.until}" if self.until else ""
        when = ", ".join(filter(None, (since, until, self.source)))
        return f"{self.reason} ({when})" if when else self.reason


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


UNCHECKED_VERSION = Known("does not look at ociVersion")
UNCHECKED_KEYS = Known("does not look at the keys of annotations")
DUPLICATES = Known("does not look for duplicates, and the last one wins")
UMASK = Known("sets 0022 where config.json says nothing")
RELATIVE = Known("does not look whether the path is absolute")
EXISTING_DEVICE = Known("takes whatever stands at the path, because mknod(2)'s EEXIST counts as success")
MAKING_NODES = Known(
    "adds rules after those of config.json that let the container make any node, as engines have come to expect; "
    "what is made can't be opened"
)
NO_NODE_TO_BIND = Known(
    "binds the host's node of the same path instead of mknod(2), and the host has none at this path"
)
NO_OWNER = Known("leaves the cgroup to root, unless systemd makes it")
NEWER = "a property that this version does not know yet, and so ignores, as the spec demands of unknown ones"
TRIED = "tried"
IGNORED_ERRNO = Known("ignores an errno that the action has no use for")
NO_NAMES = Known("takes a rule without names for no rule")
KEPT = "keeps the connection as long as the container runs"
METADATA = Known("looks at it only together with a listener")
MISSING_IS_ZERO = Known("takes a number that is missing for 0")

DELETES_CREATED = Known("ends and deletes it, since engines delete what they never started")
UNHEARD = Known("`start` does not hear of the failure: the container ends, and is left to `delete`")
NO_PROCESS = Known("refuses it at `create` already")
EARLY = Known("runs poststart hooks at the end of `create`, before the program has begun", "1.6.0", "#5186")
EARLY_AND_LEFT = Known("runs poststart hooks in `create`; from 1.6.0 on in `start`, but without going on to delete")
SCHEDULING = Known(NEWER, "1.2.0", "#4025")
IO_PRIORITY = Known(NEWER, "1.2.0", "#3783")
PERSONALITY = Known(NEWER, "1.2.0", "#4082")
TIME = Known("time namespaces are newer", "1.2.0", "#3876")
MAPPED = Known(NEWER, "1.2.0", "#3717")
IDMAP = Known("takes the option for data, which a bind mount has no use for", "1.2.0", "#3985")
CLEARED = "calls mount(2) a second time only if an option sets something, so that the source's flags stay"
ACCESS_TIMES = Known("does not clear the flags of access times")
WHOLE_ATIME = "clears one bit of what is a number: mount_setattr(2) wants all of MOUNT_ATTR__ATIME in attr_clr"
MEMORY_POLICY = Known(NEWER, "1.4.0", "#4726")
NETWORK_DEVICES = Known(NEWER, "1.4.0", "#4538")
EARLIER_START = "`start` does not wait for startContainer hooks"

RUNC = {
    "a_required_property_is_missing[user.uid]": MISSING_IS_ZERO,
    "a_required_property_is_missing[user.gid]": MISSING_IS_ZERO,
    "a_required_property_is_missing[rlimits.soft]": MISSING_IS_ZERO,
    "a_required_property_is_missing[rlimits.hard]": MISSING_IS_ZERO,
    "a_required_property_is_missing[scheduler.policy]": SCHEDULING,
    "a_required_property_is_missing[ioPriority.class]": IO_PRIORITY,
    "a_required_property_is_missing[uidMappings.containerID]": MISSING_IS_ZERO,
    "a_required_property_is_missing[uidMappings.hostID]": MISSING_IS_ZERO,
    "a_required_property_is_missing[personality.domain]": PERSONALITY,
    "a_required_property_is_missing[memoryPolicy.mode]": MEMORY_POLICY,
    "a_required_property_is_missing[syscalls.args.index]": MISSING_IS_ZERO,
    "a_required_property_is_missing[syscalls.args.value]": MISSING_IS_ZERO,
    "oci_version_is_missing": UNCHECKED_VERSION,
    "oci_version_is_no_version": UNCHECKED_VERSION,
    "oci_version_of_another_major_version": UNCHECKED_VERSION,
    "an_annotation_with_an_empty_key": UNCHECKED_KEYS,
    "there_are_no_mounts": Known(
        "looks for its descriptors in the container's /proc, and without mounts there is none"
    ),
    "only_one_of_a_mounts_mappings": MAPPED,
    "the_mappings_of_a_mount": MAPPED,
    "a_mount_mapped_by_the_user_namespace": IDMAP,
    "a_mapped_mount_without_mappings": IDMAP,
    "options_cleared_on_a_bind_mount": Known(CLEARED, "1.2.0", "#3967"),
    "options_cleared_on_a_bind_mount[noatime]": ACCESS_TIMES,
    "options_cleared_on_a_bind_mount[nodiratime]": ACCESS_TIMES,
    "options_that_do_not_show[defaults]": Known("hands the word on to the file system, which does not know it"),
    "recursive_options_cleared[ratime]": Known(WHOLE_ATIME, "1.4.1", "#5098"),
    "recursive_options_of_access_times[rnostrictatime]": Known(WHOLE_ATIME, "1.4.1", "#5098"),
    "rootfs_propagation_shared": Known("sets it before the root is bound, which undoes it", "1.3.1", "#4724"),
    "rootfs_propagation_unbindable": Known(
        "sets it before the root is bound, which the kernel then refuses", "1.3.1", "#4724"
    ),
    "rootfs_propagation_slave": Known(
        "the root is private already when it is made a slave, so it gets no events", source=TRIED, since="1.1.15"
    ),
    "console_size_is_set": Known("sets the size when the program may have started already", sometimes=True),
    "a_type_of_rlimit_twice": DUPLICATES,
    "a_capability_that_the_runtime_lacks_is_no_error": Known("asks the kernel for it, and fails"),
    "the_scheduling_policy[SCHED_BATCH]": SCHEDULING,
    "the_scheduling_policy[SCHED_IDLE]": SCHEDULING,
    "a_real_time_policy": SCHEDULING,
    "the_nice_value": SCHEDULING,
    "the_nice_value_is_not_set": SCHEDULING,
    "a_scheduling_flag": SCHEDULING,
    "a_deadline": SCHEDULING,
    "a_flag_of_a_deadline": SCHEDULING,
    "scheduling_that_does_not_exist": SCHEDULING,
    "the_io_priority": IO_PRIORITY,
    "an_io_priority_out_of_range": IO_PRIORITY,
    "an_io_class_that_does_not_exist": IO_PRIORITY,
    "the_umask_is_not_set": UMASK,
    "the_domainname": Known(NEWER, "1.2.0", "#3600"),
    "a_new_namespace[time]": TIME,
    "a_namespace_is_joined[time]": TIME,
    "a_namespace_is_joined[user]": Known(
        "wants mappings in config.json even for a namespace that has its own", "1.1.11", "#4124"
    ),
    "the_clocks_have_an_offset": TIME,
    "a_time_offset_without_seconds": TIME,
    "a_device_in_a_user_namespace_at_a_path_of_its_own": NO_NODE_TO_BIND,
    "a_device_where_something_else_is": EXISTING_DEVICE,
    "a_device_without_numbers": MISSING_IS_ZERO,
    "a_device_without_a_path": Known("takes a missing path for the root directory, which exists already"),
    "a_rule_that_denies_making_nodes": MAKING_NODES,
    "the_owner_of_a_cgroup_that_is_mounted_for_writing": NO_OWNER,
    "the_owner_of_a_cgroup_without_a_cgroup_namespace": Known(
        "can't mount a cgroup file system in a user namespace without a cgroup namespace", "1.3.6", TRIED
    ),
    "an_entry_for_a_disk_without_a_weight": Known("takes a weight that is missing for one that is not set"),
    "cpu_burst": Known(NEWER, "1.2.0", "#3749"),
    "cpu_idle": Known(NEWER, "1.2.0", "#3377"),
    "a_limit_of_huge_pages": Known("limits what is used, not what is reserved", "1.1.10", "#4077"),
    "a_limit_of_no_pids": Known("takes 0 for a value that is not set", "1.4.0", "#4949"),
    "a_limit_that_version_2_does_not_have": Known("ignores what it can't convert"),
    "the_personality": PERSONALITY,
    "a_personality_that_does_not_exist": PERSONALITY,
    "a_flag_of_the_personality": Known("ignores the flags; newer versions say so"),
    "a_memory_policy_that_does_not_exist": MEMORY_POLICY,
    "a_default_errno_for_an_action_that_has_none": IGNORED_ERRNO,
    "an_errno_for_an_action_that_has_none": IGNORED_ERRNO,
    "a_rule_without_names": NO_NAMES,
    "a_flag_of_the_filter": Known("refuses any flags", "1.2.0", "#3588"),
    "a_flag_of_the_listener": Known("does not know the flag", "1.4.1", "#5172"),
    "every_architecture_is_known": Known("does not know RISC-V yet", "1.1.8", "#3905"),
    "the_connection_is_closed": Known(KEPT, "1.3.1", "#4796"),
    "metadata_without_a_listener": METADATA,
    "a_memory_policy_without_its_nodes": MEMORY_POLICY,
    "the_memory_policy": MEMORY_POLICY,
    "a_memory_policy_that_needs_no_nodes[MPOL_LOCAL]": MEMORY_POLICY,
    "a_memory_policy_of_several_preferred_nodes": MEMORY_POLICY,
    "a_memory_policy_with_weights": MEMORY_POLICY,
    "a_flag_of_the_memory_policy": MEMORY_POLICY,
    "a_memory_policy_that_makes_no_sense": MEMORY_POLICY,
    "a_network_device": NETWORK_DEVICES,
    "a_network_device_is_up": NETWORK_DEVICES,
    "the_addresses_of_a_network_device_stay": NETWORK_DEVICES,
    "a_name_that_no_network_device_can_have": NETWORK_DEVICES,
    "a_network_device_whose_name_is_taken": NETWORK_DEVICES,
    "a_template_for_a_network_device": NETWORK_DEVICES,
    "a_network_device_that_does_not_exist": NETWORK_DEVICES,
    "a_masked_path_that_is_relative": RELATIVE,
    "a_readonly_path_that_is_relative": RELATIVE,
    "a_rule_that_makes_no_sense[access]": Known(
        "does not look at it; the kernel's own file of version 1 does, an eBPF filter of version 2 lets it pass",
        sometimes=True,
    ),
    "process_is_missing_until_start": NO_PROCESS,
    "hooks_that_are_part_of_start": Known(EARLIER_START, source=TRIED, since="1.3.6", sometimes=True),
    "hooks_that_end_start": EARLY,
    "the_program_runs_already": EARLY,
    "the_program_runs_already_after_a_slow_beginning": EARLY,
    "later_hooks_are_told_the_status[running]": EARLY,
    "a_failed_hook_is_an_error[poststart]": EARLY,
    "a_failed_hook_stops_the_container[poststart]": EARLY,
    "a_failed_hook_leads_to_the_destruction[poststart]": EARLY_AND_LEFT,
    "a_failed_hook_leads_to_poststop[poststart]": EARLY_AND_LEFT,
    "a_failed_hook_is_an_error[startContainer]": UNHEARD,
    "a_failed_hook_leads_to_the_destruction[startContainer]": UNHEARD,
    "a_failed_hook_leads_to_poststop[startContainer]": UNHEARD,
    "timeout_of_a_hook_is_not_above_zero": Known(
        "does not look at it: the time is up at once, but a quick hook may end sooner", sometimes=True
    ),
    "a_failed_poststop_hook_is_no_error": Known("makes it an error of `delete`", source=TRIED, since="1.3.6"),
    "the_hooks_after_a_failed_poststop_hook_run": Known("stops at the first poststop hook that fails"),
    "delete_of_a_created_container": DELETES_CREATED,
    "of_two_creates_at_once_one_wins": Known(
        "looks for the id before it takes it, and what loses the race deletes the winner's books", sometimes=True
    ),
    "of_two_starts_at_once_one_wins": Known(
        "both open the FIFO on which the program waits; the later one waits there for the program's end", sometimes=True
    ),
}

WRONG_TYPE = Known("takes a value of the wrong type for one that is not set")
UNTAKEN = Known("an option that clears takes nothing back that an earlier one has set")
OPTION = "hands the option on to the file system, which does not know it"
ALL_PRIVATE = Known("makes all mounts private in the end, if rootfsPropagation does not say otherwise")
SETATTR = Known("calls mount_setattr(2) with attributes that the kernel refuses, or that leave the mounts as they were")
OWNER = Known("makes the root of the user namespace the owner of every cgroup, whoever the process runs as")
CREATED = Known("tells hooks `created` while it creates")
SHORT_VERSION = Known("tells hooks the version 1.0, which is none of semver.org")
NO_PID = Known("tells hooks in the container the pid 0")
NO_POSTSTOP = Known("takes back what it has made, without poststop hooks")
IGNORED = Known("goes on, as versions of the spec before 1.3 had it for poststart hooks", "1.28", TRIED)
BROKEN_PIPE = Known("is ended by SIGPIPE when it writes the state to a hook that does not read it")

LEFT_CGROUP = Known("does not always remove the cgroup of a container that fails", sometimes=True)
CACHED = Known(
    "may take from its cache a filter that differs in the errno only", source=TRIED, since="1.21", sometimes=True
)
NO_TIME = "its first process does not survive a time namespace"
NEW_TIME = Known(NO_TIME, "1.21", TRIED)
OF_SCHEDULING = Known(NEWER, "1.8.5", "NEWS")
DEADLINE = Known("does not know the policy, or can't reset the affinity of a process with a deadline", "1.28", TRIED)
OF_IO_PRIORITY = Known(NEWER, "1.8.6", "NEWS")
OF_MEMORY_POLICY = Known(NEWER, "1.28", TRIED)
OF_NETWORK_DEVICES = Known(NEWER, "1.22", "#1750")
DEVICE_NAME = Known("does not know network devices; from 1.22 on, takes a missing name or a template for a name")
UNCHECKED_SINCE = Known("does not look at ociVersion any more", source="NEWS", since="1.14.2")

CRUN = {
    "a_new_namespace[time]": NEW_TIME,
    "a_namespace_is_joined[time]": Known(NO_TIME),
    "the_clocks_have_an_offset": NEW_TIME,
    "a_clock_that_does_not_exist": Known("looks at the clocks that it knows only", source=TRIED, since="1.21"),
    "a_time_offset_without_seconds": NEW_TIME,
    "the_owner_of_a_cgroup_without_a_cgroup_namespace": OWNER,
    "a_required_property_is_missing[user.uid]": MISSING_IS_ZERO,
    "a_required_property_is_missing[user.gid]": MISSING_IS_ZERO,
    "a_required_property_is_missing[rlimits.soft]": MISSING_IS_ZERO,
    "a_required_property_is_missing[rlimits.hard]": MISSING_IS_ZERO,
    "a_required_property_is_missing[scheduler.policy]": OF_SCHEDULING,
    "a_required_property_is_missing[ioPriority.class]": OF_IO_PRIORITY,
    "a_required_property_is_missing[uidMappings.containerID]": MISSING_IS_ZERO,
    "a_required_property_is_missing[uidMappings.hostID]": MISSING_IS_ZERO,
    "a_required_property_is_missing[memoryPolicy.mode]": OF_MEMORY_POLICY,
    "a_required_property_is_missing[syscalls.args.index]": MISSING_IS_ZERO,
    "a_required_property_is_missing[syscalls.args.value]": MISSING_IS_ZERO,
    "the_linux_object_is_missing": Known("says that the block `linux` is missing"),
    "a_value_of_the_wrong_type[process.env]": WRONG_TYPE,
    "a_value_of_the_wrong_type[root.readonly]": WRONG_TYPE,
    "a_value_of_the_wrong_type[linux.namespaces]": WRONG_TYPE,
    "a_value_of_the_wrong_type[linux.sysctl]": WRONG_TYPE,
    "oci_version_is_no_version": UNCHECKED_SINCE,
    "oci_version_of_another_major_version": UNCHECKED_SINCE,
    "an_annotation_with_an_empty_key": UNCHECKED_KEYS,
    "there_are_no_mounts": Known("says that the block `mounts` is missing"),
    "a_mapped_mount_without_mappings[ridmap]": Known("ridmap is newer", "1.9", "NEWS"),
    "options_of_a_new_mount": UNTAKEN,
    "options_cleared_of_the_file_system_itself[async]": UNTAKEN,
    "options_cleared_on_a_bind_mount[noatime]": Known("does not clear the flags of access times"),
    "options_cleared_on_a_bind_mount[nodiratime]": Known("does not clear the flags of access times"),
    "options_that_do_not_show[silent]": Known(OPTION),
    "options_that_do_not_show[loud]": Known(OPTION),
    "options_that_do_not_show[noiversion]": Known(OPTION),
    "option_iversion": Known(OPTION),
    "option_relatime[nostrictatime]": UNTAKEN,
    "option_nosymfollow": Known(OPTION),
    "recursive_options_set[rnodiratime]": SETATTR,
    "recursive_options_set[rnosymfollow]": SETATTR,
    "recursive_options_set[rnoatime]": SETATTR,
    "recursive_options_cleared[rdiratime]": SETATTR,
    "recursive_options_cleared[rsymfollow]": SETATTR,
    "recursive_options_cleared[ratime]": SETATTR,
    "recursive_options_of_access_times[rrelatime]": SETATTR,
    "recursive_options_of_access_times[rnostrictatime]": SETATTR,
    "recursive_options_of_access_times[rstrictatime]": SETATTR,
    "propagation_of_a_mount[shared]": ALL_PRIVATE,
    "propagation_of_a_mount[unbindable]": ALL_PRIVATE,
    "propagation_of_a_mount_slave": ALL_PRIVATE,
    "recursive_propagation_of_mounts[shared]": ALL_PRIVATE,
    "recursive_propagation_of_mounts[unbindable]": ALL_PRIVATE,
    "recursive_propagation_of_mounts_slave": ALL_PRIVATE,
    "rootfs_propagation_slave": Known("the root is private already when it is made a slave, so it gets no events"),
    "rootfs_propagation_of_another_kind": Known("takes an unknown value for one that is not set"),
    "cwd_is_relative": RELATIVE,
    "a_type_of_rlimit_twice": DUPLICATES,
    "oom_score_adj_is_set[0]": Known("takes 0 for a value that is not set", "1.9", "NEWS", sometimes=True),
    "an_unknown_capability_is_warned_of": Known("ignores it in silence"),
    "a_capability_that_the_runtime_lacks_is_no_error": Known("asks the kernel for it, and fails"),
    "the_scheduling_policy[SCHED_BATCH]": OF_SCHEDULING,
    "the_scheduling_policy[SCHED_IDLE]": OF_SCHEDULING,
    "a_real_time_policy": OF_SCHEDULING,
    "the_nice_value": OF_SCHEDULING,
    "the_nice_value_is_not_set": OF_SCHEDULING,
    "a_scheduling_flag": OF_SCHEDULING,
    "a_deadline": DEADLINE,
    "a_flag_of_a_deadline": DEADLINE,
    "scheduling_that_does_not_exist": OF_SCHEDULING,
    "the_io_priority": OF_IO_PRIORITY,
    "an_io_priority_out_of_range": OF_IO_PRIORITY,
    "an_io_class_that_does_not_exist": OF_IO_PRIORITY,
    "the_umask_is_not_set": UMASK,
    "a_namespace_twice": Known("does not look for duplicates, and the last one wins", "1.18", "NEWS"),
    "a_device_where_something_else_is": EXISTING_DEVICE,
    "a_device_without_numbers": MISSING_IS_ZERO,
    "a_device_of_an_unknown_type": Known("takes an unknown type for one that it knows"),
    "the_owner_of_a_cgroup_that_is_not_mounted": OWNER,
    "the_owner_of_a_cgroup_that_is_mounted_for_reading": OWNER,
    "the_owner_of_a_cgroup_that_is_mounted_for_writing": OWNER,
    "dev_console_is_the_terminal": Known("makes it a symbolic link", source="#1796", since="1.28"),
    "a_rule_that_denies_making_nodes": MAKING_NODES,
    "a_rule_that_makes_no_sense": Known("does not look at it"),
    "cpu_burst": Known(NEWER, "1.11", "NEWS"),
    "a_limit_of_huge_pages": Known("limits what is used, not what is reserved"),
    "an_rdma_device_that_does_not_exist": Known("has no limits for RDMA devices"),
    "an_rdma_device_without_a_limit": Known("has no limits for RDMA devices"),
    "a_limit_of_no_pids": Known("takes 0 for a value that is not set"),
    "a_flag_of_the_personality": Known("ignores the flags"),
    "a_label_without_selinux[mountLabel]": Known("leaves the label out where SELinux is off"),
    "intel_rdt_without_resctrl": Known("goes on without resctrl", "1.10", "NEWS"),
    "an_errno": CACHED,
    "an_errno_for_an_action_that_has_none": CACHED,
    "a_rule_without_names": NO_NAMES,
    "a_listener_path_without_a_use": Known("connects to the path whether or not a rule needs it"),
    "the_connection_is_closed": Known(KEPT),
    "metadata_without_a_listener": METADATA,
    "the_version_that_the_agent_gets": Known("says 0.2.0 whatever config.json says"),
    "a_memory_policy_that_does_not_exist": OF_MEMORY_POLICY,
    "a_memory_policy_without_its_nodes": OF_MEMORY_POLICY,
    "the_memory_policy": OF_MEMORY_POLICY,
    "a_memory_policy_that_needs_no_nodes[MPOL_LOCAL]": OF_MEMORY_POLICY,
    "a_memory_policy_of_several_preferred_nodes": OF_MEMORY_POLICY,
    "a_memory_policy_with_weights": OF_MEMORY_POLICY,
    "a_flag_of_the_memory_policy": OF_MEMORY_POLICY,
    "a_memory_policy_that_makes_no_sense": OF_MEMORY_POLICY,
    "a_network_device": OF_NETWORK_DEVICES,
    "a_network_device[]": DEVICE_NAME,
    "a_network_device_is_up": OF_NETWORK_DEVICES,
    "the_addresses_of_a_network_device_stay": OF_NETWORK_DEVICES,
    "a_name_that_no_network_device_can_have": OF_NETWORK_DEVICES,
    "a_network_device_whose_name_is_taken": OF_NETWORK_DEVICES,
    "a_template_for_a_network_device": DEVICE_NAME,
    "a_network_device_that_does_not_exist": OF_NETWORK_DEVICES,
    "a_masked_path_that_is_relative": RELATIVE,
    "a_readonly_path_that_is_relative": RELATIVE,
    "an_apparmor_profile_that_is_not_loaded": Known("leaves the profile out where AppArmor is off", sometimes=True),
    "executed_in_the_containers_namespaces[startContainer]": Known(
        "`start` does not wait for startContainer hooks", sometimes=True
    ),
    "an_error_leaves_nothing_behind[limit]": LEFT_CGROUP,
    "an_error_leaves_nothing_behind[namespace]": LEFT_CGROUP,
    "a_failed_create_leaves_nothing_behind[limit]": LEFT_CGROUP,
    "a_failed_create_leaves_nothing_behind[namespace]": LEFT_CGROUP,
    "process_is_missing_until_start": NO_PROCESS,
    "timeout_of_a_hook_is_not_above_zero[0]": Known("takes 0 for a value that is not set"),
    "the_state_on_standard_input[startContainer]": Known("tells these hooks that the bundle is /"),
    "a_hook_that_does_not_read_its_state[poststart]": BROKEN_PIPE,
    "a_hook_that_does_not_read_its_state[poststop]": BROKEN_PIPE,
    "hooks_that_are_part_of_start": Known("`start` does not wait for startContainer hooks"),
    "the_program_runs_already": Known("does not wait for the program before poststart hooks", sometimes=True),
    "the_program_runs_already_after_a_slow_beginning": Known("does not wait for the program before poststart hooks"),
    "the_container_does_not_exist_any_more": Known("runs poststop hooks before it forgets the container"),
    "hooks_of_create_are_told_the_status": CREATED,
    "later_hooks_are_told_the_status[created]": Known("tells startContainer hooks `starting`"),
    "hooks_in_the_container_are_told_the_pid": NO_PID,
    "hooks_are_told_the_version": SHORT_VERSION,
    "a_failed_hook_is_an_error[startContainer]": UNHEARD,
    "a_failed_hook_leads_to_the_destruction[startContainer]": UNHEARD,
    "a_failed_hook_is_an_error[poststart]": IGNORED,
    "a_failed_hook_stops_the_container[poststart]": IGNORED,
    "a_failed_hook_leads_to_the_destruction[poststart]": IGNORED,
    "a_failed_hook_leads_to_poststop[startContainer]": UNHEARD,
    "a_failed_hook_leads_to_poststop[poststart]": IGNORED,
    "a_failed_hook_leads_to_poststop": NO_POSTSTOP,
    "delete_of_a_created_container": DELETES_CREATED,
}


MINIRUN = {
    "a_rule_that_denies_making_nodes": MAKING_NODES,
    "delete_of_a_created_container": DELETES_CREATED,
}

KNOWN: dict[str, dict[str, Known]] = {"runc": RUNC, "crun": CRUN, "minirun": MINIRUN}


def known(runtime: str, version: str, case: str) -> Known | None:
    """Why this case fails, if that is known."""
    table = KNOWN.get(runtime, {})
    entry = table.get(case) or table.get(case.partition("[")[0])
    return entry if entry and entry.holds_for(version) else None
