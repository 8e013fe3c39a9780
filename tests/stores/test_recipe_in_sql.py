"""What docs/how-to/stores.md says to do to a query in PostgreSQL is what the library does to it."""

import json

import numpy as np
import psycopg
import pytest

from query_recipes import QUERIES, TRANSFORMS, recipe


@pytest.fixture
def connection(postgres):
    with psycopg.connect(f"dbname=postgres user=postgres {postgres}") as opened:
        opened.execute("CREATE EXTENSION IF NOT EXISTS vector")
        opened.execute(recipe("sql"))
        yield opened
        opened.rollback()


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_the_recipe_in_sql(transform, connection, tmp_path):
    transform.save(tmp_path / "query.json")
    text = (tmp_path / "query.json").read_text()
    connection.execute("INSERT INTO query_file VALUES (%s::jsonb)", [text])
    for view in ("query_transform", "query_matrix"):
        connection.execute(f"REFRESH MATERIALIZED VIEW {view}")
    for query, due in zip(QUERIES, transform(QUERIES), strict=True):
        found = connection.execute("SELECT prepared(%s)::text", [query.tolist()]).fetchone()[0]
        np.testing.assert_allclose(json.loads(found), due, rtol=1e-6, atol=1e-12)


def test_a_query_of_another_length_is_refused_by_the_recipe(connection, tmp_path):
    TRANSFORMS["offset"].save(tmp_path / "query.json")
    text = (tmp_path / "query.json").read_text()
    connection.execute("INSERT INTO query_file VALUES (%s::jsonb)", [text])
    connection.execute("REFRESH MATERIALIZED VIEW query_transform")
    connection.execute("REFRESH MATERIALIZED VIEW query_matrix")
    with pytest.raises(psycopg.Error, match="null"):
        connection.execute("SELECT prepared(%s)", [[1.0, 2.0]])
