"""An event of each type of segments, as its golden file has it."""

from libs.access.roles import Role
from services.members.segments import membership, segment
from services.members.segments.rules import Act, AllOf, AnyOf, BroughtBy, CameBy, Did, HasRole, JoinedWithin, Not

DECIDERS = (segment.DECIDER, membership.DECIDER)
UPCASTERS = segment.UPCASTERS

SAMPLES = {
    "segment_created.v1": segment.SegmentCreated(
        name="Experts",
        rule=AllOf(
            rules=(
                AnyOf(rules=(HasRole(role=Role.AMBASSADOR), CameBy(source="fair-2026"), BroughtBy(referrer="m9"))),
                Not(rule=JoinedWithin(days=30)),
                Did(act=Act.REPLIED, at_least=5, within_days=90),
            )
        ),
    ),
    "segment_renamed.v1": segment.SegmentRenamed(name="Old hands"),
    "segment_redefined.v1": segment.SegmentRedefined(edition=2, rule=Did(act=Act.CHECKED_IN)),
    "segment_deleted.v1": segment.SegmentDeleted(edition=3),
    "segment_settled.v1": segment.SegmentSettled(edition=2, reading=1),
    "segment_settled.v2": segment.SegmentSettled(edition=2, reading=2),
    "segment_entered.v1": membership.SegmentEntered(segment_id="s1", edition=2, member_ids=("m1", "m2")),
    "segment_left.v1": membership.SegmentLeft(segment_id="s1", edition=2, member_ids=("m1",)),
}
