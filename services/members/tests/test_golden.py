"""Every version of every event of this stream, as the log holds it, is read for ever."""

from datetime import UTC, datetime
from pathlib import Path

from libs.access.roles import Role
from libs.shared.codec import Codec
from libs.shared.testing.golden import check_golden
from services.members import brand, member, network

CODEC = Codec("members", (*network.DECIDER.events, *brand.DECIDER.events, *member.DECIDER.events))
SAMPLES = {
    "network_created.v1": network.NetworkCreated(name="Côte d'Azur", slug="cote-d-azur", admin="i1"),
    "brand_created.v1": brand.BrandCreated(
        network_id="n1", slug="alumni", name="Alumni", kind=brand.BrandKind.ALUMNI, locale="fr-FR"
    ),
    "member_joined.v1": member.MemberJoined(identity="i1", display_name="Marie", email="marie@example.org"),
    "profile_changed.v1": member.ProfileChanged(display_name="Mimi", bio="Sails.\n**Often.**"),
    "role_granted.v1": member.RoleGranted(role=Role.OWNER),
    "role_revoked.v1": member.RoleRevoked(role=Role.AMBASSADOR),
    "member_left.v1": member.MemberLeft(),
    "member_erasure_requested.v1": member.MemberErasureRequested(),
    "member_erased.v1": member.MemberErased(
        key_destroyed_at=datetime(2026, 1, 1, tzinfo=UTC),
        services=(member.ScrubbedService(service="discussions", sequence=42, views=("access", "threads")),),
    ),
}


def test_golden_files() -> None:
    check_golden(Path(__file__).parent / "golden", CODEC, SAMPLES)
