"""Formulas as browsers draw them: the part of LaTeX that equations are written in, as MathML."""

import html
import re

PIECE = re.compile(r"\\\\|\\[A-Za-z]+|\\,|[0-9]+(?:\.[0-9]+)?|\s+|.")
NAMES = "alpha beta gamma delta epsilon zeta eta theta kappa mu nu xi rho sigma tau phi chi psi omega Gamma Delta Omega"
GREEK = dict(zip(NAMES.split(), "αβγδεζηθκμνξρστφχψωΓΔΩ", strict=True))
SIGNS = {"partial": "∂", "nabla": "∇"}
"""Operators that stand close to what follows, as a letter would."""
OPERATORS = {"cdot": "·", "times": "×", "langle": "⟨", "rangle": "⟩", "sum": "∑"}
SPACES = {"\\,": "0.17em", "\\quad": "1em"}


def mathml(formula: str) -> str:
    """A formula as a ``math`` element, one row for each line.

    Known are letters, numbers, Greek letters, the commands of ``SIGNS``, ``OPERATORS`` and ``SPACES``,
    ``frac``, ``mathbf``, ``^``, ``_`` and braces.

    Args:
        formula: LaTeX, its lines parted by two backslashes.

    Raises:
        ValueError: the formula holds another command, or a brace that is not closed.
    """
    rows = [_Reader(line).row() for line in formula.split("\\\\")]
    if len(rows) == 1:
        return f'<math display="block">{rows[0]}</math>'
    cells = "".join(f"<mtr><mtd>{row}</mtd></mtr>" for row in rows)
    return f'<math display="block"><mtable columnalign="left">{cells}</mtable></math>'


class _Reader:
    """Reads one line from left to right."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.pieces = [piece for piece in PIECE.findall(line) if not piece.isspace()]

    def row(self) -> str:
        """The whole line."""
        parts = []
        while self.pieces:
            parts.append(self._scripted())
        return f"<mrow>{''.join(parts)}</mrow>"

    def _scripted(self) -> str:
        """One piece with what stands below and above it."""
        base, scripts = self._next(), {}
        while self.pieces and self.pieces[0] in ("^", "_"):
            sign = self.pieces.pop(0)
            scripts[sign] = self._next()
        match scripts:
            case {"_": low, "^": high}:
                return f"<msubsup>{base}{low}{high}</msubsup>"
            case {"_": low}:
                return f"<msub>{base}{low}</msub>"
            case {"^": high}:
                return f"<msup>{base}{high}</msup>"
        return base

    def _next(self) -> str:
        if not self.pieces:
            raise ValueError(f"formula {self.line!r}: it ends where something is expected")
        piece = self.pieces.pop(0)
        name = piece[1:]
        if piece == "{":
            return self._group()
        if piece in SPACES:
            return f'<mspace width="{SPACES[piece]}"/>'
        if name == "frac":
            return f"<mfrac>{self._next()}{self._next()}</mfrac>"
        if name == "mathbf":
            return f'<mrow style="font-weight: bold">{self._next()}</mrow>'
        if piece.startswith("\\"):
            if name in GREEK:
                return f"<mi>{GREEK[name]}</mi>"
            if name in SIGNS:
                return f'<mi mathvariant="normal">{SIGNS[name]}</mi>'
            if name in OPERATORS:
                return f'<mo stretchy="false">{OPERATORS[name]}</mo>'
            raise ValueError(f"formula {self.line!r}: {piece} is not known")
        return self._sign(piece)

    def _group(self) -> str:
        parts = []
        while self.pieces and self.pieces[0] != "}":
            parts.append(self._scripted())
        if not self.pieces:
            raise ValueError(f"formula {self.line!r}: a brace is not closed")
        self.pieces.pop(0)
        return f"<mrow>{''.join(parts)}</mrow>"

    def _sign(self, piece: str) -> str:
        """A number, a letter or an operator of one sign."""
        if piece[0].isdigit():
            return f"<mn>{piece}</mn>"
        if piece.isalpha():
            return f"<mi>{html.escape(piece)}</mi>"
        # Browsers stretch brackets over whatever lies between, scripts included.
        return f'<mo stretchy="false">{html.escape(piece.replace("-", "−"))}</mo>'
