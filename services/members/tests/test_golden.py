"""Every version of every event of this stream, as the log holds it, is read for ever."""

from datetime import UTC, datetime
from pathlib import Path

from libs.access.gate import Module, Stage
from libs.access.roles import Role
from libs.access.scopes import Scope
from libs.shared.codec import Codec
from libs.shared.testing.golden import check_golden
from services.members import brand, charter, home, member, member_decisions, network, service_account
from services.members.networking import block_list, networking, tag_list
from services.members.notices import follow, preferences
from services.members.notices.kinds import Kind, Mail

DECIDERS = (
    network.DECIDER,
    brand.DECIDER,
    charter.DECIDER,
    home.DECIDER,
    member_decisions.DECIDER,
    service_account.DECIDER,
    networking.DECIDER,
    block_list.DECIDER,
    tag_list.DECIDER,
    follow.DECIDER,
    preferences.CHOICES,
    preferences.DEFAULTS,
)
CODEC = Codec(
    "members",
    tuple(event for decider in DECIDERS for event in decider.events),
    {**brand.UPCASTERS, **member.UPCASTERS},
)
SAMPLES = {
    "network_created.v1": network.NetworkCreated(name="Côte d'Azur", slug="cote-d-azur", admin="i1"),
    "brand_created.v1": brand.BrandCreated(
        network_id="n1", slug="alumni", name="Alumni", kind=brand.BrandKind.ALUMNI, locale="fr-FR"
    ),
    "brand_created.v2": brand.BrandCreated(
        network_id="n1",
        slug="alumni",
        name="Alumni",
        kind=brand.BrandKind.ALUMNI,
        locale="fr-FR",
        type=brand.BrandType.RELATION,
        description="Ceux d'hier\net de demain.",
        stage=Stage.DRAFT,
        furnished=True,
    ),
    "stage_entered.v1": brand.StageEntered(stage=Stage.ARCHIVED),
    "module_switched_off.v1": brand.ModuleSwitchedOff(module=Module.EVENTS),
    "module_switched_on.v1": brand.ModuleSwitchedOn(module=Module.DISCUSSIONS),
    "brand_furnished.v1": brand.BrandFurnished(left_out=("discussions.space.create_space",)),
    "member_admitted.v1": member.MemberAdmitted(role=Role.BUILDER),
    "member_joined.v1": member.MemberJoined(identity="i1", display_name="Marie", email="marie@example.org"),
    "member_joined.v2": member.MemberJoined(
        identity="i1", display_name="Marie", email="marie@example.org", source="newsletter", referrer="m9"
    ),
    "manifesto_published.v1": charter.ManifestoPublished(edition=1, text="Wir **helfen**."),
    "rules_published.v1": charter.RulesPublished(edition=2, text="Be kind.\n\nStay on topic."),
    "home_designed.v1": home.HomeDesigned(
        theme=home.Theme(
            background="#ffffff",
            text="#111111",
            accent="#0b5fff",
            accent_text="#ffffff",
            logo_url="https://example.org/logo.svg",
        )
    ),
    "domain_taken.v1": home.DomainTaken(domain="club.example.org"),
    "domain_left.v1": home.DomainLeft(domain="club.example.org"),
    "locale_chosen.v1": home.LocaleChosen(locale="fr-CA"),
    "rules_accepted.v1": member.RulesAccepted(edition=3),
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
    "networking_chosen.v1": networking.NetworkingChosen(interests="boats\ncôte d'azur", skills="python"),
    "networking_left.v1": networking.NetworkingLeft(),
    "suggestion_dismissed.v1": networking.SuggestionDismissed(dismissed_id="m7"),
    "member_blocked.v1": block_list.MemberBlocked(blocked_id="m7"),
    "member_unblocked.v1": block_list.MemberUnblocked(blocked_id="m7"),
    "target_followed.v1": follow.TargetFollowed(kind=follow.TargetKind.THREAD, target_id="t7"),
    "target_unfollowed.v1": follow.TargetUnfollowed(kind=follow.TargetKind.SPACE, target_id="s7"),
    "target_muted.v1": follow.TargetMuted(kind=follow.TargetKind.MEMBER, target_id="m7"),
    "notifications_chosen.v1": preferences.NotificationsChosen(kind=Kind.REPLY, inbox=False, mail=Mail.DAILY),
    "notification_mail_stopped.v1": preferences.MailStopped(),
    "notification_mail_resumed.v1": preferences.MailResumed(),
    "notification_defaults_proposed.v1": preferences.DefaultsProposed(kind=Kind.NEWS, mail=Mail.OFF),
    "tags_offered.v1": tag_list.TagsOffered(tags=("boats", "python"), only_these=True),
}


def test_golden_files() -> None:
    check_golden(Path(__file__).parent / "golden", CODEC, SAMPLES)
