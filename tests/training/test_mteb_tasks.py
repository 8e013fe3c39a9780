"""MTEB itself on local data: what it finds is what a comparison of ours finds."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

mteb = pytest.importorskip("mteb")

import anglewise as aw  # noqa: E402
from anglewise.integrations.mteb import MtebEncoder, retrieval_task  # noqa: E402
from page_examples import differences  # noqa: E402

# What MTEB calls of itself and of others that is not to be called any more.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

WORDS = [f"w{i}" for i in range(30)]


@pytest.fixture
def folder(tmp_path):
    """A BEIR folder of texts that share words; a query is three words of its document."""
    root = tmp_path / "beir"
    (root / "qrels").mkdir(parents=True)
    rng = np.random.default_rng(0)
    drawn = [rng.choice(WORDS, 8).tolist() for _ in range(50)]
    with gzip.open(root / "corpus.jsonl.gz", "wt") as corpus:
        for i, words in enumerate(drawn):
            line = {"_id": f"d{i}", "title": words[0], "text": " ".join(words[1:])}
            corpus.write(json.dumps(line) + "\n")
    with (root / "queries.jsonl").open("w") as queries:
        for i in range(25):
            queries.write(json.dumps({"_id": f"q{i}", "text": " ".join(drawn[i][2:5])}) + "\n")
    lines = ["query-id\tcorpus-id\tscore"]
    lines += [f"q{i}\td{i}\t2\nq{i}\td{i + 1}\t1\nq{i}\td{i + 2}\t0" for i in range(20)]
    lines += ["q0\tnowhere\t1"]
    (root / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    return root


VECTORS = np.random.default_rng(1).standard_normal((len(WORDS), 12))


def summed_words(texts):
    """Sums of word vectors, of which no two score alike by chance."""
    counts = np.array([[text.split().count(word) for word in WORDS] for text in texts])
    return counts @ VECTORS


def evaluated(model, task, **options):
    options = {"cache": None, "show_progress_bar": False, **options}
    [result] = mteb.evaluate(model, task, **options).task_results
    [scores] = result.scores["test"]
    return scores


@pytest.mark.parametrize("measure", ["cosine", "dot", "euclidean", "manhattan"])
def test_mteb_and_a_comparison_agree_on_the_same_folder(folder, measure):
    scores = evaluated(MtebEncoder(summed_words, measure), retrieval_task(folder, "Local"))
    lines = gzip.decompress((folder / "corpus.jsonl.gz").read_bytes()).splitlines()
    corpus = [json.loads(line) for line in lines]
    queries = [json.loads(line) for line in (folder / "queries.jsonl").read_text().splitlines()]
    items = aw.Embeddings(
        summed_words([f"{d['title']} {d['text']}" for d in corpus]), [d["_id"] for d in corpus]
    )
    asking = aw.Embeddings(summed_words([q["text"] for q in queries]), [q["_id"] for q in queries])
    space = aw.Space(queries=asking, items=items)
    result = aw.compare(space, aw.read_judgements(folder, space), measure, metrics="R@100")
    [row] = result.measures
    assert scores["ndcg_at_10"] == pytest.approx(row.metrics["nDCG@10"].mean, abs=2e-5)
    assert scores["recall_at_100"] == pytest.approx(row.metrics["R@100"].mean, abs=2e-5)
    assert scores["main_score"] == scores["ndcg_at_10"]


def test_the_predictions_are_a_run_that_is_judged_alike(folder, tmp_path):
    model = MtebEncoder(summed_words, "cosine")
    scores = evaluated(
        model, retrieval_task(folder, "Local"), prediction_folder=tmp_path / "predictions"
    )
    [file] = (tmp_path / "predictions").rglob("*.json")
    run = aw.read_run(file, "mteb")
    names = [f"q{i}" for i in range(25)], [f"d{i}" for i in range(50)]
    space = aw.Space(
        queries=aw.Embeddings(np.ones((25, 1)), names[0]),
        items=aw.Embeddings(np.ones((50, 1)), names[1]),
    )
    result = aw.compare(space, aw.read_judgements(folder, space), (), runs=run)
    assert scores["ndcg_at_10"] == pytest.approx(
        result.measures[0].metrics["nDCG@10"].mean, abs=2e-5
    )


def test_a_model_of_sentence_transformers_takes_the_task(folder):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({w: i for i, w in enumerate(["[UNK]", *WORDS])}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    weights = np.eye(31, dtype=np.float32)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, weights)], device="cpu")
    assert evaluated(model, retrieval_task(folder, "Local"))["ndcg_at_10"] > 0.4


def test_questions_are_encoded_as_questions(folder):
    asked = []

    def questions(texts):
        asked.extend(texts)
        return summed_words(texts)

    encoder = aw.Encoder(spec="mine", documents=summed_words, queries=questions)
    evaluated(MtebEncoder(encoder, "dot"), retrieval_task(folder, "Local"))
    assert len(asked) == 20
    assert all(len(text.split()) == 3 for text in asked)


def test_cached_results_are_those_of_the_same_weights_data_and_measure(folder, tmp_path):
    cache = mteb.ResultCache(tmp_path / "cache")
    calls = []

    def vectors(texts):
        calls.append(len(texts))
        return summed_words(texts)

    def run(measure, identity):
        calls.clear()
        encoder = aw.Encoder(spec="mine", documents=vectors, identity=identity)
        scores = evaluated(
            MtebEncoder(encoder, measure), retrieval_task(folder, "Local"), cache=cache
        )
        return bool(calls), scores["ndcg_at_10"]

    encoded, first = run("dot", "weights 1")
    assert encoded
    assert run("dot", "weights 1") == (False, first)
    assert run("cosine", "weights 1")[0]
    assert run("dot", "weights 2")[0]
    assert run("dot", "")[0]
    assert run("dot", "")[0]
    with (folder / "qrels" / "test.tsv").open("a") as qrels:
        qrels.write("q20\td20\t1\n")
    assert run("dot", "weights 1")[0]


def test_pairs_score_as_in_the_whole_table():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 300, 4)).astype(np.float32)
    model = MtebEncoder(summed_words, "euclidean")
    assert np.array_equal(
        model.similarity_pairwise(a, b).numpy(), np.diagonal(model.similarity(a, b).numpy())
    )


def test_a_grade_between_whole_numbers_is_refused(folder):
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td0\t0.5\n")
    with pytest.raises(aw.AnglewiseError, match=r"grade 0\.5, and MTEB takes whole ones"):
        retrieval_task(folder, "Local")


def test_a_folder_without_texts_is_refused(folder):
    (folder / "queries.jsonl").unlink()
    with pytest.raises(aw.AnglewiseError, match=r"lacks corpus.jsonl or queries.jsonl"):
        retrieval_task(folder, "Local")


def test_the_example_of_the_page_shows_what_it_prints(tmp_path, monkeypatch):
    guides = Path(aw.__file__).parent / "experiment" / "retrieval"
    shutil.copytree(guides, tmp_path / "guides")
    monkeypatch.chdir(tmp_path)
    assert differences("MTEB on your own texts", {}) == ""
