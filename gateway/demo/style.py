"""One visual language for every picture of the demonstration.

Hues from Okabe and Ito's palette, which people with any colour vision deficiency can tell apart; meaning is never
carried by hue alone. Sizes are pixels of the finished picture, chosen to be read at half its size.
"""

from __future__ import annotations

CALLER = "#0072B2"
AGENT = "#00805D"
"""Okabe and Ito's bluish green, darker, so that text in it has contrast on white"""
GHOST = "#6F6F6F"
GHOST_GROUND = "#F4F4F4"
ALERT = "#C44601"
"""interruptions, cuts, and what went wrong"""
STAGES = ("#5AA9DC", "#E69F00", "#B5679A")
"""decision, model, delivery"""
STAGE_TEXT = ("#1F6FA8", "#946200", "#8F3F72")
"""the same, dark enough to read"""

INK = "#1C1F23"
SOFT = "#5B626B"
RULE = "#C9CED4"
FAINT = "#EEF0F3"
PAPER = "#FFFFFF"
CALLER_TINT = "#E6F1F8"
AGENT_TINT = "#E3F3EE"
ALERT_TINT = "#FBEDE4"

TITLE_PX = 31.0
HEAD_PX = 21.0
BODY_PX = 19.0
SMALL_PX = 17.0
FONT = "DejaVu Sans"
"""comes with matplotlib, so that every machine draws the same picture"""

WIDTH_PX = 2000
DPI = 100
HATCH = "////"
