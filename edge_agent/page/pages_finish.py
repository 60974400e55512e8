"""The end: photos, remarks, the signed report and its files."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Final

from aiohttp import web

from contract.commissioning import ReportError
from edge_agent.commissioning import spool
from edge_agent.commissioning.draft import PHOTOS_MAX, Step, StepState
from edge_agent.commissioning.report_files import DOCUMENT, PHOTO_BYTES_MAX, PUBLIC, SIGNATURE
from edge_agent.commissioning.signing_off import PHOTOS, REPORTS
from edge_agent.page.forms import LONG_MAX, Form, FormError, text_in
from edge_agent.page.guard import STRICT
from edge_agent.page.handling import begin, step_page, told
from edge_agent.page.jobs import Job
from edge_agent.page.parts import lang_of, parts_of
from edge_agent.page.photos import photo_kind
from edge_agent.page.render import Message
from edge_agent.page.upload import uploaded
from edge_agent.page.walk import ADDRESSES, key_of, newest_report, verdict
from edge_agent.page.words import words_of
from edge_agent.words import tokyo_time

_PHOTO_NAME: Final = re.compile(r"photo-[0-9a-f]{12}\.(?:jpe?g|png|webp|heic)")
_FOLDER_NAME: Final = re.compile(r"report-[0-9]{8}-[0-9]{6}(?:-[0-9]{1,2})?")
_FILES: Final = {
    DOCUMENT: "application/json",
    SIGNATURE: "application/octet-stream",
    PUBLIC: "application/x-pem-file",
    "report.ja.html": "text/html",
    "report.en.html": "text/html",
}
_PICTURES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".heic": "image/heic",
}
OF_REPORT: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The report is one file with its style in it; no script may run in it."""


def add_routes(router: web.UrlDispatcher) -> None:
    """The pages of the end."""
    router.add_get("/walk/finish", told(finish))
    router.add_post("/walk/finish", told(sign, finish))
    router.add_post("/walk/photos", told(add_photo, finish))
    router.add_post("/walk/photos/remove", told(remove_photo, finish))
    router.add_get("/walk/photos/{name}", told(photo))
    router.add_get("/walk/report", told(report))
    router.add_get("/report/{folder}/{name}", told(report_file))


async def finish(request: web.Request, message: Message | None = None, form: Form | None = None) -> web.Response:
    """Photos and remarks, and what is still open."""
    t = words_of(lang_of(request))
    with parts_of(request).walk.using() as commissioning:
        draft, states = commissioning.draft, commissioning.states
    remaining = [
        {"name": t(f"step_{step.value}"), "address": ADDRESSES[step]}
        for step, state in states.items()
        if step is not Step.FINISH and state in (StepState.OPEN, StepState.SKIPPED)
    ]
    remarks = draft.remarks if form is None or "remarks" not in form else str(form["remarks"])
    return step_page(
        request,
        "finish.html",
        message=message,
        photos=draft.photos,
        most=PHOTOS_MAX,
        remarks=remarks,
        open=remaining,
        can_run=draft.check is not None and bool(draft.technician),
    )


async def sign(request: web.Request) -> web.Response:
    """Sign the report."""
    remarks = text_in(await request.post(), "remarks", most=LONG_MAX, lines=True)
    walk = parts_of(request).walk

    async def work(_: Job) -> None:
        with walk.using() as commissioning:
            commissioning.finish(remarks)

    return begin(request, "finish", "/walk/report", work)


async def add_photo(request: web.Request) -> web.Response:
    """Take one photo."""
    came = await uploaded(request, "photo", PHOTO_BYTES_MAX, "caption")
    if isinstance(came, web.Response):
        return came
    if not came.content:
        raise FormError("photo_missing")
    ending = photo_kind(came.content)
    if not ending:
        raise FormError("photo_bad")
    with tempfile.TemporaryDirectory(prefix="shelter-photo-") as folder:
        path = Path(folder) / f"photo{ending}"
        path.write_bytes(came.content)
        with parts_of(request).walk.using() as commissioning:
            commissioning.add_photo(path, came.texts.get("caption", ""))
    raise web.HTTPSeeOther("/walk/finish")


async def remove_photo(request: web.Request) -> web.Response:
    """Leave a photo out after all."""
    name = text_in(await request.post(), "name", most=64)
    with parts_of(request).walk.using() as commissioning:
        commissioning.remove_photo(name)
    raise web.HTTPSeeOther("/walk/finish")


async def photo(request: web.Request) -> web.StreamResponse:
    """A photo that was added."""
    name = request.match_info["name"]
    with parts_of(request).walk.using() as commissioning:
        if not _PHOTO_NAME.fullmatch(name) or name not in {each.name for each in commissioning.draft.photos}:
            raise web.HTTPNotFound
        path = commissioning.folder / PHOTOS / name
    return _file(path, _PICTURES[path.suffix])


async def report(request: web.Request) -> web.Response:
    """The verdict, and the report's files."""
    lang = lang_of(request)
    t, parts = words_of(lang), parts_of(request)
    with parts.walk.using() as commissioning:
        try:
            written = newest_report(commissioning)
        except ReportError as error:
            return step_page(request, "refused.html", message=Message("bad", str(error)))
        if written is None:
            raise web.HTTPSeeOther("/walk/finish")
        spooled = spool.spool_of(commissioning.config().outbox.path)
        request_path = commissioning.keys().request_path
    stage, missing = verdict(written, lang)
    waiting = spooled / f"{written.folder.name}{spool.ENDING}"
    handed = waiting.with_name(waiting.name + spool.SENT)
    upload = "upload_waiting" if waiting.exists() else "upload_handed" if handed.exists() else "upload_unknown"
    after = [t("after_agent_runs" if parts.is_agent else "after_agent"), t("after_csr", path=request_path)]
    return step_page(
        request,
        "report.html",
        message=None,
        is_genuine=written.signed.is_genuine,
        stage=stage,
        missing=missing,
        is_synthetic=written.report.is_synthetic,
        finished=tokyo_time(written.report.at_ms / 1000),
        technician=written.report.technician,
        fingerprint=key_of(written),
        upload=t(upload),
        folder=written.folder.name,
        after=[*after, t("after_print")],
    )


async def report_file(request: web.Request) -> web.StreamResponse:
    """A file of a report: to read, or with ``?save`` to keep."""
    folder, name = request.match_info["folder"], request.match_info["name"]
    media_type = _FILES.get(name) or (_PICTURES[Path(name).suffix] if _PHOTO_NAME.fullmatch(name) else "")
    if not _FOLDER_NAME.fullmatch(folder) or not media_type:
        raise web.HTTPNotFound
    with parts_of(request).walk.using() as commissioning:
        path = commissioning.folder / REPORTS / folder / name
    answer = _file(path, media_type)
    if "save" in request.query:
        stem = f"{folder}-{name}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{stem}"'
    return answer


def _file(path: Path, media_type: str) -> web.StreamResponse:
    if not path.is_file():
        raise web.HTTPNotFound
    answer = web.FileResponse(path)
    answer.content_type = media_type
    if media_type == "text/html":
        answer.charset = "utf-8"
    answer.headers["Content-Security-Policy"] = OF_REPORT if media_type == "text/html" else STRICT
    return answer
