"""What can be asked of the remote control, and what comes back: the routes and their bodies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import HTTPBearer
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from streamer.controls import ACTIONS, View
from streamer.web.metrics import CONTENT_TYPE, metrics_text
from streamer.web.reference import reference_page
from streamer.web.remote import RefusalError, Remote

logger = logging.getLogger(__name__)


def _is_action(word: str) -> str:
    if word not in ACTIONS:
        raise ValueError(f"no such action; there are {', '.join(ACTIONS)}")
    return word


def _whole(value: object) -> object:
    """In JSON 1.0 is a whole number, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Wish(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Words(_Wish):
    """A prompt in words."""

    text: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S", examples=["a sunlit library"])]


class Number(_Wish):
    """One of a list, counted from 0."""

    index: Annotated[int, Field(ge=0), BeforeValidator(_whole)]


class Spec(_Wish):
    """``blur``, ``blur:20``, ``color:#204060``, ``gradient``, or a file in the folder of ``--api-backgrounds``."""

    spec: Annotated[str, Field(min_length=1, max_length=500, examples=["color:#204060"])]


class Pause(_Wish):
    """Whether the camera is off."""

    paused: bool


class Panic(_Wish):
    """Whether one solid colour is shown."""

    on: bool


class Action(_Wish):
    """What a key does."""

    action: Annotated[str, AfterValidator(_is_action), Field(json_schema_extra={"enum": list(ACTIONS)})]


class Numbers(BaseModel):
    """How the run goes; half a second old at most."""

    fps: float
    latency_p50_ms: float
    latency_p95_ms: float
    matte_ms: float
    dropped: int
    plate_age_s: float | None
    device: str


class State(BaseModel):
    """What is shown, and how the run goes."""

    background: int
    backgrounds: list[str]
    prompt: str
    prompts: list[str]
    seed_shift: int
    frozen: bool
    view: View
    paused: bool
    panic: bool
    hud: bool
    stills: int
    figures: Numbers


class Problem(BaseModel):
    """Why a request was refused, in one line."""

    detail: str


def make_app(remote: Remote, opener: Executor) -> FastAPI:
    """The routes, without the guard before them.

    Args:
        remote: does what is asked.
        opener: opens backgrounds, one at a time, so that nobody waits for a file but who asked for it.
    """
    app = FastAPI(
        title="Backlot",
        description="Remote control of a running Backlot.",
        version="1",
        docs_url=None,  # FastAPI's own page loads its scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_exception_handler(RequestValidationError, _explain)
    app.add_exception_handler(RefusalError, _refuse)
    app.add_exception_handler(Exception, _fail)
    token = [Security(HTTPBearer(auto_error=False, description="the token"))]  # for the schema; the guard asks for it

    def get(path: str, **more: Any) -> Callable[[Any], Any]:
        return app.get(path, dependencies=token, responses=_problems(401, 403, 413, 421), **more)

    def post(path: str, *statuses: int) -> Callable[[Any], Any]:
        problems = _problems(400, 401, 403, 413, 421, 422, *statuses)
        return app.post(path, dependencies=token, responses=problems, response_model=State)

    @get("/api/state", response_model=State)
    async def state() -> State:
        """What is shown, and how the run goes."""
        return state_of(remote)

    @post("/api/prompt", 404, 409)
    async def prompt(wish: Words | Number) -> State:
        """Paint these words, or that prompt of the list."""
        if isinstance(wish, Words):
            remote.paint(wish.text)
        else:
            remote.paint_number(wish.index)
        return state_of(remote)

    @post("/api/background", 404, 409)
    async def background(wish: Spec | Number) -> State:
        """Show that background of the list, or what the spec means, which then is in the list."""
        if isinstance(wish, Spec):
            await asyncio.get_running_loop().run_in_executor(opener, remote.show_spec, wish.spec)
        else:
            remote.show(wish.index)
        return state_of(remote)

    @post("/api/pause")
    async def pause(wish: Pause) -> State:
        """Show the background alone, or the person again."""
        remote.controls.set_paused(wish.paused)
        return state_of(remote)

    @post("/api/panic")
    async def panic(wish: Panic) -> State:
        """Show one solid colour at once, or go on."""
        remote.controls.set_panic(wish.on)
        return state_of(remote)

    @post("/api/action")
    async def action(wish: Action) -> State:
        """Do what a key does."""
        remote.controls.act(wish.action)
        return state_of(remote)

    @post("/api/still")
    async def still() -> State:
        """Save the picture that is shown: the action ``still``."""
        remote.controls.act("still")
        return state_of(remote)

    @get("/metrics", response_class=Response, response_model=None)
    async def metrics() -> Response:
        """The measurements, for Prometheus."""
        return Response(metrics_text(remote), media_type=CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))

    return app


def state_of(remote: Remote) -> State:
    """Now."""
    state, figures = remote.controls.state, remote.figures.now()
    return State(
        background=state.background,
        backgrounds=[_printable(name) for name in remote.controls.backgrounds],
        prompt=_printable(state.prompt),
        prompts=[_printable(prompt) for prompt in remote.controls.prompts],
        seed_shift=state.seed_shift,
        frozen=state.frozen,
        view=state.view,
        paused=state.paused,
        panic=state.panic,
        hud=state.hud,
        stills=state.stills,
        figures=Numbers(
            fps=figures.fps,
            latency_p50_ms=figures.latency_p50_ms,
            latency_p95_ms=figures.latency_p95_ms,
            matte_ms=figures.matte_ms,
            dropped=figures.dropped,
            plate_age_s=figures.plate_age_s,
            device=figures.device,
        ),
    )


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem} for status in statuses}


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _problem(422, _one_line(error.errors()))


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    return _problem(error.status, error.reason)


async def _fail(request: Request, error: Exception) -> Response:
    logger.warning("%s %s failed", request.method, request.url.path, exc_info=error)
    return _problem(500, "the remote control failed; the program's log says how")


def _problem(status: int, reason: str) -> Response:
    return JSONResponse({"detail": _printable(reason)}, status_code=status)


def _printable(text: str) -> str:
    """Names of files and words of the command line may hold what no UTF-8 text can."""
    return text.encode("utf-8", "backslashreplace").decode()


def _one_line(problems: Sequence[Any]) -> str:
    """What is wrong with a body: of several forms that it does not have, the one that it comes nearest to."""
    first = problems[0]
    if first["type"] == "json_invalid":
        return f"the body is no JSON: {first.get('ctx', {}).get('error', first['msg'])}"
    values = [problem for problem in problems if problem["type"] not in ("missing", "extra_forbidden")]
    if values:
        first = values[0]
    elif first["type"] == "missing":
        names = dict.fromkeys(str(problem["loc"][-1]) for problem in problems if problem["type"] == "missing")
        return f"the body must be JSON and hold {' or '.join(names)}"
    if first["type"] == "extra_forbidden":
        return f"'{first['loc'][-1]}' is not known here, or not beside the others"
    return f"{first['loc'][-1]}: {str(first['msg']).removeprefix('Value error, ').removeprefix('Input ')}"
