"""Whoever does the work, lists are those of one search, and a lost worker changes nothing."""

from operator import attrgetter
from pathlib import Path

import pytest

from anglewise import search_shards
from anglewise.distributed.engines import Ray, Spark, results, started
from anglewise.distributed.shards import Shard
from anglewise.errors import FileError, IdsError, MissingExtraError, ShapeError
from anglewise.io.side_files import write_side
from sharded import MEASURES, EndsOnce, at_once, planted, same, written


@pytest.mark.parametrize("k", [1, 7])
def test_lists_are_those_of_one_search(tmp_path, engine, k):
    queries, items = planted(ids=[f"{row}" if row < 30 else f"{row}x" for row in range(60)])
    folder = written(tmp_path / "items", items, [1, 20, 27, 59])
    assert same(
        search_shards(folder, queries, MEASURES, k=k, engine=engine), at_once(queries, items, k)
    )


def test_a_shard_whose_worker_was_killed_goes_to_another(tmp_path, engine):
    shards = [Shard(Path(name), first, 1) for first, name in enumerate("abcd")]
    with started(engine, 2) as chosen:
        found = list(results(chosen, EndsOnce(tmp_path), shards))
    assert sorted(found) == [0, 1, 2, 3]
    assert (tmp_path / "a.0").exists()


def test_a_shard_that_ends_every_worker_is_given_up(tmp_path, engine):
    with started(engine, 2) as chosen, pytest.raises(FileError, match="gave up a shard"):
        list(results(chosen, EndsOnce(tmp_path, 9), [Shard(Path("a"), 0, 1)]))


def test_what_a_worker_refuses_is_raised_as_it_was(tmp_path, engine):
    queries, items = planted()
    folder = written(tmp_path / "items", items, [30])
    with pytest.raises(ShapeError, match="the vectors have 2 columns, the space 3"):
        search_shards(folder, queries.vectors[:, :2], "dot", engine=engine)
    write_side(folder / "more.parquet", items.take(range(3)))
    with pytest.raises(IdsError, match="in two shards"):
        search_shards(folder, queries, "dot", engine=engine)


def test_a_session_that_is_there_is_used_and_goes_on(tmp_path, spark):
    queries, items = planted()
    folder = written(tmp_path / "items", items, [30])
    for engine in (spark, "spark"):
        said = []
        search_shards(folder, queries, "dot", engine=engine, say=said.append)
        assert not any("started" in line for line in said)
    assert spark.range(3).count() == 3
    with started("spark", 1) as chosen:
        assert chosen == Spark(spark)


def test_a_ray_of_our_own_ends_with_the_work():
    import ray

    if ray.is_initialized():
        ray.shutdown()
    said = []
    shards = [Shard(Path(name), first, 5) for first, name in enumerate("ab")]
    with started("ray", 1, said.append) as engine:
        assert engine == Ray()
        assert list(engine.map(attrgetter("rows"), shards, print)) == [5, 5]
    assert not ray.is_initialized()
    assert said == [f"started Ray {ray.__version__} on this machine: 1 worker"]


def test_without_java_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr("pyspark.sql.SparkSession.getActiveSession", lambda: None)
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(MissingExtraError, match="needs Java 17"), started("spark", 1):
        pass
