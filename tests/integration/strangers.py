"""What strangers ask about another brand: with ids as arguments of queries, and at the roots of the schema."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from graphql import (
    FieldNode,
    GraphQLInputType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_input_object_type,
    is_object_type,
    parse,
    visit,
)

from services.gateway.loaders import SERVICES

#: Arguments inside a brand that take an id: of which thing, by its name in `Community.ids`, and how they are asked.
ARGUMENTS: Final = {
    "Brand.member(id)": ("Member", "member(id: %s) { id }"),
    "Brand.rulesAcceptance(memberId)": ("Owner", "rulesAcceptance(memberId: %s) { version acceptedAt }"),
    "Brand.roleHistory(memberId)": ("Owner", "roleHistory(memberId: %s) { totalCount nodes { role } }"),
    "Brand.standingActions(memberId)": ("Rowdy", "standingActions(memberId: %s) { totalCount nodes { reason } }"),
    "Brand.memberJourney(memberId)": ("Member", "memberJourney(memberId: %s) { member { id } }"),
    "Brand.segmentsOfMember(memberId)": ("Member", "segmentsOfMember(memberId: %s) { id }"),
    "Brand.segmentPreview(rule.broughtBy.memberId)": (
        "Member",
        "segmentPreview(rule: {broughtBy: {memberId: %s}}) { count sample { id } }",
    ),
    "Brand.posts(space)": ("Space", "posts(space: %s) { totalCount nodes { id } }"),
    "Brand.event(id)": ("Event", "event(id: %s) { id }"),
    "Brand.ideas(board)": ("Board", "ideas(board: %s) { totalCount nodes { id } }"),
}
#: The others: `node` and `nodes` have tests of their own, and so has that of a network, which is public.
OTHER_ARGUMENTS: Final = {"Query.node(id)", "Query.nodes(ids)", "Query.similarBrands(networkId)"}

#: All that Query, Network and Me answer, of another brand and its network.  `known`: not for nobody.
ROOTS: Final = f"""
query($slug: String!, $domain: String!, $net: String!, $netId: ID!, $offer: String!, $post: ID!, $known: Boolean!) {{
  me {{ identity memberships {{ brand {{ slug }} }} erasure(brandSlug: $slug) {{ requestedAt }}
    {" ".join(f'{one}: export(brandSlug: $slug, after: "{one}") {{ items {{ kind }} }}' for one in SERVICES)} }}
  brand(slug: $slug) {{ slug }}
  brandByDomain(domain: $domain) {{ slug }}
  similarBrands(networkId: $netId, name: "Acme") {{ slug }}
  network(slug: $net) {{ id slug name createdAt brandCount brands {{ nodes {{ slug }} }} admins {{ identity }}
    viewerCan @include(if: $known) }}
  invitationOffer(token: $offer) {{ brandSlug }}
  node(id: $post) {{ id }}
  nodes(ids: [$post]) {{ id }}
}}"""


def id_arguments(schema: GraphQLSchema) -> Iterator[str]:
    """Each argument of a query that takes an id, itself or deep in an input: `Type.field(argument.field)`."""
    for kind in schema.type_map.values():
        if is_object_type(kind) and kind is not schema.mutation_type:
            for name, field in kind.fields.items():
                for argument, given in field.args.items():
                    yield from (f"{kind.name}.{name}({argument}{path})" for path in _ids(given.type))


def _ids(kind: GraphQLInputType, *around: object) -> Iterator[str]:
    named = get_named_type(kind)
    if named.name == "ID":
        yield ""
    elif is_input_object_type(named) and named not in around:
        for name, inner in named.fields.items():
            yield from (f".{name}{path}" for path in _ids(inner.type, *around, named))


def fields_asked(schema: GraphQLSchema, document: str) -> Mapping[str, set[str]]:
    """The fields that a document asks, by the type that has them."""
    types, asked = TypeInfo(schema), defaultdict[str, set[str]](set)

    class Asked(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            kind = types.get_parent_type()
            assert kind is not None
            asked[kind.name].add(node.name.value)

    visit(parse(document), TypeInfoVisitor(types, Asked()))
    return asked
