"""The picture of the world that the steps change. tests/kernel/test_film.py compares it with the kernel."""

from __future__ import annotations

from unit.test_plan import all_step_classes

from minirun.plan.container import plan
from minirun.plan.options import Options
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.steps.step import Step
from minirun.steps.world import HOST, OWN
from minirun.teach.film import film, start

# The picture has no place for files of the image, variables, hooks, signals of minirun's own, and what is only looked
# at, opened, sent or told.
UNSEEN = {
    "AdoptContainer",
    "AnnounceListeners",
    "BeginRestore",
    "ChangeSchema",
    "CheckIdMap",
    "CheckImages",
    "CheckMemoryInUse",
    "CheckProcess",
    "ChooseCgroup",
    "ChooseScope",
    "ClaimChanges",
    "CloseFiles",
    "CompileFilter",
    "CopySource",
    "DumpProcesses",
    "EnableControllers",
    "EnableControllersOfScope",
    "EndWhenAsked",
    "ExecuteCriu",
    "FindClos",
    "FindExternalMounts",
    "FindHome",
    "FindProgram",
    "FindProgramInside",
    "FindProgramOutside",
    "FindResctrl",
    "GiveCgroup",
    "GuardDevices",
    "HoldImages",
    "HoldProc",
    "HoldRoot",
    "LabelMount",
    "LeaveOutDeviceRules",
    "LendRoot",
    "MakeClos",
    "MakeHookFiles",
    "MakeImages",
    "MakeMonitoringGroup",
    "MakeMountPoints",
    "MakeParentPrivate",
    "MakeWorkingDirectory",
    "OpenDevice",
    "OpenExecAttribute",
    "OpenHookOutput",
    "OpenImages",
    "OpenMappedMount",
    "OpenNotifySocket",
    "OpenSource",
    "OpenTerminal",
    "OwnStdio",
    "ReopenNull",
    "ReplaceConfig",
    "RequireSecurityModule",
    "RestoreLoopback",
    "RestoreMountOptions",
    "RestoreProcesses",
    "ResumeProcesses",
    "RunContainerHook",
    "RunHook",
    "RunPoststopHook",
    "RunStartContainerHook",
    "SaveDescriptors",
    "SeeProgramRun",
    "SendListener",
    "SendPidfd",
    "SendTerminal",
    "SetLoopbackUp",
    "SetRootPropagation",
    "StayInCgroup",
    "TakeFilter",
    "TakeSocket",
    "TakeTerminal",
    "WaitForStart",
    "WritePidFile",
    "WriteSchema",
}


def test_every_kind_of_step_has_an_effect_or_none_that_is_seen() -> None:
    assert {kind.__name__ for kind in all_step_classes() if kind.effect is Step.effect} == UNSEEN


def test_the_default_plan_as_a_film() -> None:
    steps = plan(parse(default(False, 0, 0)), Options(id="film", bundle="/b"))
    pictures = film(steps, start())
    assert len(pictures) == len(steps) + 1
    first, last = pictures[0].process, pictures[-1].process
    assert set(first.namespaces.values()) == {HOST}
    assert last.namespaces["mount"] == last.namespaces["pid"] == OWN
    assert (first.sees_host, last.sees_host) == (True, False)
    assert last.program == ("sh",)
    assert len(last.capabilities["effective"]) < len(first.capabilities["effective"])


def test_what_a_step_leaves_is_the_picture_of_the_next() -> None:
    """Nothing is changed in place: an earlier picture stays what it was."""
    steps = plan(parse(default(False, 0, 0)), Options(id="film", bundle="/b"))
    assert film(steps, start())[:10] == film(steps[:9], start())
