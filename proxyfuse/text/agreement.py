"""Do three tokenizers speak of the same tokens? Compared id by id, before anything is fused."""

from __future__ import annotations

from dataclasses import dataclass

from proxyfuse.errors import VocabularyError
from proxyfuse.text.tokenizer import WANTED, Tokenizer
from proxyfuse.trio import Role, Trio

SHOWN = 5  # ids a message names before it only counts

Pieces = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a comparison found. A role can produce an id that has a string and a row of its head."""

    sizes: Trio[int]  # one more than each role's highest producible id
    shared: int  # ids that all roles can produce with one and the same string
    limit: int  # one more than the highest shared id: rows from here on are nobody's common token
    partial: Trio[tuple[int, ...]]  # ids a role can produce and some other cannot
    mismatched: tuple[int, ...]  # ids that all can produce, with different strings
    strings: tuple[Trio[str], ...]  # the strings of the first `SHOWN` of those

    @property
    def agrees(self) -> bool:
        """Whether the models may be fused."""
        return self.shared > 0 and not self.mismatched

    def require(self) -> None:
        """Raise `VocabularyError`, naming the first ids that differ, unless they agree."""
        if not self.agrees:
            raise VocabularyError(self.reason)

    @property
    def reason(self) -> str:
        """One line: why the models may be fused or not."""
        if self.agrees:
            return f"{self.shared} ids have one string in every model"
        if not self.mismatched:
            return "the tokenizers have no id in common"
        count = len(self.mismatched)
        examples = [
            f"id {token}: " + ", ".join(f"{role.label} {got!r}" for role, got in strings.items())
            for token, strings in zip(self.mismatched, self.strings, strict=False)
        ]
        if count > len(examples):
            examples.append(f"and {count - len(examples)} more")
        return (
            f"{count} of {count + self.shared} ids stand for different strings, want none: "
            + "; ".join(examples)
        )


def compare(tokenizers: Trio[Tokenizer], widths: Trio[int] | None = None) -> Agreement:
    """Compare the tokenizers id by id, added and special tokens included.

    `widths` are the rows of each model's head: a string without a row cannot be produced. Extra ids
    of one model are no mismatch, they are reported; so are rows without a string (padding).
    """
    pieces = _pieces(tokenizers)
    if widths is not None:
        pieces = Trio({role: pieces[role][: widths[role]] for role in pieces})
    rows = list(pieces.values())
    common = min(map(len, rows))  # the range that every role's ids cover
    differ = [t for t, got in enumerate(zip(*rows, strict=False)) if got.count(got[0]) < len(got)]
    holes = [t for t in differ if any(row[t] is None for row in rows)]
    unused = rows[0][:common].count(None) - sum(rows[0][t] is None for t in differ)
    mismatched = tuple(sorted(set(differ).difference(holes)))
    return Agreement(
        sizes=pieces.map(len),
        shared=common - len(differ) - unused,
        limit=_limit(rows[0][:common], set(differ)),
        partial=pieces.map(lambda row: _strung(row, [*holes, *range(common, len(row))])),
        mismatched=mismatched,
        strings=tuple(_strings(pieces, token) for token in mismatched[:SHOWN]),
    )


def _limit(row: Pieces, differ: set[int]) -> int:
    """One more than the highest id that has a string and is not among `differ`."""
    downward = range(len(row) - 1, -1, -1)
    return next((t + 1 for t in downward if row[t] is not None and t not in differ), 0)


def _strung(row: Pieces, ids: list[int]) -> tuple[int, ...]:
    return tuple(token for token in ids if row[token] is not None)


def _strings(pieces: Trio[Pieces], token: int) -> Trio[str]:
    return pieces.map(lambda row: str(row[token]))


def _pieces(tokenizers: Trio[Tokenizer]) -> Trio[Pieces]:
    """Each role's strings; models that ship the very same files are read once."""
    seen: dict[tuple[bytes, ...], Pieces] = {}
    found: dict[Role, Pieces] = {}
    for role, tokenizer in tokenizers.items():
        files = tuple(_bytes(tokenizer, name) for name in WANTED)
        if files not in seen:
            seen[files] = tokenizer.pieces
        found[role] = seen[files]
    return Trio(found)


def _bytes(tokenizer: Tokenizer, name: str) -> bytes:
    path = tokenizer.folder / name
    return path.read_bytes() if path.is_file() else str(path).encode()
