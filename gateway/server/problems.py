"""Error answers as application/problem+json (RFC 9457), without any of the input; for everything that goes wrong."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

CONTENT_TYPE = "application/problem+json"
_KEPT_HEADERS = ("Allow",)
_TITLES = {
    401: "Credentials are missing or not valid.",
    403: "This is not allowed.",
    404: "There is nothing here.",
    405: "This method is not allowed here.",
    429: "Too many requests.",
    500: "Something went wrong here; please try again.",
    503: "Not available just now; please try again.",
}

log = structlog.get_logger()


def problem(
    kind: type[web.HTTPException],
    slug: str = "",
    title: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    limit_bytes: int = 0,
) -> web.HTTPException:
    """An error answer to raise.

    Args:
        kind: its class, which has the status.
        slug: what kind of problem, for machines; the status' own name where there is nothing to add.
        title: the same for people.
        headers: further ones.
        limit_bytes: of an HTTPRequestEntityTooLarge, which wants to know.
    """
    text = _document(kind.status_code, slug, title)
    every = {"Cache-Control": "no-store", **(headers or {})}
    if kind is web.HTTPRequestEntityTooLarge:
        return web.HTTPRequestEntityTooLarge(
            limit_bytes, limit_bytes, text=text, content_type=CONTENT_TYPE, headers=every
        )
    if kind is web.HTTPMethodNotAllowed:
        raise TypeError("HTTPMethodNotAllowed is made by the router alone")
    return kind(text=text, content_type=CONTENT_TYPE, headers=every)


def problem_with_errors(
    kind: type[web.HTTPConflict | web.HTTPUnprocessableEntity], slug: str, title: str, errors: Sequence[str]
) -> web.HTTPException:
    """The same with all that is wrong, one sentence each; for those alone who have proved who they are."""
    text = _document(kind.status_code, slug, title, errors)
    return kind(text=text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def bare_problem(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error answer as a response, for a status alone."""
    every = {"Cache-Control": "no-store", **(headers or {})}
    return web.Response(status=status, text=_document(status, "", ""), content_type=CONTENT_TYPE, headers=every)


def as_problem(error: web.HTTPException) -> web.Response:
    """The same, if it is a problem document; otherwise one of its status, without anything that was in it."""
    if error.content_type == CONTENT_TYPE:
        return error
    kept = {name: error.headers[name] for name in _KEPT_HEADERS if name in error.headers}
    return bare_problem(error.status, kept)


def make_problems_middleware(on_bug: Callable[[], None]) -> Middleware:
    """A middleware that lets no error out that is not a problem document."""

    @web.middleware
    async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            answer = as_problem(error)
            if answer is error:
                raise
            return answer
        except Exception:  # the edge of one request: it fails, the service goes on
            log.exception("request.broken")
            on_bug()
            return bare_problem(HTTPStatus.INTERNAL_SERVER_ERROR)

    return problems


def _document(status: int, slug: str, title: str, errors: Sequence[str] = ()) -> str:
    """At most some 200 bytes without `errors`: nothing in it depends on the input."""
    name = HTTPStatus(status).phrase
    return json.dumps(
        {
            "type": f"urn:gw:problem:{slug or name.lower().replace(' ', '-')}",
            "title": title or _TITLES.get(status, f"{name}."),
            "status": status,
            "instance": uuid.uuid4().hex,
            **({"errors": list(errors)} if errors else {}),
        }
    )
