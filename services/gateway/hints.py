"""What a name that the schema does not know may have been meant to be.

graphql-core suggests names too, but compares them in Python, for every error anew: 13 ms for an unknown type.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    GraphQLSchema,
    NamedTypeNode,
    Node,
    ObjectFieldNode,
    TypeInfo,
    get_named_type,
    is_abstract_type,
)
from graphql.language.ast import QUERY_DOCUMENT_KEYS
from graphql.pyutils import did_you_mean
from rapidfuzz import process
from rapidfuzz.distance import OSA

#: How much of a name has to be right.
_LIKENESS: Final = 0.6
#: Names in one hint.
_MOST: Final = 3


def hint(schema: GraphQLSchema, document: DocumentNode, node: Node) -> str:
    """` Did you mean …?` for a node of the document with a name that is unknown at its place; else nothing."""
    at = TypeInfo(schema)
    for step in _way(document, node):
        at.enter(step)
    match node:
        case FieldNode() if not at.get_field_def():
            return _field(schema, at.get_parent_type(), node.name.value)
        case NamedTypeNode() if node.name.value not in schema.type_map:
            return _like(node.name.value, schema.type_map)
        case ArgumentNode() if not at.get_argument():
            return _like(node.name.value, getattr(at.get_directive() or at.get_field_def(), "args", ()))
        case ObjectFieldNode() if not at.get_input_type():
            return _like(node.name.value, getattr(get_named_type(at.get_parent_input_type()), "fields", ()))
        case EnumValueNode() if not at.get_enum_value():
            return _like(node.value, getattr(get_named_type(at.get_input_type()), "values", ()))
    return ""


def _way(document: DocumentNode, node: Node) -> Iterator[Node]:
    """From the document down to the node, by the place of its first character; ends early for a node that is a copy."""
    place = node.loc.start if node.loc else 0
    step: Any = document
    yield step
    while step is not node and (step := next((n for n in _children(step) if n.loc.start <= place < n.loc.end), None)):
        yield step


def _children(node: Node) -> Iterator[Any]:
    for key in QUERY_DOCUMENT_KEYS[node.kind]:
        below = getattr(node, key, None) or ()
        yield from (below,) if isinstance(below, Node) else below


def _field(schema: GraphQLSchema, parent: Any, name: str) -> str:
    possible = schema.get_possible_types(parent) if is_abstract_type(parent) else ()
    having = [kind.name for kind in possible if name in kind.fields]
    return did_you_mean(having, "to use an inline fragment on") or _like(name, getattr(parent, "fields", ()))


def _like(name: str, names: Iterable[str]) -> str:
    found = process.extract(
        name, [*names], scorer=OSA.normalized_similarity, processor=str.lower, score_cutoff=_LIKENESS, limit=_MOST
    )
    return did_you_mean([known for known, *_ in found])
