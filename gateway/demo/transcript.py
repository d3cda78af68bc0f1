"""What was said, in words under the sound they belong to; words nobody heard are struck through."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, TimeAxis
from gateway.demo.facts import AgentItem, DemoRecord, SpokenWord, Utterance

_LINE = 25.0
_INDENT = 9.0
_GAP = 16.0
_NARROWEST = 190.0
"""Three or four words; a block with less room goes below what is in its way."""


@dataclass(frozen=True, slots=True)
class WordBox:
    """A word on the sheet and its time in the call."""

    text: str
    box: Box
    start_s: float
    end_s: float
    who: str
    heard: bool


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    word: SpokenWord | None
    """None: a remark about the words"""


@dataclass(frozen=True, slots=True)
class Block:
    """The words of one utterance; begins under its sound and ends before the next of the same voice."""

    tokens: tuple[_Token, ...]
    start_s: float
    who: str


def caller_blocks(record: DemoRecord) -> list[Block]:
    return [_caller_block(utterance) for utterance in record.utterances]


def agent_blocks(record: DemoRecord) -> list[Block]:
    interrupted = {barge_in.item_id for barge_in in record.barge_ins}
    return [_agent_block(item, interrupted=item.item_id in interrupted) for item in record.items if item.words]


def _caller_block(utterance: Utterance) -> Block:
    return Block(tuple(_Token(word.text, word) for word in utterance.words), utterance.onset_s, "caller")


def _agent_block(item: AgentItem, *, interrupted: bool) -> Block:
    remark = "never truncated: the model believes the rest was heard" if interrupted else ""
    if item.truncated_at_ms is not None:
        remark = f"truncated at {item.truncated_at_ms:,.0f} ms"
    tokens: list[_Token] = []
    for before, word in zip((None, *item.words), item.words, strict=False):
        if before is not None and before.heard and not word.heard and remark:
            tokens.append(_Token(remark, None))
        tokens.append(_Token(word.text, word))
    begins = item.first_heard_s if item.first_heard_s is not None else item.words[0].start_s
    return Block(tuple(tokens), begins, "agent")


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    left: float
    first_line: int
    lines: tuple[tuple[_Token, ...], ...]
    who: str

    @property
    def last_line(self) -> int:
        return self.first_line + len(self.lines) - 1


def place_blocks(canvas: Canvas, axis: TimeAxis, blocks: Sequence[Block]) -> list[PlacedBlock]:
    """Break the blocks of one voice into lines, side by side.

    A long block grows wide where those to its right have ended, a blank line later: it is not their continuation.
    Nothing stands out beyond the end of the axis: a block too near to it begins left of its sound.
    """
    placed: list[PlacedBlock] = []
    for block in sorted(blocks, key=lambda each: each.start_s, reverse=True):
        narrowest = min(_NARROWEST, sum(_width(canvas, token) + _space(canvas) for token in block.tokens))
        widest = max(_width(canvas, token) for token in block.tokens)
        left = min(axis.x(block.start_s), axis.x1 - _INDENT - math.ceil(max(narrowest, widest)))
        room = partial(_room, left, placed, axis.x1)
        first, lines = _place_block(
            canvas, block, room, narrowest, max((each.last_line + 2 for each in placed), default=0)
        )
        placed.insert(0, PlacedBlock(left, first, tuple(tuple(line) for line in lines), block.who))
    return placed


def _place_block(
    canvas: Canvas, block: Block, room: Callable[[int], float], narrowest: float, below_all: int
) -> tuple[int, list[list[_Token]]]:
    """The first line from which the whole block has room, and its lines; `below_all` always has."""
    for first in range(below_all):
        if room(first) >= narrowest:
            lines = _wrap(canvas, block, room, first)
            if all(_width(canvas, line[0]) <= room(first + number) for number, line in enumerate(lines)):
                return first, lines
    return below_all, _wrap(canvas, block, room, below_all)


def height_of(placed: Sequence[PlacedBlock]) -> float:
    return _LINE * max((block.last_line + 1 for block in placed), default=0) + 6


def draw_blocks(canvas: Canvas, top: float, placed: Sequence[PlacedBlock], color: str) -> list[WordBox]:
    """Write the blocks; returns where the words are."""
    found: list[WordBox] = []
    for block in placed:
        begin = top + _LINE * block.first_line
        canvas.rect(Box(block.left, begin + 2, block.left + 3, begin + _LINE * len(block.lines) + 2), color)
        for number, tokens in enumerate(block.lines):
            found += _write_line(canvas, block.left + _INDENT, begin + _LINE * number + 20, tokens, block.who)
    return found


def _room(left: float, right_of: Sequence[PlacedBlock], edge: float, line: int) -> float:
    """On a line, for a block that begins at `left`; a blank line is kept above and below the others."""
    in_the_way = [block.left - _GAP for block in right_of if block.first_line - 1 <= line <= block.last_line + 1]
    return min([*in_the_way, edge]) - left - _INDENT


def _wrap(canvas: Canvas, block: Block, room: Callable[[int], float], first: int) -> list[list[_Token]]:
    lines: list[list[_Token]] = [[]]
    used, space = 0.0, _space(canvas)
    for token in block.tokens:
        needed = _width(canvas, token)
        if lines[-1] and used + needed > room(first + len(lines) - 1):
            lines.append([])
            used = 0.0
        lines[-1].append(token)
        used += needed + space
    return lines


def _width(canvas: Canvas, token: _Token) -> float:
    return canvas.text_width(token.text, bold=token.word is None)


def _space(canvas: Canvas) -> float:
    return canvas.text_width("n n") - 2 * canvas.text_width("n")


def _write_line(canvas: Canvas, left: float, y: float, tokens: Sequence[_Token], who: str) -> list[WordBox]:
    found: list[WordBox] = []
    x, space = left, _space(canvas)
    for token in tokens:
        word = token.word
        if word is None:
            x = canvas.text(x, y, token.text, color=style.ALERT, bold=True).x1 + space
            continue
        box = canvas.text(x, y, token.text, color=style.INK if word.heard else style.GHOST)
        found.append(WordBox(word.text, box, word.start_s, word.end_s, who, word.heard))
        x = box.x1 + space
        if not word.heard:
            canvas.line([(box.x0 - 1, y - 6), (box.x1 + 1, y - 6)], style.GHOST, width=1.3)
    return found
