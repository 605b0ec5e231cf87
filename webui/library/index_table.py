"""The tables of the index, and a picture's row in them."""

from __future__ import annotations

from typing import Final, NamedTuple

VERSION: Final = 4
"""Of the tables; an earlier one is made anew from the files, which loses nothing: stars and trash are files, too."""

# A picture's number is its moment in microseconds, moved on where two share one: it is the order of the feed, and as
# FTS5 gives its finds by number too, both are paged without sorting.
SCHEMA: Final = """
CREATE TABLE pictures (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    owner TEXT NOT NULL,
    created INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    infotext TEXT NOT NULL,
    task TEXT NOT NULL,
    model TEXT NOT NULL,
    style TEXT NOT NULL,
    parent TEXT NOT NULL,
    edit TEXT NOT NULL,
    starred INTEGER NOT NULL,
    trashed INTEGER NOT NULL,
    source TEXT NOT NULL,
    mask TEXT NOT NULL
);
CREATE INDEX by_path ON pictures (path);
CREATE INDEX by_model ON pictures (owner, trashed, model);
CREATE INDEX by_style ON pictures (owner, trashed, style);
CREATE INDEX by_star ON pictures (owner, trashed) WHERE starred = 1;
CREATE INDEX by_parent ON pictures (parent) WHERE parent != '';
CREATE INDEX by_source ON pictures (source) WHERE source != '';
CREATE INDEX by_mask ON pictures (mask) WHERE mask != '';
CREATE INDEX newest ON pictures (owner, trashed);
CREATE VIRTUAL TABLE words USING fts5 (
    owner, prompt, seed, content = 'pictures', content_rowid = 'number',
    tokenize = "unicode61 remove_diacritics 2", prefix = '1 2 3'
);
CREATE TRIGGER added AFTER INSERT ON pictures BEGIN
    INSERT INTO words (rowid, owner, prompt, seed) VALUES (new.number, new.owner, new.prompt, new.seed);
END;
CREATE TRIGGER removed AFTER DELETE ON pictures BEGIN
    INSERT INTO words (words, rowid, owner, prompt, seed)
    VALUES ('delete', old.number, old.owner, old.prompt, old.seed);
END;
"""


class Row(NamedTuple):
    """One picture as the index holds it; the fields are the table's columns in their order, after its number.

    Attributes:
        id: The picture's id.
        path: Below the library's folder, with ``/``.
        owner: A salted hash.
        created: Microseconds since 1970, UTC.
        width: Pixels.
        height: Pixels.
        seed: The picture's own.
        prompt: What was asked for.
        infotext: A1111's ``parameters`` text.
        task: ``text_to_image``, ``image_to_image`` or ``inpaint``.
        model: Id of the model; empty where nobody said.
        style: Id of the style; empty for none.
        parent: Id of the picture it was made from; empty for none.
        edit: What was done to the parent; empty for nothing.
        starred: 1 or 0.
        trashed: When it was deleted, in microseconds since 1970; 0 = it was not.
        source: Digest of the picture it began with; empty for none.
        mask: Digest of its mask; empty for none.
    """

    id: str
    path: str
    owner: str
    created: int
    width: int
    height: int
    seed: int
    prompt: str
    infotext: str
    task: str = "text_to_image"
    model: str = ""
    style: str = ""
    parent: str = ""
    edit: str = ""
    starred: int = 0
    trashed: int = 0
    source: str = ""
    mask: str = ""


COLUMNS: Final = ", ".join(f"pictures.{name}" for name in Row._fields)
ADD: Final = "INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
