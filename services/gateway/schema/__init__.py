"""The schema: one file a context, put together here."""

from collections.abc import Iterator

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.printer import print_schema
from strawberry.types import ExecutionContext

from services.gateway.schema.brand_commands import BrandLaunchMutation
from services.gateway.schema.brands import BrandMutation, Query
from services.gateway.schema.discussion_commands import DiscussionMutation
from services.gateway.schema.event_commands import EventMutation
from services.gateway.schema.feedback import FeedbackMutation
from services.gateway.schema.home_commands import HomeMutation
from services.gateway.schema.members import MemberMutation
from services.gateway.schema.subscriptions import Subscription


@strawberry.type(description="Every change.  Each takes one input and answers the object or why it was refused.")
class Mutation(
    BrandMutation,
    BrandLaunchMutation,
    HomeMutation,
    MemberMutation,
    DiscussionMutation,
    EventMutation,
    FeedbackMutation,
):
    """All commands."""


class _Ready(SchemaExtension):
    """Runs the document that the context brings, which has been parsed and validated before."""

    def on_parse(self) -> Iterator[None]:
        self.execution_context.graphql_document = self.execution_context.context.document
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = []
        yield


class Schema(strawberry.Schema):
    """A schema that leaves the logging of errors to who formats them."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Errors are logged where they are masked."""


def build() -> Schema:
    """The schema of the gateway."""
    return Schema(query=Query, mutation=Mutation, subscription=Subscription, extensions=[_Ready])


def text() -> str:
    """The schema in the schema definition language, as `schema.graphql` keeps it."""
    return print_schema(build()) + "\n"
