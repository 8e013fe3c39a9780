"""Answer questions about anglewise from its own guides, with any chat endpoint, word by word.

    pip install 'anglewise[text]'
    export OPENAI_API_KEY=...
    python examples/ask_the_docs.py "How many questions must be judged?" --model gpt-4o-mini

Any server that speaks the protocol of OpenAI's ``/chat/completions`` will do: ``--url
http://localhost:8080/v1``, or ``OPENAI_BASE_URL``. Every section of the guides is a passage. What a
score says about relevance is learned from the guides themselves: long titles of sections ask, and
the text under each is its one right answer. That is a makeshift for the judged questions of real
users, and lets through more than these would. Where nothing is relevant, nothing is sent.
``--passages`` shows what would be sent, and asks nobody.
"""

import argparse
import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import anglewise as aw
from anglewise.data_types.sparse import SparseRows
from anglewise.rag.context import Context
from anglewise.rag.relevance import learn_relevance

DOCS = Path(__file__).parents[1] / "docs"
URL = "https://api.openai.com/v1"
TIMEOUT = 120
LONG = 6
"""Titles of so many words are like questions."""


def sections(folder: Path) -> dict[str, tuple[str, str]]:
    """The sections of all pages: ``page.md#number`` to title and text."""
    found: dict[str, tuple[str, str]] = {}
    for page in sorted(folder.rglob("*.md")):
        parts = re.split(r"^##+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for number, (title, text) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
            if text.strip():
                found[f"{page.name}#{number}"] = (title.strip(), text.strip())
    return found


def context_of(known: dict[str, tuple[str, str]], encoder: str, budget: int) -> Context:
    """Encode the sections, let their titles ask, and learn what a score means."""
    texts = {name: text for name, (_, text) in known.items()}
    titles = {name: title for name, (title, _) in known.items()}
    space = aw.encode(texts, encoder, queries=titles, chunk="none")
    about = {"text": list(texts.values()), "title": list(titles.values())}
    items = aw.Embeddings(space.items.vectors, ids=list(texts), metadata=about)
    index = aw.Index(items, "cosine")
    rows = np.flatnonzero([len(title.split()) >= LONG for title in titles.values()])
    own = SparseRows.from_pairs(rows, rows, shape=(len(texts), len(texts)))
    relevance = learn_relevance(index, space, aw.Judgements(own), recall=0.8)
    return Context(index, encoder, budget_tokens=budget, relevance=relevance)


def answer(
    url: str, model: str, messages: list[dict[str, str]], key: str | None = None
) -> Iterator[str]:
    """Ask a chat endpoint and give its words as they come."""
    question = urllib.request.Request(  # noqa: S310 whoever runs this names the address
        f"{url.rstrip('/')}/chat/completions",
        data=json.dumps({"model": model, "messages": messages, "stream": True}).encode(),
        headers={
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            **({"Authorization": f"Bearer {key}"} if key else {}),
        },
    )
    with urllib.request.urlopen(question, timeout=TIMEOUT) as stream:  # noqa: S310
        for line in stream:
            kind, _, event = line.decode("utf-8").strip().partition(":")
            if kind != "data":
                continue  # blank lines, comments that keep the line open
            if event.strip() == "[DONE]":
                return
            said = json.loads(event)
            if "error" in said:
                raise OSError(f"the server says: {said['error']}")
            for choice in said.get("choices", []):
                yield choice.get("delta", {}).get("content") or ""
    raise OSError("the answer broke off before its end")


def main() -> int:
    """Find the passages, ask, print the answer and where it comes from."""
    parser = argparse.ArgumentParser(description="Ask the guides of anglewise.")
    parser.add_argument("question")
    parser.add_argument("--url", default=os.environ.get("OPENAI_BASE_URL", URL))
    parser.add_argument("--model", default="gpt-4o-mini")
    parser.add_argument("--docs", type=Path, default=DOCS)
    parser.add_argument("--encoder", default="use")
    parser.add_argument("--budget", type=int, default=3000)
    parser.add_argument("--passages", action="store_true", help="show them, and ask nobody")
    asked = parser.parse_args()
    try:
        found = context_of(sections(asked.docs), asked.encoder, asked.budget)(asked.question)
        if asked.passages:
            print(found.text())
            return 0
        if found.nothing_relevant:
            print("The guides say nothing about this.")
            return 0
        key = os.environ.get("OPENAI_API_KEY")
        for words in answer(asked.url, asked.model, found.messages(), key):
            print(words, end="", flush=True)
    except (aw.AnglewiseError, OSError, ValueError) as error:
        sys.stderr.write(f"\n{error}\n")
        return 2
    print("\n")
    for number, one in enumerate(found.passages, start=1):
        print(f"[{number}] {one.id} {one.title} (relevant with {one.probability:.0%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
