"""Random descriptions of schemas: types, fields, and how each field gets its values."""

from random import Random
from typing import NamedTuple

LEAVES = ("Int", "Float", "String", "Boolean", "ID", "Colour", "Odd")


class FieldSpec(NamedTuple):
    """A field: its named type, wrappings from the inside (`!` and `[`), arguments, and how the subject answers it."""

    name: str
    kind: str
    wraps: str
    arguments: tuple[str, ...]
    how: str  # "default", "resolver", "awaited", "batch", "awaited batch"
    informed: bool  # it answers what it was told in its info


class SchemaSpec(NamedTuple):
    seed: int
    objects: dict[str, list[FieldSpec]]
    interfaces: dict[str, list[FieldSpec]]
    unions: dict[str, list[str]]
    implements: dict[str, list[str]]
    typed_by: dict[str, str]  # how abstract types tell the type: "is_type_of", "name", "awaited name", "attribute"

    def possible(self, kind: str) -> list[str]:
        """The object types that a composite type stands for."""
        if kind in self.unions:
            return self.unions[kind]
        return [kind] if kind in self.objects else [name for name, held in self.implements.items() if kind in held]


#: The type of each argument by its name; a field takes some of these.
ARGUMENTS = ("count", "needed", "words", "shade", "box", "limit")


def random_spec(seed: int) -> SchemaSpec:
    rng = Random(seed)
    interfaces = [f"I{number}" for number in range(rng.randint(1, 2))]
    objects = [f"T{number}" for number in range(rng.randint(2, 4))]
    implements = {name: [held for held in interfaces if rng.random() < 0.6] for name in objects}
    for held in interfaces:
        if not any(held in others for others in implements.values()):
            implements[objects[0]].append(held)
    unions = {"U0": rng.sample(objects, rng.randint(1, len(objects)))}
    composites = [*objects, *interfaces, *unions]

    def field(name: str, *, deep: bool) -> FieldSpec:
        kind = rng.choice(composites) if deep else rng.choice(LEAVES)
        wraps = rng.choice(("", "", "!", "[", "[!", "![", "![!", "[[", "![![!"))
        arguments = tuple(rng.sample(ARGUMENTS, rng.choice((0, 0, 1, 2))))
        how = rng.choice(("default", "default", "resolver", "awaited", "batch", "awaited batch"))
        informed = kind == "String" and not wraps.count("[") and "batch" not in how and rng.random() < 0.5
        return FieldSpec(name, kind, wraps, arguments, how, informed)

    shared = {held: [field(f"{held.lower()}f{n}", deep=n == 0) for n in range(2)] for held in interfaces}
    own = {
        name: [field(f"{name.lower()}f{n}", deep=n < 2) for n in range(rng.randint(3, 5))]
        + [one for held in implements[name] for one in shared[held]]
        for name in objects
    }
    for root in ("Query", "Mutation"):
        own[root] = [field(f"{root.lower()}f{n}", deep=n < 4) for n in range(5)]
        implements[root] = []
    ways = ("is_type_of", "name", "awaited name", "attribute")
    return SchemaSpec(seed, own, shared, unions, implements, {name: rng.choice(ways) for name in (*shared, *unions)})
