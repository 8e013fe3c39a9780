"""The same three films as every kind of file of texts, and files of PDF."""

import json

IDS = ["7", "9", "12"]
TITLES = ["Heat", "Alien", "Cube"]
TEXTS = ["A crew robs\na bank & flees.", "A voyage ends <badly>.", "Six in a box: 1 < 2."]
ROWS = list(zip(IDS, TITLES, TEXTS, strict=True))


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def smart(rows=ROWS):
    return "".join(f".I {i}\n.T\n{title}\n.A\nmann\n.W\n{text}\n" for i, title, text in rows)


def trec(rows=ROWS):
    return "".join(
        f"<DOC>\n<DOCNO> {i} </DOCNO>\n<TITLE>{escaped(title)}</TITLE>\n<DATE>1995</DATE>\n"
        f"<TEXT>\n{escaped(text)}\n</TEXT>\n</DOC>\n"
        for i, title, text in rows
    )


def topics(rows=ROWS):
    return "".join(
        f"<top>\n<num> Number: {i}\n<title> Topic: {escaped(title)}\n<desc> Description:\n"
        f"{escaped(text)}\n</top>\n"
        for i, title, text in rows
    )


def beir(rows=ROWS):
    return [{"_id": i, "title": title, "text": text} for i, title, text in rows]


def json_lines(rows=ROWS):
    return "".join(json.dumps(row) + "\n" for row in beir(rows))


def json_array(rows=ROWS):
    return json.dumps(beir(rows), indent=1)


def html(title, text):
    return (
        f"<!DOCTYPE html><html><head><meta charset=utf-8><title>{escaped(title)}</title>"
        "<style>p { color: red }</style></head>\n<body><script>track()</script>\n"
        f"<p>{escaped(text)}</p></body></html>"
    )


def pdf(pages, extra=b""):
    """A PDF with a line of text on each page; ``None`` draws a square and no text."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for text in pages:
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (len(objects) + 2)
        )
        drawn = b"9 9 99 99 re f" if text is None else b"BT /F1 12 Tf 72 700 Td (%s) Tj ET"
        drawn = drawn if text is None else drawn % text.encode("latin-1")
        objects.append(b"<< /Length %d %s>>\nstream\n%s\nendstream" % (len(drawn), extra, drawn))
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(pages)} >>".encode()
    return pdf_of(objects)


def pdf_of(objects):
    out = bytearray(b"%PDF-1.4\n")
    starts = []
    for number, content in enumerate(objects, start=1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % start for start in starts)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
    )
    return bytes(out)
