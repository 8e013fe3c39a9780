"""Which column holds what: conventional names are recognised, others are given by option."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anglewise.errors import FileError, SpellingError


@dataclass(frozen=True)
class Role:
    """What a column is for, the option that names it, and names it usually goes by.

    ``names`` are parted by blanks, the best first, and are compared without case, underscores
    and hyphens.
    """

    meaning: str
    option: str
    names: str


USER = Role(
    "users",
    "user",
    "userid user uid username useridx customerid customer visitorid reviewerid "
    "memberid accountid playerid sessionid session",
)
ITEM = Role(
    "items",
    "item",
    "itemid item iid movieid movie productid product asin parentasin sku stockcode "
    "bookid isbn artistid trackid songid businessid gameid appid animeid articleid "
    "newsid videoid contentid itemidx",
)
WEIGHT = Role(
    "weights",
    "weight",
    "rating weight score count value overall stars plays playcount listens quantity "
    "interactions interaction",
)
TIME = Role(
    "times",
    "time",
    "timestamp time datetime date unixtime unixreviewtime ts createdat eventtime "
    "reviewdate invoicedate",
)
QUERY = Role(
    "queries",
    "query_column",
    "queryid query qid topicid topic questionid question userid user",
)
DOCUMENT = Role(
    "items",
    "item_column",
    "itemid item corpusid docid docno documentid document doc did passageid pid "
    "movieid productid asin neighbourid neighborid",
)
GAIN = Role(
    "gains",
    "gain_column",
    "gain relevance rel score grade label judgement judgment relevancy rating qrel",
)
ID = Role(
    "ids",
    "id_column",
    "id docid itemid queryid userid corpusid passageid productid movieid uid key name "
    "word token asin sku url path filename",
)
VECTOR = Role(
    "vectors",
    "vector_column",
    "vector embedding emb embeddings vectors values vec denseembedding densevector "
    "features factors openai data",
)
LEFT = Role(
    "left side",
    "query_column",
    "ida id1 a left itema item1 first worda word1 sentence1",
)
RIGHT = Role(
    "right side",
    "item_column",
    "idb id2 b right itemb item2 second wordb word2 sentence2",
)
LIKENESS = Role(
    "scores",
    "gain_column",
    "score similarity gain rating relatedness label simlex999 human",
)
ANCHOR = Role("anchors", "anchor", "anchor anchorid query queryid reference")
NEAR = Role("near ones", "near", "near nearid positive positiveid pos closer")
FAR = Role("far ones", "far", "far farid negative negativeid neg further")
LABEL = Role("labels", "label_column", "label class category group cluster")


def plain(name: str) -> str:
    """A column name as it is compared, without the type that RecBole writes behind it.

    >>> plain("User-ID"), plain("item_id:token")
    ('userid', 'itemid')
    """
    return re.sub(r"[\W_]", "", re.sub(r":(token|float)(_seq)?$", "", name.strip()).lower())


def find(names: Sequence[str], role: Role, given: str | None, path: Path) -> int | None:
    """The position of the column with a role: the one given, else the best-known name, else none.

    Raises ``SpellingError`` when the given name is not there.

    >>> find(["uid", "movieId"], ITEM, None, Path("ratings.csv"))
    1
    """
    if given is not None:
        for wanted in (names, [re.sub(r":\w+$", "", name) for name in names]):
            if given in wanted:
                return list(wanted).index(given)
        raise SpellingError(
            f"{path} has no column {given!r} for the {role.meaning}: "
            f"its columns are {listed(names)}"
        )
    known = [plain(name) for name in names]
    return next((known.index(name) for name in role.names.split() if name in known), None)


def need(names: Sequence[str], role: Role, given: str | None, path: Path) -> int:
    """As ``find``, but ``FileError`` where there is none."""
    position = find(names, role, given, path)
    if position is None:
        raise FileError(
            f"{path}: cannot tell which column holds the {role.meaning} among {listed(names)}; "
            f"name it: {role.option}=... (--{role.option.replace('_', '-')})"
        )
    return position


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in a sentence, not too many.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    >>> listed(["a", "b"], most=2)
    'a, b'
    """
    shown = ", ".join(str(name)[:40] for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
