from pathlib import Path

from services.gateway import schema


def test_the_snapshot_shows_the_schema() -> None:
    snapshot = Path(__file__).parents[1] / "schema.graphql"
    assert snapshot.read_text() == schema.text(), "write it anew: python -m services.gateway.schema"
