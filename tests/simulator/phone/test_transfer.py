"""Transfers with the official client: what is taken, what is told, and how the call goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from azure.communication.callautomation import (
    CommunicationUserIdentifier,
    MicrosoftTeamsUserIdentifier,
    PhoneNumberIdentifier,
)
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from gateway.simulator.phone import At, CallPlan, CallRecord, HangUp, PhoneSwitches
from gateway.simulator.phone.targets import Headers, Target

NUMBER, OURS = PhoneNumberIdentifier("+18005550199"), PhoneNumberIdentifier("+18005550126")
Act = Callable[[Any], Awaitable[None]]


def with_call(gateway: Any, run_bench: Any, act: Act, **switches: Any) -> CallRecord:
    """Run `act(connection)` two seconds into an answered call of ten; returns the call's record."""
    records: list[CallRecord] = []

    async def scenario(bench: Any) -> None:
        plan = CallPlan(behaviour=(HangUp(at=At(10.0)),), switches=PhoneSwitches(**switches))
        live = await bench.network.start_call(plan)
        await asyncio.sleep(2.0)
        async with gateway.client() as client:
            await act(client.get_call_connection(gateway.connection_id))
        records.append(await live.wait())

    run_bench(scenario)
    assert records[0].errors == ()
    return records[0]


async def transfer(connection: Any, **options: Any) -> None:
    await connection.transfer_call_to_participant(NUMBER, source_caller_id_number=OURS, **options)


async def state(connection: Any) -> str:
    return str((await connection.get_call_properties()).call_connection_state)


def test_an_accepted_transfer_ends_the_call(gateway: Any, run_bench: Any) -> None:
    async def act(connection: Any) -> None:
        sip = {"X-MS-Custom-ticket": "42", "User-To-User": "616263;encoding=hex"}
        await transfer(connection, operation_context="t-1", sip_headers=sip, voip_headers={"reason": "bill"})
        assert await state(connection) == "transferring"

    record = with_call(gateway, run_bench, act, transfer_s=3.0)
    assert record.ending == "transferred"
    assert gateway.kinds()[-2:] == ["CallTransferAccepted", "CallDisconnected"]
    accepted = gateway.callbacks[-2]["data"]
    assert accepted["operationContext"] == "t-1"
    assert accepted["resultInformation"]["subCode"] == 7015
    assert accepted["transferTarget"]["phoneNumber"]["value"] == "+18005550199"
    (request,) = record.transfers
    assert request.target == Target("phoneNumber", "+18005550199")
    assert request.source_caller_id == "+18005550126"
    sip = {"X-MS-Custom-ticket": "42", "User-To-User": "616263;encoding=hex"}
    assert request.headers == Headers(sip, {"reason": "bill"})
    assert (request.operation_context, request.outcome) == ("t-1", "accepted")
    assert request.outcome_at == pytest.approx(request.at + 3.0)
    assert record.as_json()["transfers"][0]["target"]["id"] == "+18005550199"


@pytest.mark.parametrize(
    ("identifier", "target"),
    [
        (CommunicationUserIdentifier("8:acs:agent"), Target("communicationUser", "8:acs:agent")),
        (MicrosoftTeamsUserIdentifier("a-team-user"), Target("microsoftTeamsUser", "a-team-user")),
    ],
)
def test_a_user_needs_no_caller_id(gateway: Any, run_bench: Any, identifier: Any, target: Target) -> None:
    async def act(connection: Any) -> None:
        await connection.transfer_call_to_participant(identifier)

    record = with_call(gateway, run_bench, act)
    assert (record.ending, record.transfers[0].target) == ("transferred", target)
    assert record.transfers[0].source_caller_id is None


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (NUMBER, {}),
        (NUMBER, {"source_caller_id_number": PhoneNumberIdentifier("18005550126")}),
        (PhoneNumberIdentifier("billing"), {"source_caller_id_number": OURS}),
        (CommunicationUserIdentifier("8:acs:x"), {"sip_headers": {f"X-MS-Custom-{n}": "" for n in range(6)}}),
        (CommunicationUserIdentifier("8:acs:x"), {"sip_headers": {"Ticket": "42"}}),
        (CommunicationUserIdentifier("8:acs:x"), {"sip_headers": {"X-MS-Custom-" + "k" * 53: "42"}}),
        (CommunicationUserIdentifier("8:acs:x"), {"sip_headers": {"X-MS-Custom-k": "v" * 257}}),
        (CommunicationUserIdentifier("8:acs:x"), {"voip_headers": {"k": "v" * 1025}}),
        (CommunicationUserIdentifier("8:acs:x"), {"voip_headers": {"k" * 65: "v"}}),
        (CommunicationUserIdentifier("8:acs:x"), {"voip_headers": {str(n): "" for n in range(1001)}}),
    ],
)
def test_what_is_no_transfer_changes_nothing(gateway: Any, run_bench: Any, target: Any, options: Any) -> None:
    async def act(connection: Any) -> None:
        with pytest.raises(HttpResponseError, match="8523"):
            await connection.transfer_call_to_participant(target, **options)
        assert await state(connection) == "connected"

    assert with_call(gateway, run_bench, act).transfers == ()


def test_the_most_headers_a_transfer_may_have(gateway: Any, run_bench: Any) -> None:
    sip = {f"X-MS-Custom-{n}".ljust(64, "k"): "v" * 256 for n in range(5)} | {"User-To-User": "00"}
    voip = {str(n).ljust(64, "k"): "v" for n in range(1000)}

    async def act(connection: Any) -> None:
        await transfer(connection, sip_headers=sip, voip_headers=voip)

    assert with_call(gateway, run_bench, act).transfers[0].headers == Headers(sip, voip)


def test_a_number_that_is_said_to_be_a_user_is_an_error_of_the_service(gateway: Any, run_bench: Any) -> None:
    async def act(connection: Any) -> None:
        with pytest.raises(HttpResponseError) as refused:
            await connection.transfer_call_to_participant(CommunicationUserIdentifier("4:+18005550199"))
        assert refused.value.status_code == 500

    with_call(gateway, run_bench, act)


def test_a_call_that_is_not_connected_yet_can_not_be_transferred(gateway: Any, run_bench: Any) -> None:
    async def act(connection: Any) -> None:
        assert await state(connection) == "connecting"
        with pytest.raises(HttpResponseError, match="8501"):
            await transfer(connection)

    with_call(gateway, run_bench, act, connect_s=5.0)


def test_the_first_transfer_fails_and_the_second_succeeds(gateway: Any, run_bench: Any) -> None:
    async def act(connection: Any) -> None:
        await transfer(connection)
        with pytest.raises(ResourceExistsError, match="8607"):
            await transfer(connection)
        await asyncio.sleep(1.5)
        assert gateway.kinds()[-1] == "CallTransferFailed"
        assert await state(connection) == "connected"
        await transfer(connection)

    record = with_call(gateway, run_bench, act, transfer=("failed", "accepted"))
    assert record.ending == "transferred"
    assert [request.outcome for request in record.transfers] == ["failed", "accepted"]


@pytest.mark.parametrize("unseen", ["transferring", "connected", "transferAccepted"])
def test_a_transfer_of_which_nothing_is_told_shows_in_the_properties(gateway: Any, run_bench: Any, unseen: str) -> None:
    async def act(connection: Any) -> None:
        await transfer(connection)
        assert await state(connection) == "transferring"
        await asyncio.sleep(1.5)
        assert await state(connection) == unseen

    record = with_call(gateway, run_bench, act, transfer=("no_event",), transfer_unseen=unseen)
    assert (record.ending, record.transfers[0].outcome) == ("caller", "no_event")
    assert not [kind for kind in gateway.kinds() if "Transfer" in kind]


def test_a_transfer_of_which_nothing_is_told_may_be_over(gateway: Any, run_bench: Any) -> None:
    async def act(connection: Any) -> None:
        await transfer(connection)
        await asyncio.sleep(1.5)
        with pytest.raises(ResourceNotFoundError):
            await connection.get_call_properties()

    record = with_call(gateway, run_bench, act, transfer=("no_event",), transfer_unseen="gone")
    assert record.ending == "transferred"
    assert "CallTransferAccepted" not in gateway.kinds()


def test_a_caller_who_hangs_up_meanwhile_leaves_a_transfer_without_an_outcome(gateway: Any, run_bench: Any) -> None:
    record = with_call(gateway, run_bench, transfer, transfer_s=75.0)
    assert (record.ending, record.transfers[0].outcome) == ("caller", None)


@pytest.mark.parametrize("media", ["flows", "silent", "stops"])
def test_the_caller_s_frames_during_a_transfer(gateway: Any, run_bench: Any, media: str) -> None:
    counts: list[int] = []

    async def act(connection: Any) -> None:
        await transfer(connection)
        await asyncio.sleep(0.1)
        counts.append(len(gateway.sound()))
        await asyncio.sleep(0.8)
        counts.append(len(gateway.sound()))
        await asyncio.sleep(1.0)
        counts.append(len(gateway.sound()))

    with_call(gateway, run_bench, act, transfer=("failed",), transfer_media=media)
    began, ended, after = counts
    during = gateway.sound()[began:ended]
    assert (len(during) == 0) == (media == "stops")
    assert bool(np.any(during)) == (media == "flows")
    assert np.any(gateway.sound()[ended:after])  # the line's noise is back


def test_a_record_of_transfers_is_json(gateway: Any, run_bench: Any) -> None:
    record = with_call(gateway, run_bench, transfer)
    assert json.loads(json.dumps(record.as_json()["transfers"]))[0]["outcome"] == "accepted"
