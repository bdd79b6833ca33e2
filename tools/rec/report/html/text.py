"""What a page says, in English and Chinese, and how it writes numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Text:
    """The same in both languages; a page holds both and shows one."""

    en: str
    zh: str

    def __html__(self) -> str:
        """As HTML; what stands in it is escaped."""
        return str(
            Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(escape(self.en), escape(self.zh))
        )

    def __add__(self, other: Text) -> Text:
        return Text(self.en + other.en, self.zh + other.zh)


NOTHING = Text("", "")


def same(text: str) -> Text:
    """A name or number, which is the same in both."""
    return Text(text, text)


def joined(texts: Sequence[Text], zh: str = "") -> Text:
    """Sentences behind each other."""
    return Text(" ".join(text.en for text in texts if text.en), zh.join(text.zh for text in texts))


def listed(names: Sequence[str]) -> Text:
    """a, b and c."""
    if len(names) < 2:
        return same("".join(names))
    return Text(f"{', '.join(names[:-1])} and {names[-1]}", f"{'、'.join(names[:-1])}和{names[-1]}")


def number(value: float | None, digits: int = 4) -> str:
    """0.1234; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """Three digits of it: 12.3 %, 0.0456 %."""
    if value is None:
        return "–"
    share = 100 * value
    digits = next((d for d, least in ((1, 10), (2, 1), (3, 0.1)) if abs(share) >= least), 4)
    return f"{share:.{digits}f}\u00a0%"  # no line ends between them


def interval(low: float | None, high: float | None, write: Callable[[float | None], str] = number) -> str:
    """0.1 to 0.2, without a word of either language; a dash where there is none."""
    return "–" if low is None or high is None else f"[{write(low)}, {write(high)}]"


def count(value: int) -> str:
    """1,234."""
    return f"{value:,}"
