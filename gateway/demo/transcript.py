"""What was said, in words under the sound they belong to; words nobody heard are struck through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, TimeAxis
from gateway.demo.facts import AgentItem, DemoRecord, SpokenWord, Utterance

_LINE = 25.0
_INDENT = 9.0
_GAP = 16.0


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
    return [_agent_block(item) for item in record.items if item.words]


def _caller_block(utterance: Utterance) -> Block:
    return Block(tuple(_Token(word.text, word) for word in utterance.words), utterance.onset_s, "caller")


def _agent_block(item: AgentItem) -> Block:
    tokens: list[_Token] = []
    for before, word in zip((None, *item.words), item.words, strict=False):
        if before is not None and before.heard and not word.heard and item.truncated_at_ms is not None:
            tokens.append(_Token(f"truncated at {item.truncated_at_ms:,.0f} ms", None))
        tokens.append(_Token(word.text, word))
    begins = item.first_heard_s if item.first_heard_s is not None else item.words[0].start_s
    return Block(tuple(tokens), begins, "agent")


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    left: float
    lines: tuple[tuple[_Token, ...], ...]
    who: str


def place_blocks(canvas: Canvas, axis: TimeAxis, blocks: Sequence[Block]) -> list[PlacedBlock]:
    """Break the blocks of one voice into lines, side by side.

    A long block grows wide where those to its right have ended, a blank line later: it is not their continuation.
    """
    placed: list[PlacedBlock] = []
    for block in reversed(blocks):
        left = axis.x(block.start_s)
        lines = _wrap(canvas, block, partial(_room, left, placed, canvas.width))
        placed.insert(0, PlacedBlock(left, tuple(tuple(line) for line in lines), block.who))
    return placed


def height_of(placed: Sequence[PlacedBlock]) -> float:
    return _LINE * max((len(block.lines) for block in placed), default=0) + 6


def draw_blocks(canvas: Canvas, top: float, placed: Sequence[PlacedBlock], color: str) -> list[WordBox]:
    """Write the blocks; returns where the words are."""
    found: list[WordBox] = []
    for block in placed:
        canvas.rect(Box(block.left, top + 2, block.left + 3, top + _LINE * len(block.lines) + 2), color)
        for number, tokens in enumerate(block.lines):
            found += _write_line(canvas, block.left + _INDENT, top + _LINE * number + 20, tokens, block.who)
    return found


def _room(left: float, right_of: Sequence[PlacedBlock], width: int, number: int) -> float:
    """For line `number` of a block that begins at `left`."""
    in_the_way = [block.left for block in right_of if number <= len(block.lines)]
    return min([*in_the_way, width - 8.0]) - left - _INDENT - _GAP


def _wrap(canvas: Canvas, block: Block, room: Callable[[int], float]) -> list[list[_Token]]:
    lines: list[list[_Token]] = [[]]
    used, space = 0.0, canvas.text_width("n n") - 2 * canvas.text_width("n")
    for token in block.tokens:
        needed = canvas.text_width(token.text, bold=token.word is None)
        if lines[-1] and used + needed > room(len(lines) - 1):
            lines.append([])
            used = 0.0
        lines[-1].append(token)
        used += needed + space
    return lines


def _write_line(canvas: Canvas, left: float, y: float, tokens: Sequence[_Token], who: str) -> list[WordBox]:
    found: list[WordBox] = []
    x, space = left, canvas.text_width("n n") - 2 * canvas.text_width("n")
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
