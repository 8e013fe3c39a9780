"""MLflow and Weights & Biases take what a comparison gives them, and give it back unchanged."""

from dataclasses import replace

import mlflow
import wandb

from made_comparison import made

NAN = float("nan")


def odd_names():
    """Candidates whose names no tracker takes as they are, one of them without an interval."""
    result = made(3)
    names = ["norm(0,0.5)@centred", "new model: cosine", "検索 v1.0"]
    rows = [replace(row, measure=name) for row, name in zip(result.measures, names, strict=False)]
    estimate = replace(rows[-1].metrics[result.metric], low=NAN, high=NAN)
    rows[-1] = replace(rows[-1], metrics={result.metric: estimate})
    return replace(result, measures=tuple(rows))


def test_mlflow_takes_it_and_gives_it_back(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(tmp_path.as_uri())
    mlflow.set_experiment("measures")
    tracked = odd_names().to_mlflow()
    with mlflow.start_run() as run:
        mlflow.log_metrics(tracked["metrics"])
        mlflow.log_params(tracked["params"])
        mlflow.set_tags(tracked["tags"])
    data = mlflow.get_run(run.info.run_id).data
    assert data.metrics == tracked["metrics"]
    assert data.params == tracked["params"]
    assert tracked["tags"].items() <= data.tags.items()


def test_wandb_takes_it_and_gives_it_back(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    tracked = odd_names().to_wandb()
    with wandb.init(mode="offline", dir=tmp_path, project="p", config=tracked["config"]) as run:
        run.log(tracked["metrics"])
        run.summary.update(tracked["summary"])
        assert dict(run.config) == tracked["config"]
        known = {name: run.summary[name] for name in {**tracked["metrics"], **tracked["summary"]}}
    assert known == tracked["metrics"] | tracked["summary"]
