"""The page on which an administrator imports a list of shelters: choose, see what would change, say yes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi.responses import HTMLResponse, Response

from central.api.problems import Problem
from central.core.access import Principal
from central.opendata.importing import UPLOAD_BYTES_MAX, Admin, Importer, Upload
from central.store.records import Imported
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.render import Renderer

PATH: Final = "/sites/import"
LISTED_MAX: Final = 200
Count = Annotated[int, Query(ge=0, le=1_000_000)]


def router(importer: Importer, renderer: Renderer) -> APIRouter:
    """The page and its forms."""
    routes = APIRouter(include_in_schema=False)

    def page(
        who: Principal, lang: Lang, *, upload: Upload | None = None, done: Imported | None = None, wrong: str = ""
    ) -> str:
        return renderer.page(
            "sites_import.html",
            CATALOGUES[lang],
            who=who,
            here=PATH,
            upload=upload,
            done=done,
            wrong=wrong,
            most=LISTED_MAX,
        )

    @routes.get(PATH, response_class=HTMLResponse)
    async def show(
        who: Admin,
        added: Count = 0,
        changed: Count = 0,
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        done = Imported(added, changed, 0) if added or changed else None
        return html(page(who, chosen, done=done), chosen)

    @routes.post(PATH, response_class=HTMLResponse)
    async def preview(who: Admin, file: Annotated[UploadFile, File()], lang: Asked = None) -> HTMLResponse:
        chosen = choose(lang, None)
        try:
            upload = await importer.read(await file.read(UPLOAD_BYTES_MAX + 1))
        except Problem as problem:
            wrong = f"{CATALOGUES[chosen]('import_refused')} {problem.detail}"
            return html(page(who, chosen, wrong=wrong), chosen, HTTPStatus(problem.status))
        importer.keep(upload)
        return html(page(who, chosen, upload=upload), chosen)

    @routes.post(PATH + "/confirm", response_class=HTMLResponse)
    async def confirm(
        who: Admin,
        sha256: Annotated[str, Form(max_length=64)],
        skip_bad: Annotated[bool, Form()] = False,
        lang: Asked = None,
    ) -> Response:
        chosen = choose(lang, None)
        upload = await importer.waiting(sha256)
        if upload is None:
            return html(page(who, chosen, wrong=CATALOGUES[chosen]("import_gone")), chosen, HTTPStatus.CONFLICT)
        try:
            done = await importer.save(upload, who, skip_bad=skip_bad)
        except Problem as problem:
            wrong = f"{CATALOGUES[chosen]('import_refused')} {problem.detail}"
            return html(page(who, chosen, wrong=wrong), chosen, HTTPStatus(problem.status))
        return see_other(f"{PATH}?added={done.added}&changed={done.changed}&lang={chosen.value}")

    return routes
