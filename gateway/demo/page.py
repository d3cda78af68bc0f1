"""call.html: the picture with the sound and a moving cursor, in one file that needs nothing else."""

from __future__ import annotations

import base64
import html
import json
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from gateway.audio.wav import write_wav
from gateway.demo.facts import TRACK_HZ, AgentItem, BargeIn, DemoRecord, Turn
from gateway.demo.picture import Geometry, headline


def write_page(record: DemoRecord, geometry: Geometry, picture: Path, path: Path) -> None:
    """Write the page.

    Args:
        record: of the call.
        geometry: what `draw` returned for this record.
        picture: the PNG it wrote.
        path: of the page.

    Raises:
        OSError: a file can not be read or written.
    """
    template = Template(resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    sound = write_wav(np.column_stack([record.caller_track, record.ear_track]), TRACK_HZ)
    page = template.substitute(
        title=html.escape(f"One call through {record.meta.bridge}: {record.profile}"),
        alt=html.escape(f"One call on one time axis: {'; '.join(headline(record))}"),
        png=base64.b64encode(picture.read_bytes()).decode(),
        wav=base64.b64encode(sound).decode(),
        turns=_turns_table(record),
        interruptions=_interruptions_table(record),
        footer=html.escape(f"{record.profile} · offline twin: no cloud service took part · call {record.call_id}"),
        data=_script_json(_page_data(record, geometry)),
    )
    path.write_text(page, encoding="utf-8")


def _page_data(record: DemoRecord, geometry: Geometry) -> dict[str, Any]:
    return {
        "width": geometry.width,
        "height": geometry.height,
        "sound_at": record.answered_s,
        "views": [
            {
                "x0": view.axis.x0,
                "x1": view.axis.x1,
                "t0": view.axis.t0,
                "t1": view.axis.t1,
                "top": view.top,
                "bottom": view.bottom,
            }
            for view in geometry.views
        ],
        "words": [
            {
                "text": word.text,
                "x": round(word.box.x0, 1),
                "y": round(word.box.y0, 1),
                "w": round(word.box.width, 1),
                "h": round(word.box.height, 1),
                "start": round(word.start_s, 3),
                "end": round(word.end_s, 3),
                "who": word.who,
                "heard": word.heard,
            }
            for word in geometry.words
        ],
    }


def _script_json(data: dict[str, Any]) -> str:
    """JSON that can not end the script element it stands in, whatever was said in the call."""
    return json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")


def _turns_table(record: DemoRecord) -> str:
    head = [
        "turn",
        "caller said",
        "agent answered",
        "caller's last sound",
        "end of turn",
        "first audio",
        "first heard",
        "the caller waited",
        "the gateway's estimate",
    ]
    rows = "".join(_turn_row(record, turn) for turn in record.turns)
    return f"<table><thead><tr>{_heads(head, text={1, 2})}</tr></thead><tbody>{rows}</tbody></table>"


def _turn_row(record: DemoRecord, turn: Turn) -> str:
    said = next(each.text for each in record.utterances if each.number == turn.number)
    answer = _words_html(record.item(turn.item_id)) if turn.item_id else '<span class="bad">never answered</span>'
    decision, model, delivery = turn.stages_ms
    estimate = None
    if turn.first_heard_estimate_s is not None and turn.caller_end_estimate_s is not None:
        estimate = round((turn.first_heard_estimate_s - turn.caller_end_estimate_s) * 1000)
    cells = [
        f"<td>{turn.number}</td>",
        f'<td class="text">{html.escape(said)}</td>',
        f'<td class="text">{answer}</td>',
        f"<td>{turn.caller_end_s:.2f} s</td>",
        *(f"<td>{_ms(ms, sign='+')}</td>" for ms in (decision, model, delivery)),
        f"<td><b>{_ms(turn.wait_ms)}</b></td>",
        f"<td>{_ms(estimate)}</td>",
    ]
    return f'<tr data-at="{max(0.0, turn.caller_onset_s - 0.5):.2f}">{"".join(cells)}</tr>'


def _words_html(item: AgentItem) -> str:
    parts, unheard = html.escape(item.text_heard), html.escape(item.text_unheard)
    if not unheard:
        return parts
    if item.words[0].heard:
        return f"{parts} <del>{unheard}</del>"
    return " ".join(
        html.escape(word.text) if word.heard else f"<del>{html.escape(word.text)}</del>" for word in item.words
    )


def _interruptions_table(record: DemoRecord) -> str:
    if not record.barge_ins:
        return ""
    head = [
        "turn",
        "onset",
        "speech_started",
        "StopAudio",
        "silence at the ear",
        "truncated at",
        "really heard",
        "never heard",
    ]
    rows = "".join(_interruption_row(record, barge_in) for barge_in in record.barge_ins)
    table = f"<table><thead><tr>{_heads(head, text=set())}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<h2>Interruptions</h2><div class="scroll">{table}</div>'


def _interruption_row(record: DemoRecord, barge_in: BargeIn) -> str:
    onset_s = barge_in.onset_s
    never_ms = record.item(barge_in.item_id).generated_ms - barge_in.heard_ms
    cells = [
        str(barge_in.turn),
        f"{onset_s:.2f} s",
        *(
            "none" if at is None else _ms(round((at - onset_s) * 1000), sign="+")
            for at in (barge_in.speech_started_s, barge_in.stop_audio_s, barge_in.silence_s)
        ),
        "never" if barge_in.truncated_at_ms is None else _ms(round(barge_in.truncated_at_ms)),
        _ms(round(barge_in.heard_ms)),
        _ms(round(never_ms)),
    ]
    return f'<tr data-at="{max(0.0, onset_s - 1.0):.2f}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _heads(names: list[str], *, text: set[int]) -> str:
    return "".join(f"<th{' class=text' if i in text else ''}>{html.escape(n)}</th>" for i, n in enumerate(names))


def _ms(ms: int | None, *, sign: str = "") -> str:
    return "" if ms is None else f"{ms:{sign},} ms"
