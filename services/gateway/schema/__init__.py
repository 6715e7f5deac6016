"""The schema: one file a context, put together here."""

import strawberry
from strawberry.printer import print_schema

from services.gateway.schema import examples, words
from services.gateway.schema.brand_commands import BrandLaunchMutation
from services.gateway.schema.brands import BrandMutation, Query
from services.gateway.schema.consents import ConsentMutation
from services.gateway.schema.directories import DirectoryMutation
from services.gateway.schema.discussion_commands import DiscussionMutation
from services.gateway.schema.event_commands import EventMutation
from services.gateway.schema.feedback import FeedbackMutation
from services.gateway.schema.home_commands import HomeMutation
from services.gateway.schema.honour_commands import HonourMutation
from services.gateway.schema.invitations import InvitationMutation
from services.gateway.schema.inviting_many import InvitingManyMutation
from services.gateway.schema.journey_commands import JourneyMutation
from services.gateway.schema.members import MemberMutation
from services.gateway.schema.network_admins import NetworkAdminMutation
from services.gateway.schema.networking import NetworkingMutation
from services.gateway.schema.notification_commands import NotificationMutation
from services.gateway.schema.privacy import PrivacyMutation
from services.gateway.schema.profiles import ProfileMutation
from services.gateway.schema.segments import SegmentMutation
from services.gateway.schema.service_accounts import ServiceAccountMutation
from services.gateway.schema.sessions import SessionMutation
from services.gateway.schema.standing import StandingMutation
from services.gateway.schema.subscriptions import Subscription


@strawberry.type(description="Every change.  Each takes one input and answers the object or why it was refused.")
class Mutation(
    BrandMutation,
    BrandLaunchMutation,
    HomeMutation,
    MemberMutation,
    JourneyMutation,
    ProfileMutation,
    ConsentMutation,
    InvitationMutation,
    InvitingManyMutation,
    ServiceAccountMutation,
    DirectoryMutation,
    SessionMutation,
    HonourMutation,
    DiscussionMutation,
    EventMutation,
    FeedbackMutation,
    NotificationMutation,
    PrivacyMutation,
    StandingMutation,
    NetworkAdminMutation,
    NetworkingMutation,
    SegmentMutation,
):
    """All commands."""


def build() -> strawberry.Schema:
    """The schema of the gateway."""
    schema = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)
    types = (
        (name, getattr(kind.definition, "origin", None)) for name, kind in schema.schema_converter.type_map.items()
    )
    words.describe(schema._schema, {name: origin for name, origin in types if origin is not None})
    examples.illustrate(schema._schema)
    return schema


def text() -> str:
    """The schema in the schema definition language, as `schema.graphql` keeps it."""
    return print_schema(build()) + "\n"
