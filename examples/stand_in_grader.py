r"""A stand-in for a language model that grades: an endpoint on this machine while a command runs.

    python examples/stand_in_grader.py queries.jsonl corpus.jsonl.gz qrels.tsv -- \
        anglewise judge grade SPACE pool.csv --model stand-in --url http://127.0.0.1:8723/v1

It answers ``/v1/chat/completions`` as servers of models do. Which pair it is asked about it reads
from the prompt, as a model would; what the assessors said of it is its answer in four of five
cases, and one grade too many or too few in the fifth. With a model of your own you need none of
this: give its address.
"""

import csv
import gzip
import json
import re
import subprocess
import sys
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT, RIGHT, HIGHEST = 8723, 0.8, 3


def ids_by_text(path: Path) -> dict[str, str]:
    """From the words of each text, whatever stands between them, to its id."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        rows = map(json.loads, lines)
        return {words(f"{row.get('title') or ''} {row['text']}"): row["_id"] for row in rows}


def words(text: str) -> str:
    """Its letters and digits alone."""
    return " ".join(re.findall(r"\w+", text))


class Assessors:
    """What is known of the pairs, and what the stand-in says of them."""

    def __init__(self, queries: Path, corpus: Path, qrels: Path) -> None:
        """Read all three."""
        self.queries, self.documents = ids_by_text(queries), ids_by_text(corpus)
        with qrels.open() as file:
            rows = csv.reader(file, delimiter="\t")
            self.said = {(query, item): grade for query, item, grade in rows}

    def answer(self, prompt: str) -> str:
        """The answer to a prompt: the id of the pair that it names, and a grade."""
        [pair] = re.findall(r'\{"id": "([0-9a-f]{8})", "grade": GRADE\}', prompt)
        text = words(prompt)
        query = max((q for q in self.queries if q in text), key=len)
        document = max((d for d in self.documents if d in text), key=len)
        ids = self.queries[query], self.documents[document]
        grade = min(int(self.said.get(ids, 0)), HIGHEST)
        chance = int(sha256("\0".join(ids).encode()).hexdigest()[:8], 16) / 2**32
        if chance >= RIGHT:
            grade += 1 if grade == 0 or (grade < HIGHEST and chance > (1 + RIGHT) / 2) else -1
        return json.dumps({"id": pair, "grade": grade})


def handler(assessors: Assessors) -> type[BaseHTTPRequestHandler]:
    """What answers requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            words = assessors.answer(asked["messages"][0]["content"])
            choice = {"index": 0, "message": {"role": "assistant", "content": words}}
            body = json.dumps({"choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quietly."""

    return Handler


def main(files: list[str], command: list[str]) -> int:
    """Answer while the command runs."""
    assessors = Assessors(*map(Path, files))
    with ThreadingHTTPServer(("127.0.0.1", PORT), handler(assessors)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code = subprocess.run(command, check=False).returncode  # noqa: S603 what was typed
        server.shutdown()
    return code


if __name__ == "__main__":
    at = sys.argv.index("--")
    sys.exit(main(sys.argv[1:at], sys.argv[at + 1 :]))
