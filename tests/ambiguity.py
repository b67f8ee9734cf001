"""Whether a regular expression can take more than linear time, decided on its parsed form.

A backtracking matcher tries every way in which a pattern can read a text before it gives up. On a text that
does not match, its time grows faster than the text exactly if the number of ways does. In the automaton whose
states are the pattern's characters, this is true if for two states p and q one word leads from p to p, from
p to q and from q to q (Weber and Seidl, "On the degree of ambiguity of finite automata", 1991). Two edges
between the same two states of a loop, as in `(a*)*`, are worse: the number of ways doubles with each round.

A search is a pattern after "any characters", because it starts again at each of them. A way that reaches a
point where the pattern can end is not counted, because the matcher stops there, unless the whole text must
match. A repeat with an upper limit counts as at most three: it does not grow with the text. A lookahead is
checked as a separate pattern; an atomic group counts as a normal group.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

_parser: Any = import_module("re._parser")  # typeshed does not have it
_op: Any = import_module("re._constants")

# How a pattern is used. All except `fullmatch` can match a part of the text.
FULLMATCH, MATCH, SEARCH = "fullmatch", "match", "search"
# Latin-1; from other blocks a letter, a digit and a space; and characters with an ASCII lower case.
_TEXT = [chr(code) for code in range(256)] + list("\u0131\u017f\u212aあ٣\u2028\u3000😀")
_BYTES = [chr(code) for code in range(256)]


@dataclass
class _Part:
    """A part of a pattern: the positions it can begin and end with, and whether it can be empty."""

    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    empty: bool = True


@dataclass
class _Automaton:
    """Positions of a pattern. `masks` has the characters of each as bits, `edges` the positions after it.

    With `solid`, an assertion (`$`, `\\b`, a lookahead) is a position that nothing can pass. With
    `elsewhere`, the match begins after the start of the text, so `\\A` and `^` cannot be passed.
    """

    alphabet: Sequence[str]
    solid: bool
    elsewhere: bool = False
    masks: list[int] = field(default_factory=list)
    edges: Counter[tuple[int, int]] = field(default_factory=Counter)
    groups: dict[int, int] = field(default_factory=dict)
    inner: list[tuple[Any, int]] = field(default_factory=list)

    def position(self, mask: int) -> _Part:
        """One more position."""
        self.masks.append(mask)
        number = len(self.masks) - 1
        return _Part([number], [number], empty=False)

    def join(self, before: _Part, after: _Part) -> _Part:
        """One part after another."""
        self.link(before, after)
        return _Part(
            before.first + (after.first if before.empty else []),
            after.last + (before.last if after.empty else []),
            before.empty and after.empty,
        )

    def link(self, before: _Part, after: _Part) -> None:
        """Edges from every end of one part to every beginning of the other."""
        for end in before.last:
            for start in after.first:
                self.edges[end, start] += 1

    def sequence(self, nodes: Any, flags: int) -> _Part:
        """A parsed pattern, or a part of one."""
        result = _Part()
        for code, argument in nodes:
            result = self.join(result, self.node(code, argument, flags))
        return result

    def node(self, code: Any, argument: Any, flags: int) -> _Part:  # noqa: PLR0911  one return per kind of node
        """One node of a parsed pattern."""
        if code in (_op.LITERAL, _op.NOT_LITERAL, _op.ANY, _op.IN):
            return self.position(_mask(self.alphabet, code, argument, flags))
        if code is _op.SUBPATTERN:
            number, added, removed, body = argument
            start = len(self.masks)
            part = self.sequence(body, (flags | added) & ~removed)
            self.groups[number] = _union(self.masks[start:])
            return part
        if code is _op.BRANCH:
            parts = [self.sequence(branch, flags) for branch in argument[1]]
            return _Part(
                [each for part in parts for each in part.first],
                [each for part in parts for each in part.last],
                any(part.empty for part in parts),
            )
        if code in (_op.MAX_REPEAT, _op.MIN_REPEAT, _op.POSSESSIVE_REPEAT):
            least, most, body = argument
            return self.repeat(least, most, body, flags)
        if code is _op.ATOMIC_GROUP:
            return self.sequence(argument, flags)
        if code is _op.GROUPREF:
            return self.position(self.groups[argument])  # counts as one of the group's characters
        if code in (_op.AT, _op.ASSERT, _op.ASSERT_NOT):
            if code is not _op.AT:
                self.inner.append((argument[1], flags))
            wall = self.position(0)
            at_start = argument is _op.AT_BEGINNING_STRING or (
                argument is _op.AT_BEGINNING and not flags & re.MULTILINE
            )
            return wall if self.solid or (at_start and self.elsewhere) else _Part()
        raise NotImplementedError(f"{code} is not supported here")

    def repeat(self, least: int, most: int, body: Any, flags: int) -> _Part:
        """`least` to `most` times the body."""
        result = _Part()
        endless = most is _op.MAXREPEAT
        for _ in range(min(least, 2) - (1 if endless and least else 0)):
            result = self.join(result, self.sequence(body, flags))
        if endless:
            loop = self.sequence(body, flags)
            self.link(loop, loop)
            return self.join(result, _Part(loop.first, loop.last, loop.empty or not least))
        optional = _Part()
        for _ in range(min(most - least, 2)):  # the innermost first: (x(x)?)?
            optional = self.join(self.sequence(body, flags), optional)
            optional.empty = True
        return self.join(result, optional)


def _union(masks: Sequence[int]) -> int:
    result = 0
    for mask in masks:
        result |= mask
    return result


def _mask(alphabet: Sequence[str], code: Any, argument: Any, flags: int) -> int:
    """The characters that a one-character node accepts, as bits."""
    result = 0
    for bit, char in enumerate(alphabet):
        alike = {char, char.lower(), char.upper()} if flags & re.IGNORECASE else {char}
        if code is _op.ANY:
            taken = bool(flags & re.DOTALL) or char != "\n"
        elif code is _op.IN:
            taken = _in_set(argument, alike, flags)
        else:
            taken = any(ord(character) == argument for character in alike if len(character) == 1)
            taken = taken is (code is _op.LITERAL)
        result |= taken << bit
    return result


def _in_set(items: Any, alike: Collection[str], flags: int) -> bool:
    """Whether a set, `[…]`, accepts one of the equivalent characters."""
    found = negated = False
    for code, argument in items:
        if code is _op.NEGATE:
            negated = True
        elif code is _op.CATEGORY:
            found |= any(_in_category(str(argument), character, flags & re.ASCII) for character in alike)
        else:
            low, high = argument if code is _op.RANGE else (argument, argument)
            found |= any(low <= ord(character) <= high for character in alike if len(character) == 1)
    return found is not negated


@cache
def _in_category(category: str, char: str, flags: int) -> bool:
    letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[category.rpartition("_")[2]]
    return re.match(f"\\{letter.upper() if '_NOT_' in category else letter}", char, flags) is not None


def witness(pattern: str | bytes, flags: int = 0, use: str = SEARCH) -> str | None:
    """A word that makes a pattern take more than linear time if it is repeated; None if there is none."""
    tree = _parser.parse(pattern, flags)
    alphabet = _BYTES if isinstance(pattern, bytes) else _TEXT
    return _witness(tree, tree.state.flags, use, alphabet)


def _witness(tree: Any, flags: int, use: str, alphabet: Sequence[str]) -> str | None:
    if use == SEARCH and (found := _witness(tree, flags, MATCH, alphabet)):
        return found
    solid = _Automaton(alphabet, solid=True)
    ends = solid.sequence(tree, flags)
    automaton = _Automaton(alphabet, solid=False, elsewhere=use == SEARCH)
    whole = automaton.sequence(tree, flags)
    for body, its_flags in automaton.inner:
        if found := _witness(body, its_flags, MATCH, alphabet):
            return found
    if use == MATCH and ends.empty:
        return None
    accepting = {number for number in ends.last if solid.masks[number]}
    everything = (1 << len(alphabet)) - 1
    if use == SEARCH:
        start = anywhere = automaton.position(everything)
        automaton.link(anywhere, anywhere)
        if _starts_a_line(tree, flags):
            start = automaton.position(1 << alphabet.index("\n"))
            automaton.link(anywhere, start)
        automaton.link(start, whole)
        whole = anywhere
    if use == FULLMATCH:
        accepting = _all_accepting(automaton, accepting, everything)
    return _ambiguous_word(automaton, whole.first, accepting)


def _starts_a_line(tree: Any, flags: int) -> bool:
    return bool(flags & re.MULTILINE) and bool(len(tree)) and tuple(tree[0]) == (_op.AT, _op.AT_BEGINNING)


def _all_accepting(automaton: _Automaton, accepting: set[int], everything: int) -> set[int]:
    """The positions after which every text matches, such as after `.*` at the end of a pattern."""
    result = set(accepting)
    while True:
        following: dict[int, int] = dict.fromkeys(result, 0)
        for start, end in automaton.edges:
            if start in result and end in result:
                following[start] |= automaton.masks[end]
        left = {number for number in result if following[number] == everything}
        if left == result:
            return result
        result = left


def _ambiguous_word(automaton: _Automaton, first: Sequence[int], left_out: set[int]) -> str | None:
    """The word for two states as defined in the module's docstring, without the left-out states."""
    masks = [0 if number in left_out else mask for number, mask in enumerate(automaton.masks)]
    following: dict[int, list[int]] = {number: [] for number, mask in enumerate(masks) if mask}
    for start, end in automaton.edges:
        if masks[start] and masks[end]:
            following[start].append(end)
    begun = [number for number in first if masks[number]]
    possible = {*begun, *(end for number in begun for end in _reachable(following, number))}
    following = {number: after for number, after in following.items() if number in possible}
    reach = {number: _reachable(following, number) for number in following}
    loops = {
        number: frozenset(other for other in reach[number] if number in reach[other])
        for number in following
        if number in reach[number]
    }
    for (start, end), count in automaton.edges.items():
        if count > 1 and end in loops.get(start, ()):
            return automaton.alphabet[_lowest(masks[end])]
    for p, around_p in loops.items():
        for q in reach[p] & loops.keys() - {p}:
            if word := _path(following, masks, (p, p, q), (p, q, q), (around_p, loops[q])):
                return "".join(automaton.alphabet[bit] for bit in word)
    return None


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _shown_bit(mask: int) -> int:
    """A readable character of a mask: a letter or sign if it has one."""
    printable = mask & ~((1 << 33) - 1) & ((1 << 127) - 1)
    return _lowest(printable or mask)


def _reachable(following: dict[int, list[int]], start: int) -> set[int]:
    seen: set[int] = set()
    waiting = list(following[start])
    while waiting:
        number = waiting.pop()
        if number not in seen:
            seen.add(number)
            waiting += following[number]
    return seen


_Triple = tuple[int, int, int]


def _path(
    following: dict[int, list[int]],
    masks: Sequence[int],
    start: _Triple,
    goal: _Triple,
    loops: tuple[Collection[int], Collection[int]],
) -> list[int] | None:
    """The shortest word that moves three states to three others at once, the outer two on their loops."""
    around_p, around_q = loops
    came: dict[_Triple, tuple[_Triple, int] | None] = {start: None}
    waiting = [start]
    for triple in waiting:
        for step, bit in _steps(following, masks, triple, around_p, around_q):
            if step not in came:
                came[step] = (triple, bit)
                waiting.append(step)
            if step == goal:
                word: list[int] = []
                before = came[step]
                while before is not None:
                    word.insert(0, before[1])
                    before = came[before[0]]
                return word
    return None


def _steps(
    following: dict[int, list[int]],
    masks: Sequence[int],
    triple: _Triple,
    around_p: Collection[int],
    around_q: Collection[int],
) -> Iterator[tuple[_Triple, int]]:
    for one in following[triple[0]]:
        if one not in around_p:
            continue
        for three in following[triple[2]]:
            both = masks[one] & masks[three]
            if three not in around_q or not both:
                continue
            for two in following[triple[1]]:
                if shared := both & masks[two]:
                    yield (one, two, three), _shown_bit(shared)
