"""Strawberry schemas: which fields are plain attributes, whose class an object is, and how to declare a batch."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, ForwardRef, TypeAlias, TypeVar, Union, get_args, get_origin

import strawberry
from graphql import GraphQLAbstractType, GraphQLField, GraphQLObjectType, GraphQLSchema
from strawberry.schema import BaseSchema
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from .executor import Executor
from .fields import Adapter, Attribute, Batch, Resolver, Source, answers

T = TypeVar("T")
#: What a batch resolver returns: one value, or the exception to answer instead, for each parent in their order.
Answers: TypeAlias = list[T | Exception]

_DEFINITION: Final = "strawberry-definition"
_BATCH: Final = "__batch__"


def batch(function: Callable[..., Any], *, description: str | None = None) -> StrawberryField:
    """A field whose resolver answers for all parents of a level at once.

    `function(parents, …)` is a static method that returns `list[T]` or `Answers[T]`, awaited or not, where T is the
    field's type; its other parameters are those of any resolver of Strawberry, `info` among them.  Its docstring is
    the description.  Whatever else executes the schema calls it with one parent at a time.
    """
    function = getattr(function, "__func__", function)
    signature = inspect.signature(function)
    parents, *others = signature.parameters.values()
    kind = _item_of(signature.return_annotation)

    def one(self: Any, **arguments: Any) -> Any:
        return _only(function([self], **arguments))

    async def one_later(self: Any, **arguments: Any) -> Any:
        return _only(await function([self], **arguments))

    resolver: Any = one_later if inspect.iscoroutinefunction(function) else one
    resolver.__name__, resolver.__qualname__ = function.__name__, function.__qualname__
    resolver.__module__ = function.__module__
    resolver.__signature__ = inspect.Signature(
        [inspect.Parameter("self", parents.kind), *others], return_annotation=kind
    )
    resolver.__annotations__ = {**function.__annotations__, "return": kind}
    resolver.__annotations__.pop(parents.name, None)
    setattr(resolver, _BATCH, function)
    return strawberry.field(resolver, description=description or inspect.getdoc(function))


def executor(schema: BaseSchema, *, hide_suggestions: bool = False, **bounds: int) -> Executor:
    """An executor of a Strawberry schema; `hide_suggestions` and `bounds` are those of `Executor`.

    Extensions of the schema are not run.  An object is of the type that its class declares, whatever it may have been
    cast to with `strawberry.cast`.
    """
    core: GraphQLSchema = schema._schema  # type: ignore[attr-defined]
    return Executor(core, StrawberryAdapter(schema), hide_suggestions=hide_suggestions, **bounds)


class StrawberryAdapter(Adapter):
    """What the executor needs to know of a Strawberry schema."""

    def __init__(self, schema: BaseSchema) -> None:
        self._converter = schema.schema_converter

    def source(self, parent: GraphQLObjectType, name: str, field: GraphQLField) -> Source:
        """Batch resolvers and plain attributes as such; everything else as Strawberry made it."""
        definition = field.extensions.get(_DEFINITION)
        resolve = field.resolve
        if not isinstance(definition, StrawberryField) or resolve is None:
            return super().source(parent, name, field)
        # Strawberry's own wrapper of a field that is read, not resolved: no permissions, no extensions, no handlers.
        if definition.is_basic_field and resolve.__name__ == "_get_basic_result":
            if definition.default_resolver is getattr and not field.args:
                return Attribute(definition.python_name)
        elif definition.base_resolver is not None and not definition.extensions:
            function = getattr(definition.base_resolver.wrapped_func, _BATCH, None)
            if function is not None:
                return Batch(self._batch(definition, function))
        return Resolver(resolve)

    def classes(
        self, schema: GraphQLSchema, named: GraphQLObjectType | GraphQLAbstractType
    ) -> Mapping[type, GraphQLObjectType]:
        """The classes that declare the possible types, unless the schema decides the type in its own way."""
        if isinstance(named, GraphQLObjectType):
            possible = [named]
        else:
            declared = named.extensions.get(_DEFINITION)
            if isinstance(declared, StrawberryObjectDefinition) and declared.resolve_type is not None:
                return {}
            possible = list(schema.get_possible_types(named))
        found: dict[type, GraphQLObjectType] = {}
        for kind in possible:
            definition = kind.extensions.get(_DEFINITION)
            if isinstance(definition, StrawberryObjectDefinition) and _is_plain(definition):
                found[definition.origin] = kind
        return found

    def _batch(self, field: StrawberryField, function: Callable[..., Any]) -> Callable[..., Any]:
        converter, resolver = self._converter, field.base_resolver
        assert resolver is not None
        info_name = resolver.info_parameter.name if resolver.info_parameter else None

        def call(parents: list[Any], raw_info: Any, **given: Any) -> Any:
            info = converter.config.info_class(_raw_info=raw_info, _field=field) if info_name or given else None
            arguments = (
                convert_arguments(given, field.arguments, converter.scalar_registry, converter.config, info)
                if given
                else {}
            )
            if info_name is not None:
                arguments[info_name] = info
            return function(parents, **arguments)

        return call


def _is_plain(definition: StrawberryObjectDefinition) -> bool:
    """Whether instances of the class are of this type and no other: no generic, no rule of its own."""
    return definition.is_type_of is None and definition.concrete_of is None and not definition.is_graphql_generic


def _only(values: Any) -> Any:
    (value,) = answers("a batch resolver", values, 1)
    return value


def _item_of(annotation: Any) -> Any:
    """The type of a field, from `list[T]` or `Answers[T]`."""
    arguments = get_args(annotation)
    if get_origin(annotation) is not list or len(arguments) != 1:
        raise TypeError(f"a batch resolver returns list[T] or Answers[T], not {annotation!r}")
    kinds = [kind for kind in get_args(arguments[0]) if kind is not Exception] or [arguments[0]]
    if Exception not in get_args(arguments[0]):
        return arguments[0]
    kind = kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]  # noqa: UP007 – made at run time
    return kind.__forward_arg__ if isinstance(kind, ForwardRef) else kind
