"""Engines that really run, on this machine."""

import os
import sys
from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("pyspark") else ["test_*.py"]
"""Where the engines are not installed nothing is run: `make check-distributed`."""


@pytest.fixture(scope="session")
def spark():
    """A session of our own with two workers, which tries a lost task again."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = (
        SparkSession.builder.master("local[2, 4]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def ray():
    """A cluster that this program has joined."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield "ray"
    ray.shutdown()


@pytest.fixture(params=["spark", "ray"])
def engine(request):
    """Each engine in its turn."""
    return request.getfixturevalue(request.param)
