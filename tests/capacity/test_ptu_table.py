"""Every row of the PTU table, against a copy that was made apart from it.

Source: Microsoft Learn, "Determine PTU sizing for a workload" (foundry/openai/how-to/provisioned-throughput-sizing), of
2026-09-23; the two DeepSeek rows with a ratio are of 2026-05-22 and gone since. Columns: model, input tokens per minute
and unit, input tokens one output token counts for, smallest size and step of global and data zone, the same of regional
deployments; "-" where the page has nothing.
"""

from __future__ import annotations

import pytest

from gateway.capacity.ptu import LongContext, TokenWeights, normalised_tokens
from gateway.capacity.ptu_table import ptu_table
from gateway.profile import Profile
from gateway.session.events import Usage

PUBLISHED = """\
gpt-6-sol 3000 5 15/5 50/50
gpt-6-astra 600 5 15/5 50/50
gpt-5.6-luna 30000 6 15/5 50/50
gpt-5.6-terra 3000 6 15/5 50/50
gpt-5.6-sol 1200 6 15/5 50/50
gpt-5.5 1200 6 15/5 50/50
gpt-5.4 2400 6 15/5 50/50
gpt-5.4-mini 7900 6 15/5 25/25
gpt-5.3-codex 3400 8 15/5 50/50
gpt-5.2 3400 8 15/5 50/50
gpt-5.2-codex 3400 8 15/5 50/50
gpt-5.1 4750 8 15/5 50/50
gpt-5.1-codex 4750 8 15/5 50/50
gpt-5 4750 8 15/5 50/50
gpt-5-mini 23750 8 15/5 25/25
gpt-4.1 3000 4 15/5 50/50
gpt-4.1-mini 14900 4 15/5 25/25
gpt-4.1-nano 59400 4 15/5 25/25
gpt-4o 2500 4 15/5 50/50
gpt-4o-mini 37000 4 15/5 25/25
o3 3000 4 15/5 50/50
o4-mini 5400 4 15/5 25/25
o3-mini 2500 4 15/5 25/25
o1 230 4 15/5 25/50
Llama-3.3-70B-Instruct 8450 4 100/100 -
DeepSeek-R1 4000 4 100/100 -
DeepSeek-V3-0324 4000 4 100/100 -
DeepSeek-v3.1 2100 - 200/100 -
DeepSeek-v3.2 3000 - 300/150 -
DeepSeek-V4-Flash 2800 - 100/50 -
DeepSeek-V4-Pro 200 - 400/200 -
Gemma-4-26B-A4B-IT 5400 - 200/100 -
Gemma-4-31B-IT 2200 - 200/100 -
GLM-4.7 6000 - 200/100 -
GLM-5 600 - 300/150 -
GLM-5.1 900 - 400/200 -
GLM-5.2 300 - 400/200 -
gpt-oss-20b 25000 - 80/40 -
gpt-oss-120b 13500 - 40/20 -
Inkling 3850 - 400/200 -
Kimi-K2-Instruct 2500 - 200/100 -
Kimi-K2-Thinking 1400 - 200/100 -
Kimi-K2.5 1060 - 200/100 -
Kimi-K2.6 4000 - 200/100 -
Kimi-K2.7-Code 2000 - 200/100 -
MiniMax-M2.5 5300 - 400/200 -
MiniMax-M3 5300 - 400/200 -
Ministral-3-3B-Instruct-2512 25400 - 40/20 -
Nemotron-3.5-Lightning 60350 - 50/25 -
Nemotron-Super-120B 4850 - 100/50 -
Nemotron-3-Ultra-NVFP4 1100 - 200/100 -
Qwen-3-14B 4800 - 80/40 -
Qwen-3-32B 5000 - 80/40 -
Qwen-3.5-4B 35500 - 80/40 -
Qwen-3.5-9B 10700 - 40/20 -
Qwen-3.5-27B 2730 - 550/275 -
Qwen-3.5-35B-A3B 17800 - 40/20 -
Qwen-3.5-112B-A10B 5600 - 100/50 -
Qwen-3.5-397B 4250 - 100/50 -
Qwen-3.6-27B 7700 - 40/20 -
Qwen-3.6-35B-A3B 31000 - 40/20 -
"""


def sizes(*columns: str) -> list[tuple[int, int]]:
    return [(int(column.split("/")[0]), int(column.split("/")[1])) for column in columns if column != "-"]


@pytest.mark.parametrize("row", PUBLISHED.splitlines(), ids=lambda row: row.split()[0])
def test_the_row_is_as_published(row: str) -> None:
    name, tokens, output, everywhere, regional = row.split()
    model = ptu_table().models[name]
    assert model.tpm_per_ptu == int(tokens)
    assert model.output == (None if output == "-" else int(output))
    assert [(size.minimum, size.step) for size in model.sizes.values()] == sizes(everywhere, regional)


def test_there_is_no_row_that_nobody_published() -> None:
    assert ptu_table().models.keys() == {row.split()[0] for row in PUBLISHED.splitlines()}
    assert ptu_table().date == "2026-09-23"


def test_every_row_has_the_date_of_its_text() -> None:
    older = {name for name, model in ptu_table().models.items() if model.date != "2026-09-23"}
    assert older == {"DeepSeek-R1", "DeepSeek-V3-0324"}
    assert ptu_table().models["DeepSeek-R1"].date == "2026-05-22"


@pytest.mark.parametrize("name", ["gpt-6-sol", "gpt-6-astra"])
def test_models_that_weigh_by_price_have_their_own_weights(name: str) -> None:
    """For "GPT-6 Astra, GPT-6 Sol and newer" the page weighs every category by its price."""
    model = ptu_table().models[name]
    assert (model.cached_input, model.cache_write, model.output) == (0.1, 1.25, 5)
    assert model.long_context == {"input": 2.0, "cached_input": 0.2, "cache_write": 2.5, "output": 7.5}
    assert model.long_context_above is None, "the page names no limit"


def test_all_others_count_cached_tokens_as_nothing() -> None:
    others = [model for name, model in ptu_table().models.items() if not name.startswith("gpt-6")]
    assert {(model.cached_input, model.cache_write, model.long_context) for model in others} == {(0.0, 1.0, None)}


def test_a_long_prompt_weighs_more_in_every_category() -> None:
    weights = TokenWeights(5, 0.1, 1.25, long_context=LongContext(1000, 2.0, 0.2, 2.5, 7.5))
    at = Usage(input_text=1000, cached_text=400, cached_total=400, cache_write=100, output_text=10)
    above = Usage(input_text=1001, cached_text=400, cached_total=400, cache_write=100, output_text=10)
    assert normalised_tokens(at, weights, Profile.CHAT_COMPLETION) == pytest.approx(500 + 40 + 125 + 50)
    assert normalised_tokens(above, weights, Profile.CHAT_COMPLETION) == pytest.approx(1002 + 80 + 250 + 75)
