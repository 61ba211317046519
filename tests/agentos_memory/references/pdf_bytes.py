"""Small PDF files, made from their parts."""

from __future__ import annotations

from collections.abc import Sequence


def make_pdf(
    pages: Sequence[Sequence[str]],
    *,
    outline: Sequence[tuple[str, int]] = (),
    is_encrypted: bool = False,
) -> bytes:
    """A PDF of pages of lines, with an outline of titles and the pages, from 0, they lead to."""
    n_pages = len(pages)
    first_page = 4
    first_entry = first_page + 2 * n_pages
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(n_pages))
    outlines = f"/Outlines {first_entry} 0 R" if outline else ""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {outlines} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {n_pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        shown = " ".join(f"({line}) Tj T*" for line in lines)
        stream = f"BT /F1 11 Tf 14 TL 50 780 Td {shown} ET".encode("latin-1")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Contents "
            f"{first_page + 2 * number + 1} 0 R /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    if outline:
        objects += _outline(outline, first_entry, first_page)
    extra = b""
    if is_encrypted:
        key = "41" * 32
        extra = (
            f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >> /ID [<01><01>]"
        ).encode()
    return _file(objects, extra)


def _outline(outline: Sequence[tuple[str, int]], first_entry: int, first_page: int) -> list[bytes]:
    last = first_entry + len(outline)
    objects = [
        f"<< /Type /Outlines /First {first_entry + 1} 0 R /Last {last} 0 R "
        f"/Count {len(outline)} >>".encode()
    ]
    for number, (title, page) in enumerate(outline):
        own = first_entry + 1 + number
        near = f"/Next {own + 1} 0 R" if own < last else ""
        objects.append(
            f"<< /Title ({title}) /Parent {first_entry} 0 R {near} "
            f"/Dest [{first_page + 2 * page} 0 R /Fit] >>".encode()
        )
    return objects


def _file(objects: Sequence[bytes], extra: bytes) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        extra,
        start,
    )
    return bytes(out)
