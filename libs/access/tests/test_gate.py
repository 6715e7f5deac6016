"""What a brand is open for, by stage, role and module."""

import pytest

from libs.access.gate import Gate, Module, Stage

MEMBER, BUILDER, OWNER = frozenset({"member"}), frozenset({"member", "builder"}), frozenset({"member", "owner"})


@pytest.mark.parametrize(
    ("stage", "roles", "code"),
    [
        (Stage.DRAFT, frozenset(), "BRAND_NOT_OPEN"),
        (Stage.DRAFT, MEMBER, "BRAND_NOT_OPEN"),
        (Stage.DRAFT, frozenset({"member", "moderator", "ambassador"}), "BRAND_NOT_OPEN"),
        (Stage.DRAFT, BUILDER, None),
        (Stage.DRAFT, OWNER, None),
        (Stage.BETA, MEMBER, None),
        (Stage.OPEN, MEMBER, None),
        (Stage.ARCHIVED, MEMBER, "BRAND_ARCHIVED"),
        (Stage.ARCHIVED, OWNER, "BRAND_ARCHIVED"),
    ],
)
def test_a_stage_lets_write(stage: Stage, roles: frozenset[str], code: str | None) -> None:
    refusal = Gate(stage=stage).refusal(roles, None)
    assert (refusal and refusal.code) == code


@pytest.mark.parametrize("off", list(Module))
def test_a_module_that_is_off_takes_nothing_and_the_others_go_on(off: Module) -> None:
    gate = Gate(modules_off=frozenset({off.value}))
    codes = {module: refusal and refusal.code for module in Module for refusal in [gate.refusal(OWNER, module)]}
    assert codes == {module: "MODULE_OFF" if module is off else None for module in Module}
    assert gate.refusal(MEMBER, None) is None
