"""Where the values of a field come from: attributes, a batch resolver, or a resolver called for each object."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import GraphQLResolveInfo
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, is_awaitable

from .fields import Attribute, Batch, answers
from .level import Level, Work
from .plan import Field

if TYPE_CHECKING:
    from .run import Run

Info: TypeAlias = GraphQLResolveInfo[Any]


def read(run: "Run", field: Field, level: Level) -> Work:
    """The values as they come: with exceptions among them, and with what is to be awaited."""
    source = field.source
    if isinstance(source, Attribute):
        return Work(field, level, attributes(run, field, level, source))
    try:
        arguments = field.arguments
        if arguments is None:
            arguments = get_argument_values(field.definition, field.nodes[0], run.variables)
        if isinstance(source, Batch):
            return _batch(run, field, level, source.call, arguments)
    except Exception as error:  # of the arguments, or of the one call: an error of each object
        return Work(field, level, [error] * len(level.sources))
    return Work(field, level, _each(run, field, level, source.call, arguments))


def answered(work: Work, answer: object) -> list[Any]:
    """What a batch resolver answered, as the values of a field; raises `BatchError`."""
    return answers(f"{work.field.parent.name}.{work.field.name}", answer, len(work.level.sources))


def infos(run: "Run", work: Work) -> list[Info]:
    """What a resolver of the field is told, for each object of the level."""
    key, name = work.field.key, work.field.parent.name
    return [_info(run, work.field, Path(path, key, name)) for path in work.level.paths()]


def discard(values: list[Any]) -> None:
    """End what will not be awaited any more."""
    for value in values:
        end: Callable[[], object] | None = getattr(value, "close", None) or getattr(value, "cancel", None)
        if end is not None and is_awaitable(value):
            end()


def _info(run: "Run", field: Field, path: Path) -> Info:
    plan = run.plan
    return GraphQLResolveInfo(
        field.name,
        field.nodes,
        field.definition.type,
        field.parent,
        path,
        plan.schema,
        plan.fragments,
        run.root,
        plan.operation,
        run.variables,
        run.context,
        is_awaitable,
        None,
        run.helpers,
    )


def _batch(run: "Run", field: Field, level: Level, call: Callable[..., Any], arguments: dict[str, Any]) -> Work:
    work = Work(field, level, [])
    answer = call(list(level.sources), _info(run, field, work.place()), **arguments)
    if is_awaitable(answer):
        work.call = answer
    else:
        work.values = answered(work, answer)
    return work


def _each(run: "Run", field: Field, level: Level, call: Callable[..., Any], arguments: dict[str, Any]) -> list[Any]:
    values: list[Any] = []
    try:
        for source, info in zip(level.sources, infos(run, Work(field, level, [])), strict=True):
            try:
                values.append(call(source, info, **arguments))
            except Exception as error:  # an error of this object only
                values.append(error)
    except BaseException:
        discard(values)
        raise
    return values


def attributes(run: "Run", field: Field, level: Level, source: Attribute) -> list[Any]:
    """The attributes as they are, each read once, with the exceptions that reading raised among them."""
    values: list[Any] = []
    sources = level.sources
    if field.read is not None and not source.lenient:
        try:
            values.extend(map(field.read, sources))
        except Exception as error:  # of the first that is not here yet
            values.append(error)
        else:
            return values
    if field.read is None or (source.lenient and any(map(_is_mapping, sources))):
        values.extend(_attribute(source, parent) for parent in sources)
    while len(values) < len(sources):
        assert field.read is not None
        try:
            values.extend(map(field.read, sources[len(values) :]))
        except Exception as error:  # of the first that is not here yet
            values.append(None if source.lenient and isinstance(error, AttributeError) else error)
    return _called(run, field, level, values) if source.lenient and any(map(callable, values)) else values


def _attribute(source: Attribute, parent: Any) -> Any:
    try:
        if not source.lenient:
            return getattr(parent, source.name)
        return parent.get(source.name) if _is_mapping(parent) else getattr(parent, source.name, None)
    except Exception as error:  # of a property
        return error


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict | Mapping)


def _called(run: "Run", field: Field, level: Level, values: list[Any]) -> list[Any]:
    made: list[Any] = []
    try:
        for value, info in zip(values, infos(run, Work(field, level, [])), strict=True):
            try:
                made.append(value(info) if callable(value) and not isinstance(value, Exception) else value)
            except Exception as error:
                made.append(error)
    except BaseException:
        discard(made)
        raise
    return made
