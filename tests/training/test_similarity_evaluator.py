"""The evaluator of sentence-transformers, with the real library and a model that is made here."""

import csv
import logging
import math

import pytest
import torch

library = pytest.importorskip("sentence_transformers")

import datasets  # noqa: E402
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer  # noqa: E402
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments  # noqa: E402
from sentence_transformers.sentence_transformer.evaluation import (  # noqa: E402
    InformationRetrievalEvaluator,
)
from sentence_transformers.sentence_transformer.losses import (  # noqa: E402
    MultipleNegativesRankingLoss,
)
from sentence_transformers.sentence_transformer.modules import StaticEmbedding  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from tokenizers.models import WordLevel  # noqa: E402
from tokenizers.pre_tokenizers import Whitespace  # noqa: E402

import anglewise as aw  # noqa: E402
from anglewise.errors import AnglewiseError, FileError  # noqa: E402
from anglewise.integrations import sentence_transformers as ours  # noqa: E402
from anglewise.integrations.sentence_transformers import SimilarityEvaluator  # noqa: E402
from page_examples import differences  # noqa: E402

MEASURES = "dot,cosine,euclidean"
WORDS = [f"w{i}" for i in range(60)]


def texts(count, start):
    """Texts of three words, neighbours of one another sharing two."""
    return {
        f"{start}{i}": " ".join(WORDS[(i + step) % len(WORDS)] for step in range(3))
        for i in range(count)
    }


QUERIES, CORPUS = texts(40, "q"), texts(60, "d")
RELEVANT = {f"q{i}": {f"d{i}", f"d{(i + 1) % 60}"} for i in range(40)}


@pytest.fixture
def model():
    """A mean of word vectors that differ in length, made without any download."""
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(["[UNK]", *WORDS])}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    drawn = torch.Generator().manual_seed(0)
    weights = torch.randn(61, 6, generator=drawn) * torch.rand(61, 1, generator=drawn) * 4
    return SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu"
    )


def evaluator(**options):
    return SimilarityEvaluator(
        QUERIES, CORPUS, RELEVANT, **{"measures": MEASURES, "name": "dev", **options}
    )


def test_every_measure_is_reported_with_its_interval(model):
    evaluate = evaluator(metrics=["R@5"])
    figures = evaluate(model)
    names = [f"dev_{name}" for name in ("chosen", "dot", "cosine", "euclidean")]
    keys = [f"{name}_{metric}" for name in names for metric in ("ndcg@10", "r@5")]
    assert list(figures) == [key + end for key in keys for end in ("", "_low", "_high")]
    for key in keys:
        assert figures[f"{key}_low"] <= figures[key] <= figures[f"{key}_high"]
    assert evaluate.primary_metric == "dev_chosen_ndcg@10"
    assert figures["dev_chosen_ndcg@10"] == figures[f"dev_{evaluate.chosen}_ndcg@10"]
    assert evaluate.comparison.queries == 20


def test_the_figures_are_those_of_the_librarys_own_evaluator(model):
    evaluate = evaluator(metrics=["R@5", "P@5", "RR@10"])
    figures = evaluate(model)
    reported = {query: RELEVANT[query] for query in evaluate.texts.halves[1]}
    theirs = InformationRetrievalEvaluator(
        QUERIES,
        CORPUS,
        reported,
        score_functions={
            "cosine": library.util.cos_sim,
            "dot": library.util.dot_score,
            "euclidean": library.util.euclidean_sim,
        },
        precision_recall_at_k=[5],
        name="dev",
    )(model)
    for measure in ("cosine", "dot", "euclidean"):
        for our, their in {
            "ndcg@10": "ndcg@10",
            "r@5": "recall@5",
            "p@5": "precision@5",
            "rr@10": "mrr@10",
        }.items():
            ours, oracle = figures[f"dev_{measure}_{our}"], theirs[f"dev_{measure}_{their}"]
            assert ours == pytest.approx(oracle, abs=1e-6)


def test_the_measure_is_chosen_on_queries_that_are_not_reported(model):
    """Judgements under which dot wins one half, and cosine the other."""
    plain = evaluator()
    first, second = plain.texts.halves
    assert len(first) == len(second) == 20
    assert not first & second
    space = plain.texts.space(
        model.encode_query(list(QUERIES.values())), model.encode_document(list(CORPUS.values()))
    )
    best = aw.search(space, ["dot", "cosine"], k=1)
    of = {
        name: dict(zip(QUERIES, space.items.ids[best[name].indices[:, 0]], strict=True))
        for name in best
    }
    relevant = {query: {of["dot" if query in first else "cosine"][query]} for query in QUERIES}
    evaluate = SimilarityEvaluator(QUERIES, CORPUS, relevant, measures="dot,cosine", metric="RR@10")
    figures = evaluate(model)
    assert figures["cosine_rr@10"] == 1
    assert evaluate.chosen == "dot"
    assert figures["chosen_rr@10"] == figures["dot_rr@10"] < 1


def test_a_trainer_evaluates_at_every_epoch_and_keeps_the_best(model, tmp_path):
    evaluate = evaluator()
    pairs = datasets.Dataset.from_dict(
        {"anchor": list(QUERIES.values()), "positive": [CORPUS[f"d{i}"] for i in range(40)]}
    )
    arguments = Arguments(
        output_dir=str(tmp_path),
        num_train_epochs=2,
        per_device_train_batch_size=20,
        learning_rate=0.05,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{evaluate.primary_metric}",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = SentenceTransformerTrainer(
        model,
        arguments,
        pairs,
        loss=MultipleNegativesRankingLoss(model),
        evaluator=evaluate,
    )
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "eval_dev_cosine_ndcg@10" in entry]
    assert len(logged) == 2
    assert trainer.state.best_metric == max(e["eval_dev_chosen_ndcg@10"] for e in logged)
    [file] = tmp_path.rglob("Similarity_evaluation_dev_results.csv")
    with file.open(newline="") as rows:
        written = list(csv.DictReader(rows))
    assert [float(row["epoch"]) for row in written] == [1, 2]
    assert {row["chosen"] for row in written} <= {"dot", "cosine", "euclidean"}
    assert float(written[0]["cosine_ndcg@10"]) == logged[0]["eval_dev_cosine_ndcg@10"]
    model.save_pretrained(str(tmp_path / "model"))
    assert "Similarity" in (tmp_path / "model" / "README.md").read_text()


def test_the_same_seed_gives_the_same_figures(model):
    assert evaluator()(model) == evaluator()(model)
    assert evaluator(seed=1).texts.halves != evaluator().texts.halves


def test_another_set_of_columns_is_not_written_beneath_the_first(model, tmp_path):
    evaluator()(model, str(tmp_path))
    with pytest.raises(FileError, match="has other columns"):
        evaluator(measures="dot,cosine")(model, str(tmp_path))
    evaluator(measures="dot", write_csv=False)(model, str(tmp_path))
    with (tmp_path / "Similarity_evaluation_dev_results.csv").open(newline="") as rows:
        assert len(list(csv.reader(rows))) == 2


def test_what_plays_no_part_is_said(caplog):
    relevant = {f"q{i}": {f"d{i}"} for i in range(10)} | {"q3": {"nowhere"}, "zz": {"d1"}}
    with caplog.at_level(logging.WARNING):
        SimilarityEvaluator(QUERIES, CORPUS, relevant)
    assert [record.getMessage() for record in caplog.records] == [
        "30 queries of 40 not judged, so not evaluated",
        "relevant_docs judge queries that are not there, such as zz: left out",
        "1 relevant document that the corpus lacks, such as 'nowhere': they count as missed",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measures": "cosin"}, "cosin"),
        ({"measures": []}, "no measure to evaluate"),
        ({"metric": "ndgc@10"}, "no metric is called"),
        ({"name": "a/b"}, "part of a file's name"),
        ({"relevant_docs": {"q0": "d0"}}, "a set of ids is due"),
        ({"relevant_docs": {"q0": {"d0"}, "q1": {"d1"}, "q2": {"d2"}}}, "at least 4 are due"),
        ({"relevant_docs": {"x": {"d0"}}}, "match"),
        ({"corpus": ["d0"]}, "a dict by id"),
    ],
)
def test_what_is_wrong_is_said_before_any_training(options, message):
    given = {"queries": QUERIES, "corpus": CORPUS, "relevant_docs": RELEVANT} | options
    with pytest.raises(AnglewiseError, match=message):
        SimilarityEvaluator(**given)


def test_what_is_undefined_is_no_figure(model, monkeypatch):
    real = ours.figures

    def with_nan(*arguments):
        return real(*arguments) | {"dot_ndcg@10_low": math.nan}

    monkeypatch.setattr(ours, "figures", with_nan)
    figures = evaluator()(model)
    assert "dev_dot_ndcg@10_low" not in figures
    assert all(map(math.isfinite, figures.values()))


def test_the_example_of_the_page_shows_what_it_prints(model):
    names = {"queries": QUERIES, "corpus": CORPUS, "relevant_docs": RELEVANT, "model": model}
    assert differences("While sentence-transformers trains", names) == ""
