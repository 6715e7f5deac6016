"""Every version of every event of this stream, as the log holds it, is read for ever."""

from datetime import UTC, datetime
from pathlib import Path

from libs.access.roles import Role
from libs.access.scopes import Scope
from libs.shared.codec import Codec
from libs.shared.testing.golden import check_golden
from services.members import brand, member, network, service_account

DECIDERS = (network.DECIDER, brand.DECIDER, member.DECIDER, service_account.DECIDER)
CODEC = Codec("members", tuple(event for decider in DECIDERS for event in decider.events))
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
    "service_account_created.v1": service_account.ServiceAccountCreated(
        name="Roadmap bot", scopes=[Scope.FEEDBACK_MANAGE, Scope.MEMBERS_READ]
    ),
    "api_key_issued.v1": service_account.ApiKeyIssued(
        key_id="k1", key_hash="0a" * 32, last_four="8d2f", expires_at=datetime(2026, 6, 1, tzinfo=UTC)
    ),
    "api_key_revoked.v1": service_account.ApiKeyRevoked(key_id="k1"),
    "service_account_closed.v1": service_account.ServiceAccountClosed(),
    "member_erasure_requested.v1": member.MemberErasureRequested(),
    "member_erased.v1": member.MemberErased(
        key_destroyed_at=datetime(2026, 1, 1, tzinfo=UTC),
        services=(member.ScrubbedService(service="discussions", sequence=42, views=("access", "threads")),),
    ),
}


def test_golden_files() -> None:
    check_golden(Path(__file__).parent / "golden", CODEC, SAMPLES)
