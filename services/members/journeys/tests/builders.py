"""Short words for journeys and the commands on them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.members.journeys.journey import Completer, Step, StepKind, Wording
from services.members.journeys.progress import Progress, StartJourney, planned

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
LEADER = frozenset({"member", "builder"})


def day(number: float) -> datetime:
    return NOW + timedelta(days=number)


def step(id_: str, kind: StepKind, after_days: int, **changes: Any) -> Step:
    wordings = (Wording(locale="en", title=f"Do {id_}"), Wording(locale="fr", title=f"Faites {id_}", text="Vite !"))
    return Step(**{"id": id_, "kind": kind, "after_hours": after_days * 24, "wordings": wordings, **changes})


RULES = step("rules", StepKind.ACCEPT_RULES, 0)
HELLO = step("hello", StepKind.INTRODUCE, 3, space_id="s1")
HELP = step("help", StepKind.REPLY, 7)
AGAIN = step("again", StepKind.REPLY, 14)
COFFEE = step("coffee", StepKind.CUSTOM, 21, completed_by=Completer.MEMBER)
CHAT = step("chat", StepKind.CUSTOM, 28, completed_by=Completer.LEADER)
STEPS = (RULES, HELLO, HELP, AGAIN, COFFEE, CHAT)


def envelope(**changes: Any) -> dict[str, Any]:
    return {
        "command_id": "c1", "brand": "b1", "actor": "m1", "now": NOW, "roles": frozenset({"member"}), **changes,
    }  # fmt: skip


def start(steps: tuple[Step, ...] = STEPS, **changes: Any) -> StartJourney:
    fields = {"member_id": "m1", "fact": 10, "edition": 1, "steps": planned(steps), "newcomers_from": NOW}
    return StartJourney(**envelope(**{"actor": "system", **fields, **changes}))


def reminders(state: Progress) -> list[str]:
    return [planned_step.id for _, planned_step in state.to_remind(())]
