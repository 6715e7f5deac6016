"""Every version of every event of this stream, as the log holds it, is read for ever."""

from datetime import UTC, datetime
from pathlib import Path

from libs.access.gate import Module, Stage
from libs.access.roles import Role
from libs.access.scopes import Scope
from libs.shared.codec import Codec
from libs.shared.testing.golden import check_golden
from services.members import brand, charter, home, member, member_decisions, network, service_account
from services.members.consents import consent, purposes
from services.members.invitations import decisions as invitations
from services.members.invitations import invitation
from services.members.mail import address, delivery
from services.members.networking import block_list, networking, tag_list
from services.members.notices import follow, preferences
from services.members.notices.kinds import Kind, Mail
from services.members.profiles import form, profile
from services.members.profiles.audience import Audience, BuiltIn, Reach
from services.members.profiles.fields import Choice, FieldDefinition, FieldType, Label, Limits
from services.members.provisioning.tests import samples as provisioning
from services.members.recognition.tests import samples as recognition
from services.members.segments.tests import samples as segments
from services.members.standing import facts

DECIDERS = (
    address.DECIDER,
    delivery.DECIDER,
    invitations.DECIDER,
    network.DECIDER,
    brand.DECIDER,
    charter.DECIDER,
    home.DECIDER,
    member_decisions.DECIDER,
    service_account.DECIDER,
    *recognition.DECIDERS,
    form.DECIDER,
    purposes.DECIDER,
    networking.DECIDER,
    block_list.DECIDER,
    tag_list.DECIDER,
    follow.DECIDER,
    preferences.CHOICES,
    preferences.DEFAULTS,
    *provisioning.DECIDERS,
    *segments.DECIDERS,
)
CODEC = Codec(
    "members",
    tuple(event for decider in DECIDERS for event in decider.events),
    {**brand.UPCASTERS, **member.UPCASTERS, **segments.UPCASTERS},
)
SAMPLES = {
    **recognition.SAMPLES,
    "network_created.v1": network.NetworkCreated(name="Côte d'Azur", slug="cote-d-azur", admin="i1"),
    "admin_appointed.v1": network.AdminAppointed(identity="i2"),
    "admin_dismissed.v1": network.AdminDismissed(identity="i1"),
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
    "member_address_changed.v1": member.MemberAddressChanged(email="m.curie@example.com"),
    "role_granted.v1": member.RoleGranted(role=Role.OWNER),
    "role_granted.v2": member.RoleGranted(
        role=Role.GUEST_SPEAKER, space_id="s1", expires_at=datetime(2026, 6, 1, 18, 30, tzinfo=UTC)
    ),
    "role_revoked.v1": member.RoleRevoked(role=Role.AMBASSADOR),
    "role_revoked.v2": member.RoleRevoked(role=Role.MODERATOR, space_id="s1", expired=True),
    "member_suspended.v1": facts.MemberSuspended(
        reason="Insulted Ada,\ntwice.", until=datetime(2026, 2, 1, tzinfo=UTC)
    ),
    "member_banned.v1": facts.MemberBanned(reason="Sold the list of members."),
    "member_reinstated.v1": facts.MemberReinstated(reason="Said sorry.", expired=False),
    "verified_mark_granted.v1": facts.VerifiedMarkGranted(),
    "verified_mark_revoked.v1": facts.VerifiedMarkRevoked(),
    "member_left.v1": member.MemberLeft(),
    "service_account_created.v1": service_account.ServiceAccountCreated(
        name="Roadmap bot", scopes=[Scope.FEEDBACK_MANAGE, Scope.MEMBERS_READ]
    ),
    "api_key_issued.v1": service_account.ApiKeyIssued(
        key_id="k1", key_hash="0a" * 32, last_four="8d2f", expires_at=datetime(2026, 6, 1, tzinfo=UTC)
    ),
    "api_key_revoked.v1": service_account.ApiKeyRevoked(key_id="k1"),
    "service_account_closed.v1": service_account.ServiceAccountClosed(),
    "member_invited.v1": invitation.MemberInvited(
        edition=1,
        address="marie@example.org",
        name="Marie",
        role=Role.MODERATOR,
        language="fr",
        invited_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=datetime(2026, 1, 15, tzinfo=UTC),
        valid_days=14,
        salt="s1",
        token_hash="0a" * 32,
    ),
    "invitation_worded.v1": invitation.InvitationWorded(message="Viens !\n\nÀ bientôt"),
    "invitation_resent.v1": invitation.InvitationResent(
        mail=2, resent_at=datetime(2026, 1, 3, tzinfo=UTC), expires_at=datetime(2026, 1, 17, tzinfo=UTC)
    ),
    "invitation_revoked.v1": invitation.InvitationRevoked(),
    "invitation_accepted.v1": invitation.InvitationAccepted(member_id="m1"),
    "invitation_expired.v1": invitation.InvitationExpired(),
    "invitation_forgotten.v1": invitation.InvitationForgotten(),
    "mail_sent.v1": delivery.MailSent(kind="invitation", about="i1"),
    "mail_refused.v1": delivery.MailRefused(kind="invitation", about="i1", reply_code=550),
    "mail_given_up.v1": delivery.MailGivenUp(kind="invitation", about="i1"),
    "mail_withheld.v1": delivery.MailWithheld(kind="invitation", about="i1", reason=delivery.Withheld.OPTED_OUT),
    "mail_opted_out.v1": address.MailOptedOut(),
    "mail_opted_in.v1": address.MailOptedIn(),
    "member_erasure_requested.v1": member.MemberErasureRequested(),
    "member_erased.v1": member.MemberErased(
        key_destroyed_at=datetime(2026, 1, 1, tzinfo=UTC),
        services=(member.ScrubbedService(service="discussions", sequence=42, views=("access", "threads")),),
    ),
    "profile_field_defined.v1": form.ProfileFieldDefined(
        field=FieldDefinition(
            key="rig",
            type=FieldType.MULTI_CHOICE,
            labels=[Label(language="fr", text="Gréement"), Label(language="en", text="Rig")],
            audience=Audience(reach=Reach.ROLES, roles=[Role.BUILDER, Role.OWNER]),
            required=True,
            choices=[Choice(key="sloop", labels=[Label(language="en", text="Sloop")])],
            limits=Limits(max_choices=1),
        )
    ),
    "profile_field_retired.v1": form.ProfileFieldRetired(key="rig"),
    "profile_field_restored.v1": form.ProfileFieldRestored(key="rig"),
    "profile_fields_ordered.v1": form.ProfileFieldsOrdered(keys=["rig", "town"]),
    "field_audience_chosen.v1": form.FieldAudienceChosen(field=BuiltIn.BIO, audience=Audience(reach=Reach.ONESELF)),
    "avatar_chosen.v1": profile.AvatarChosen(url="https://example.org/m.png", alt="Marie at sea"),
    "profile_fields_set.v1": profile.ProfileFieldsSet(values='{"rig":["sloop"],"town":null}', edition=4),
    "profile_fields_hidden.v1": profile.ProfileFieldsHidden(fields=["email", "rig"]),
    "profile_completed.v1": profile.ProfileCompleted(edition=4),
    "member_locale_chosen.v1": profile.MemberLocaleChosen(time_zone="Europe/Paris", language=None),
    "external_id_assigned.v1": profile.ExternalIdAssigned(external_id="crm-7", token="k7"),
    "external_id_freed.v1": profile.ExternalIdFreed(token="k7"),
    "consent_purpose_published.v1": purposes.ConsentPurposePublished(
        purpose="calls", edition=2, texts=[purposes.ConsentText(language="fr", text="Vous pouvez **m'appeler**.")]
    ),
    "consent_purpose_retired.v1": purposes.ConsentPurposeRetired(purpose="calls"),
    "consent_purpose_restored.v1": purposes.ConsentPurposeRestored(purpose="calls"),
    "consent_given.v1": consent.ConsentGiven(purpose="calls", edition=2, replaced=1),
    "consent_withdrawn.v1": consent.ConsentWithdrawn(purpose="calls", edition=2),
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
    "digest_zone_chosen.v1": preferences.DigestZoneChosen(time_zone="Europe/Paris"),
    "tags_offered.v1": tag_list.TagsOffered(tags=("boats", "python"), only_these=True),
    **provisioning.SAMPLES,
    **segments.SAMPLES,
}


def test_golden_files() -> None:
    check_golden(Path(__file__).parent / "golden", CODEC, SAMPLES)
