"""Rerankers by the CrossEncoder of sentence-transformers, with the real library and made models."""

import numpy as np
import pytest
import torch

library = pytest.importorskip("sentence_transformers")

from tokenizers import Tokenizer  # noqa: E402
from tokenizers.models import WordLevel  # noqa: E402
from tokenizers.pre_tokenizers import Whitespace  # noqa: E402
from tokenizers.processors import TemplateProcessing  # noqa: E402
from transformers import (  # noqa: E402
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

import anglewise as aw  # noqa: E402
from anglewise.encoders.reranker import reranker  # noqa: E402
from anglewise.encoders.scored_pairs import ScoredPairs  # noqa: E402
from anglewise.errors import EncoderError  # noqa: E402

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(40))]
TEXTS = {f"d{i}": f"w{i} w{i + 1} w{i + 2}" for i in range(30)}
QUERIES = {f"q{i}": f"w{i + 1}" for i in range(12)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small BERT with one label and drawn weights, saved as the library saves its models."""
    return saved(tmp_path_factory.mktemp("cross-encoder"), labels=1)


def saved(place, labels):
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        model_max_length=16,
        **dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), WORDS, strict=False)),
    )
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        num_labels=labels,
        initializer_range=0.5,
    )
    BertForSequenceClassification(config).eval().save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def predicted(folder, query):
    model = library.CrossEncoder(str(folder), device="cpu")
    return model.predict([(query, text) for text in TEXTS.values()])


def test_scores_are_those_of_the_library(folder):
    made = reranker(f"sentence-transformers:{folder}?device=cpu")
    for query in QUERIES.values():
        np.testing.assert_allclose(
            made(query, list(TEXTS.values())), predicted(folder, query), rtol=0, atol=1e-5
        )


def test_texts_that_are_cut_off_are_counted(folder):
    made = reranker(f"sentence-transformers:{folder}?device=cpu")
    assert made.window == 16
    assert made.tokens("w1", ["w1 w2", "w1 " * 30]) == [6, 34]
    assert ScoredPairs(made).of("q", "w1", ["w1 w2", "w1 " * 30], "").cut_off == 1


def test_a_reranking_in_a_comparison_is_in_the_order_of_the_library(folder):
    rng = np.random.default_rng(0)
    space = aw.Space(
        queries=aw.Embeddings(
            rng.normal(size=(12, 4)), list(QUERIES), {"text": list(QUERIES.values())}
        ),
        items=aw.Embeddings(rng.normal(size=(30, 4)), list(TEXTS), {"text": list(TEXTS.values())}),
    )
    judged = aw.Judgements.from_dict({f"q{i}": {f"d{i}": 1} for i in range(12)}, space)
    by = f"sentence-transformers:{folder}?device=cpu"
    result = aw.compare(space, judged, ["dot", "rerank(dot,30)"], "RR@10", reranker=by)
    ranks = []
    for i, query in enumerate(QUERIES.values()):
        order = np.argsort(-predicted(folder, query), kind="stable")
        rank = 1 + order.tolist().index(i)
        ranks.append(1 / rank if rank <= 10 else 0)
    row = next(row for row in result.measures if row.measure.startswith("rerank"))
    assert row.metrics["RR@10"].mean == pytest.approx(np.mean(ranks))


def test_a_model_of_several_labels_is_refused(tmp_path):
    made = reranker(f"sentence-transformers:{saved(tmp_path, labels=3)}?device=cpu")
    with pytest.raises(EncoderError, match=r"gave shape \(2, 3\), where one for each of 2 texts"):
        ScoredPairs(made).of("q", "w1", ["w1", "w2"], "1 of 1")
