"""Errors of a commissioning in words that a technician can use."""

from __future__ import annotations

from contract.commissioning import ReportError
from edge_agent.commissioning.keys import KeysError
from edge_agent.commissioning.live import NotThereError
from edge_agent.commissioning.networks import TargetError
from edge_agent.commissioning.store import StoreError
from edge_agent.commissioning.taking import StepError
from edge_agent.commissioning.words_scan import target_error_in_words
from edge_agent.commissioning.words_walk import step_error_in_words, store_error_in_words
from edge_agent.config import ConfigError
from edge_agent.config_faults import in_words
from edge_agent.io.journal import JournalBusy, JournalError
from edge_agent.page.forms import FormError
from edge_agent.page.jobs import JobFailed, Text
from edge_agent.page.words import words_of

EXPECTED = (
    ConfigError, FormError, JobFailed, JournalError, KeysError, NotThereError, ReportError, StepError, StoreError,
    TargetError, OSError, TimeoutError,
)  # fmt: skip
"""What a step may end with; everything else is a mistake of ours."""


def explain(error: BaseException) -> Text:
    """What went wrong and what to try."""
    if isinstance(error, BaseExceptionGroup):
        return explain(error.exceptions[0])
    if isinstance(error, JobFailed):
        return error.text
    ja, en = (_explained(error, lang) for lang in ("ja", "en"))
    return Text(ja, en)


def _explained(error: BaseException, lang: str) -> str:  # noqa: PLR0911  (one line for each kind)
    t = words_of(lang)
    match error:
        case FormError():
            return t(error.key, **error.values)
        case TargetError():
            return target_error_in_words(error, lang)
        case ConfigError():
            return in_words(str(error), lang)
        case StepError():
            return step_error_in_words(error, lang)
        case StoreError():
            return store_error_in_words(error, lang)
        case NotThereError():
            return t("not_there", why=error)
        case JournalBusy():
            return t("journal_busy")
        case JournalError() | KeysError() | ReportError():
            return str(error)
        case TimeoutError():
            return t("job_timeout")
        case _:
            return t("job_broke", why=str(error) or type(error).__name__)
