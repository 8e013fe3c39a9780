"""The spaces of `label_free.py`: every model on every data set, with judgements held out.

Three kinds of data: interactions (recommenders, asked for items by users and by items), texts
(encoders and topic models) and tables (columns, and projections of them).
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import real_texts
from scipy.sparse import csr_matrix
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.typing import Direction
from anglewise.encoders.document_files import read_documents
from anglewise.encoders.documents import Documents
from anglewise.encoders.encode import encode
from anglewise.experiment.catalogue import simulate
from anglewise.io.models_in_memory import from_model
from anglewise.io.read import read_interactions, read_judgements
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels
from anglewise.recommender_models.fit import Fitted, fit

Judged: TypeAlias = tuple[Space, Mapping[Direction, Judgements]]
Settings: TypeAlias = Mapping[str, Any]
STEPS, BATCH, RATE, TEMPERATURE = 300, 512, 0.02, 0.1
"""Of our own training: steps of Adam, users a step, learning rate; what cosines are divided by."""
WORD, LONG_WORD = r"[a-z]{2,}", r"[a-z]{3,}"


def pairs(
    data: Path, protocol: Settings, cache: Path
) -> Iterator[tuple[str, str, Callable[[], Judged]]]:
    """Data set, model, and what makes the space; data of one set are read once."""
    makers = {"interactions": Recommended, "texts": Written, "table": Tabled}
    for name, settings in protocol["data"].items():
        one = makers[settings["kind"]](name, settings, data, cache, protocol["seed"])
        for model in protocol["models"][settings["kind"]]:
            yield name, model, partial(one.space, model)


@dataclass
class Recommended:
    """Interactions, a fifth of whose users are held out; the others and half of what these did."""

    name: str
    settings: Settings
    data: Path
    cache: Path
    seed: int

    @cached_property
    def table(self) -> Interactions:
        """Of so many users drawn, the users and items that were used often enough."""
        if self.settings["made"]:
            found = simulate(
                self.settings["users"], self.settings["items"], seed=self.settings["seed"]
            )
            return found.interactions
        folder = self.data / self.settings["set"]
        if self.settings.get("words"):
            did = of_words(folder)
        else:
            did = read_interactions(folder / "interactions.csv.gz")
        return often(did, self.settings["users"], self.settings["least"], self.seed)

    @cached_property
    def linear(self) -> Fitted:
        """The linear model by the objective product."""
        return self.fitted(objective="product", penalty=1000.0)

    def fitted(self, **settings: Any) -> Fitted:
        """A linear model in 64 dimensions."""
        return fit(self.table, components=64, holdout=0.2, seed=self.seed, **settings)

    def space(self, model: str) -> Judged:
        """One model by its name in the protocol."""
        base, judged = self.linear.space, self.linear.judgements
        if model == "linear, product":
            return base, judged
        if model == "linear, factors":
            return self.fitted(objective="factors", penalty=10.0).space, judged
        if model == "SVD, item-orthonormal":
            gauge = "item-orthonormal"
            return self.fitted(objective="product", penalty=1.0, gauge=gauge).space, judged
        used = base.seen
        ones = np.ones(len(used.indices), dtype=np.float32)
        table = csr_matrix((ones, used.indices.astype(np.int32), used.indptr), shape=used.shape)
        if model == "NMF":
            found = NMF(n_components=40, init="nndsvda", random_state=self.seed, max_iter=100)
            return like(base, found.fit_transform(table), found.components_.T), judged
        if model in LOSSES:
            users, items = trained(table, LOSSES[model], self.seed)
            trained_for = "cosine" if model == "softmax of cosines" else "dot"
            return like(base, users, items, trained_for), judged
        learner = by_implicit(model, self.seed)
        learner.fit(table, show_progress=False)
        ids = {"user_ids": base.queries.ids, "item_ids": base.items.ids}
        space = from_model(learner, seen=used, **ids)
        return space, judged


def of_words(folder: Path) -> Interactions:
    """Texts as users of the words that they hold, each once."""
    counts = CountVectorizer(token_pattern=LONG_WORD, binary=True)
    table = counts.fit_transform([words for _, words, _ in texts_of(folder)]).tocoo()
    return Interactions(
        users=table.row.astype(np.int64),
        items=table.col.astype(np.int64),
        weights=np.ones(table.nnz),
        user_ids=np.array([f"text-{row}" for row in range(table.shape[0])], dtype=object),
        item_ids=np.array(counts.get_feature_names_out(), dtype=object),
    )


def texts_of(folder: Path) -> list[tuple[str, str, str]]:
    """Id, words and label, if any, of each text of a data set that holds any words."""
    if (folder / "texts.csv").exists():
        with (folder / "texts.csv").open(newline="", encoding="utf-8") as file:
            rows = [
                (str(n), row["text"], row["label"]) for n, row in enumerate(csv.DictReader(file))
            ]
    else:
        corpus = read_documents(folder / "corpus.jsonl.gz")
        rows = [(name, words, "") for name, words in zip(corpus.ids, corpus.words, strict=True)]
    return [row for row in rows if row[1].strip()]


def often(did: Interactions, users: int, least: int, seed: int) -> Interactions:
    """Of users drawn by lot, those and the items that are used at least so often, all at once."""
    counts = np.bincount(did.users, minlength=did.shape[0])
    able = np.flatnonzero(counts >= least)
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(able, min(users, len(able)), replace=False))
    keep = np.isin(did.users, drawn)
    while True:
        of_user = np.bincount(did.users[keep], minlength=did.shape[0])
        of_item = np.bincount(did.items[keep], minlength=did.shape[1])
        left = keep & (of_user[did.users] >= least) & (of_item[did.items] >= least)
        if left.sum() == keep.sum():
            break
        keep = left
    user_rows, users_of = np.unique(did.users[keep], return_inverse=True)
    item_rows, items_of = np.unique(did.items[keep], return_inverse=True)
    return Interactions(
        users=users_of,
        items=items_of,
        weights=np.ones(int(keep.sum())),
        user_ids=np.asarray(did.user_ids)[user_rows],
        item_ids=np.asarray(did.item_ids)[item_rows],
    )


def like(base: Space, users: np.ndarray, items: np.ndarray, trained_for: Any = "dot") -> Space:
    """Other vectors for the same rows."""
    return Space(
        queries=Embeddings(users, ids=base.queries.ids),
        items=Embeddings(items, ids=base.items.ids),
        trained_for=trained_for,
        seen=base.seen,
    )


def by_implicit(model: str, seed: int) -> Any:
    """A model of the library implicit, untrained."""
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.lmf import LogisticMatrixFactorization

    usual = {"factors": 64, "random_state": seed, "num_threads": 1}
    known = {
        "ALS, decay 0.01": partial(AlternatingLeastSquares, regularization=0.01, iterations=15),
        "ALS, decay 10": partial(AlternatingLeastSquares, regularization=10.0, iterations=15),
        "BPR": partial(BayesianPersonalizedRanking, iterations=100),
        "LMF": partial(LogisticMatrixFactorization, iterations=30),
    }
    return known[model](**usual)


def squares(scores: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The slope of the squared error, by the scores."""
    return (scores - used) / 10


def softmax(scores: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The slope of the cross entropy of what a user used, by the scores."""
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    share = used / np.maximum(used.sum(axis=1, keepdims=True), 1)
    return scores / scores.sum(axis=1, keepdims=True) - share


LOSSES = {
    "squared error, Adam": "squares",
    "softmax of products": "products",
    "softmax of cosines": "cosines",
}


def trained(table: csr_matrix, loss: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Users and items of 64 dimensions by Adam, all items at each step; no weight decay."""
    rng = np.random.default_rng(seed)
    sides = [rng.normal(scale=0.1, size=(rows, 64)).astype(np.float32) for rows in table.shape]
    moments = [[np.zeros_like(side), np.zeros_like(side)] for side in sides]
    for step in range(1, STEPS + 1):
        rows = np.sort(rng.choice(table.shape[0], min(BATCH, table.shape[0]), replace=False))
        used = table[rows].toarray()
        users, items = sides[0][rows], sides[1]
        left, right = users, items
        if loss == "cosines":
            lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in (users, items)]
            left, right = users / lengths[0], items / lengths[1]
        times = 1 / TEMPERATURE if loss == "cosines" else 1.0
        slope = (squares if loss == "squares" else softmax)(times * (left @ right.T), used) * times
        slopes = [slope @ right, slope.T @ left]
        if loss == "cosines":  # through the normalisation
            slopes = [
                (g - (g * u).sum(axis=1, keepdims=True) * u) / n
                for g, u, n in zip(slopes, (left, right), lengths, strict=True)
            ]
        whole = np.zeros_like(sides[0])
        whole[rows] = slopes[0]
        for side, g, moment in zip(sides, (whole, slopes[1]), moments, strict=True):
            adam(side, g, moment, step)
    return sides[0], sides[1]


def adam(side: np.ndarray, g: np.ndarray, moment: list[np.ndarray], step: int) -> None:
    """One step of Adam (Kingma and Ba, 2015), in place."""
    moment[0] += 0.1 * (g - moment[0])
    moment[1] += 0.001 * (g * g - moment[1])
    mean, square = moment[0] / (1 - 0.9**step), moment[1] / (1 - 0.999**step)
    side -= RATE * mean / (np.sqrt(square) + 1e-8)


@dataclass
class Written:
    """Texts: asked by questions with judgements, or by one another where they have labels."""

    name: str
    settings: Settings
    data: Path
    cache: Path
    seed: int

    @cached_property
    def texts(self) -> tuple[Documents, Documents | None, Any]:
        """Documents, questions if there are any, and the file of judgements or the labels."""
        if self.settings["made"]:
            return made_texts(self.settings, np.random.default_rng(self.settings["seed"]))
        rng, folder = np.random.default_rng(self.seed), self.data / self.settings["set"]
        rows = texts_of(folder)
        if "texts" in self.settings:
            drawn = np.sort(rng.choice(len(rows), self.settings["texts"], replace=False))
            rows = [rows[place] for place in drawn]
        documents = Documents([row[0] for row in rows], [row[1] for row in rows])
        if not (folder / "qrels.tsv").exists():
            return documents, None, Labels({name: label for name, _, label in rows})
        asked = read_documents(folder / "queries.jsonl")
        size = min(self.settings["queries"], len(asked.ids))
        drawn = np.sort(rng.choice(len(asked.ids), size, replace=False))
        questions = Documents([asked.ids[i] for i in drawn], [asked.words[i] for i in drawn])
        return documents, questions, folder / "qrels.tsv"

    def space(self, model: str) -> Judged:
        """One model by its name in the protocol."""
        documents, questions, truth = self.texts
        asked = [] if questions is None else list(questions.words)
        if model in ENCODERS:
            spec = real_texts.encoders()[ENCODERS[model]]
            found = encode(documents, spec, queries=questions, chunk="none", cache=self.cache)
            vectors = found.items.vectors
            asking = None if questions is None else found.queries.vectors
            if model == "word vectors, sum":
                vectors = vectors * words_of(documents.words)
                asking = None if asking is None else asking * words_of(asked)
        else:
            vectors, asking = TOPICS[model](list(documents.words), asked, self.seed)
            asking = asking if asked else None
        items = Embeddings(vectors, ids=documents.ids, metadata={"text": list(documents.words)})
        queries = None if asking is None else Embeddings(asking, ids=questions.ids)
        space = Space(items=items, queries=queries)
        if isinstance(truth, Labels):
            number = self.settings["queries"]
            judged = from_labels(space, truth, queries=number, seed=self.seed)
        elif isinstance(truth, Path):
            judged = read_judgements(truth, space)
        else:
            judged = Judgements(truth)
        return space, {judged.direction: judged}


ENCODERS = {
    "sentence encoder, unit length": "use",
    "transformer": "MiniLM",
    "word vectors, mean": "glove",
    "word vectors, sum": "glove",
}


def words_of(texts: Any) -> np.ndarray:
    """How many words there are in each text, at least one."""
    return np.array([[max(len(text.split()), 1)] for text in texts], dtype=np.float32)


def by_topics(
    vectoriser: Any, model: Any, documents: list[str], asked: list[str], seed: int
) -> Any:
    """A projection of counts of words, learnt from the documents alone."""
    counts = vectoriser(min_df=2, token_pattern=WORD)
    table = counts.fit_transform(documents)
    learner = model(random_state=seed)
    vectors = learner.fit_transform(table)
    return vectors, learner.transform(counts.transform(asked)) if asked else None


def by_shared_texts(documents: list[str], asked: list[str], seed: int) -> Any:
    """Means of word vectors that were learnt here: what words share texts beyond chance."""
    counts = CountVectorizer(min_df=3, max_features=4_000, token_pattern=WORD)
    table = counts.fit_transform(documents)
    once = (table > 0).astype(np.float64)
    together = (once.T @ once).toarray()
    alone = np.diag(together).copy()
    with np.errstate(divide="ignore"):
        beyond = np.log(together * len(documents) / np.outer(alone, alone))
    words = TruncatedSVD(100, random_state=seed).fit_transform(np.maximum(beyond, 0))
    means = [_means(table, words)]
    if asked:
        means.append(_means(counts.transform(asked), words))
    return means[0], means[1] if asked else None


def _means(table: Any, words: np.ndarray) -> np.ndarray:
    return (table @ words) / np.maximum(np.asarray(table.sum(axis=1)), 1)


TOPICS: Mapping[str, Callable[[list[str], list[str], int], Any]] = {
    "LSA of tf-idf": partial(by_topics, TfidfVectorizer, partial(TruncatedSVD, 100)),
    "LSA of counts": partial(by_topics, CountVectorizer, partial(TruncatedSVD, 100)),
    "NMF of tf-idf": partial(by_topics, TfidfVectorizer, partial(NMF, 40, max_iter=100)),
    "own word vectors, mean": by_shared_texts,
}


@dataclass
class Tabled:
    """Rows of numbers with classes, as scikit-learn brings them."""

    name: str
    settings: Settings
    data: Path
    cache: Path
    seed: int

    def space(self, model: str) -> Judged:
        """One way of making vectors of the columns."""
        if self.settings["made"]:
            rows, classes = made_table(self.settings, np.random.default_rng(self.settings["seed"]))
        else:
            from sklearn import datasets

            found: Any = getattr(datasets, f"load_{self.settings['set']}")()
            rows, classes = found.data, found.target
        vectors = TABLES[model](rows, self.seed)
        space = Space(items=Embeddings(vectors))
        labels = Labels({str(i): str(c) for i, c in zip(space.items.ids, classes, strict=True)})
        number = min(self.settings["queries"], len(rows))
        return space, {"items-items": from_labels(space, labels, queries=number, seed=self.seed)}


def standardised(rows: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1; those that do not vary are 0."""
    deviation = rows.std(axis=0)
    return (rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def stretched(rows: np.ndarray) -> np.ndarray:
    """Columns from 0 to 1."""
    span = np.ptp(rows, axis=0)
    return (rows - rows.min(axis=0)) / np.where(span > 0, span, 1)


def half(rows: np.ndarray) -> int:
    """Half of the columns, at least two and at most 16."""
    return int(np.clip(rows.shape[1] // 2, 2, 16))


TABLES: Mapping[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "raw": lambda rows, _seed: rows,
    "standardised": lambda rows, _seed: standardised(rows),
    "from 0 to 1": lambda rows, _seed: stretched(rows),
    "principal components": lambda rows, seed: PCA(half(rows), random_state=seed).fit_transform(
        standardised(rows)
    ),
    "NMF": lambda rows, seed: NMF(
        half(rows), random_state=seed, init="nndsvda", max_iter=500
    ).fit_transform(stretched(rows)),
}


def made_texts(settings: Settings, rng: np.random.Generator) -> Any:
    """Texts of invented words for a trial of the code: a topic each, and questions of a topic."""
    words = np.array([f"{a}{b}{c}o" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"])
    shares = rng.dirichlet(np.full(len(words), 0.1), size=8)
    topic = rng.integers(8, size=settings["texts"])
    texts = [" ".join(rng.choice(words, rng.integers(8, 80), p=shares[t])) for t in topic]
    asks = rng.integers(8, size=settings["queries"])
    questions = [" ".join(rng.choice(words, 6, p=shares[t])) for t in asks]
    gains = csr_matrix((asks[:, None] == topic[None, :]).astype(float))
    ids = [[f"{side}{i}" for i in range(n)] for side, n in (("d", len(topic)), ("q", len(asks)))]
    return Documents(ids[0], texts), Documents(ids[1], questions), gains


def made_table(settings: Settings, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows about the middles of classes for a trial of the code."""
    classes = rng.integers(4, size=settings["rows"])
    return rng.gamma(2, size=(4, 6))[classes] + rng.gamma(2, size=(len(classes), 6)), classes
