"""The worker process: delivers what is due, and runs what has to be done from time to time.

Deliveries run on a few threads. Each lane (all mails; one relying party) gets only some of them, so that a
place that answers slowly cannot keep the others waiting. Several workers may run: see ``delivery.py``.
"""

import signal
import threading
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import FrameType

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from idp import clock
from idp.credentials import Undecryptable
from idp.db import Database
from idp.mail import delivery
from idp.mail.delivery import Claimed, Delivered, Deliverer, DeliveryFailed, Lane
from idp.mail.models import Topic
from idp.mail.smtp import mail_deliverers
from idp.settings import Settings
from idp.unit_of_work import unit_of_work

POLL_SECONDS = 0.3
"""How long an idle worker waits before it looks again."""

THREADS = 24
MAILS_AT_ONCE = 4
CALLS_AT_ONCE = 2
"""Calls to one relying party at the same time, so that only ten slow ones together could hold up the rest."""

CANDIDATES = 50
SETTLE_TRIES = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Job:
    """Something to do every so often, in a unit of work of its own.

    Every worker runs it, so it must not matter that it is run more often, or by two at the same time.
    """

    name: str
    every: timedelta
    run: Callable[[Session], object]


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; to be called from the main thread."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop


def run_worker(
    database: Database,
    settings: Settings,
    *,
    deliverers: Mapping[Topic, Deliverer],
    jobs: Sequence[Job],
    stop: threading.Event,
) -> None:
    """Deliver and run jobs until ``stop`` is set; then finish what was begun, which takes 30 s at most.

    Mails are delivered as the settings say; ``deliverers`` names who delivers the other topics. Items of a
    topic without a deliverer wait.
    """
    worker = _Worker(database, settings, deliverers=deliverers, jobs=jobs, stop=stop)
    log.info("worker_started", topics=sorted(worker.deliverers))
    if Topic.MAIL not in worker.deliverers:
        log.warning("mails_left_waiting", reason="no SMTP server is set")
    with ThreadPoolExecutor(THREADS, thread_name_prefix="delivery") as pool:
        while not stop.is_set():
            try:
                worker.turn(pool)
            except SQLAlchemyError as error:
                log.error("outbox_not_readable", **_place(error))
            worker.rest()
    log.info("worker_stopped")


class _Worker:
    """What one worker process has at hand. Only the main thread changes it."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        deliverers: Mapping[Topic, Deliverer],
        jobs: Sequence[Job],
        stop: threading.Event,
    ) -> None:
        self.database = database
        self.attempts = settings.mail_attempts
        self.deliverers = {**mail_deliverers(settings), **deliverers}
        self.jobs = [*jobs, *self._own_jobs()]
        self.stop = stop
        self.deliveries: dict[Future[None], Lane] = {}
        self.running_jobs: dict[Future[None], str] = {}
        self.due_at: dict[str, datetime] = {}

    def _own_jobs(self) -> list[Job]:
        return [
            Job("bury overdue items", timedelta(seconds=10), self._bury_overdue),
            Job("forget settled items", timedelta(hours=1), self._forget_settled),
        ]

    def _bury_overdue(self, session: Session) -> None:
        buried = delivery.bury_overdue(session, now=clock.now(), attempts=self.attempts)
        if buried:
            log.warning("items_given_up", count=buried)

    def _forget_settled(self, session: Session) -> None:
        delivery.forget_settled(session, now=clock.now())

    def turn(self, pool: ThreadPoolExecutor) -> None:
        """Start every job that is due and as many deliveries as there is room for."""
        self.deliveries = {future: lane for future, lane in self.deliveries.items() if not future.done()}
        self.running_jobs = {future: name for future, name in self.running_jobs.items() if not future.done()}
        self._start_jobs(pool)
        while fitting := self._choose():
            with unit_of_work(self.database) as session:
                now = clock.now()
                claims = [delivery.claim(session, id_, now=now, attempts=self.attempts) for id_ in fitting]
            for claimed in claims:
                if claimed is not None:
                    self.deliveries[pool.submit(self._deliver, claimed)] = claimed.lane

    def rest(self) -> None:
        """Wait until there may be something to do: a thread became free, or the poll interval passed."""
        if self.deliveries:
            wait(self.deliveries, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        else:
            self.stop.wait(POLL_SECONDS)

    def _start_jobs(self, pool: ThreadPoolExecutor) -> None:
        now = clock.now()
        running = set(self.running_jobs.values())
        for job in self.jobs:
            if job.name not in running and self.due_at.get(job.name, now) <= now:
                self.due_at[job.name] = now + job.every
                self.running_jobs[pool.submit(self._run_job, job)] = job.name

    def _run_job(self, job: Job) -> None:
        try:
            with unit_of_work(self.database) as session:
                job.run(session)
        except Exception as error:
            # Whatever went wrong in one job, the deliveries and the other jobs go on.
            log.error("job_failed", job=job.name, **_place(error))

    def _choose(self) -> list[uuid.UUID]:
        """Return due items for the free threads, and never more: a claim would run out while it waits."""
        used = Counter(self.deliveries.values())
        room = THREADS - len(self.deliveries) - len(self.running_jobs)
        if room <= 0 or self.stop.is_set():
            return []
        with unit_of_work(self.database, writes=False) as session:
            due = delivery.find_due(
                session,
                now=clock.now(),
                most=CANDIDATES,
                topics=self.deliverers,
                full=[lane for lane, count in used.items() if count >= _width(lane)],
                attempts=self.attempts,
            )
        fitting: list[uuid.UUID] = []
        for item_id, lane in due:
            if used[lane] < _width(lane) and len(fitting) < room:
                used[lane] += 1
                fitting.append(item_id)
        return fitting

    def _deliver(self, claimed: Claimed) -> None:
        outcome = self._attempt(claimed)
        for _ in range(SETTLE_TRIES):
            try:
                mine = self._settle(claimed, outcome)
            except SQLAlchemyError as error:
                log.error("outcome_not_stored", item=str(claimed.id), **_place(error))
                self.stop.wait(1)
            except Exception as error:
                log.error("outcome_not_stored", item=str(claimed.id), **_place(error))
                outcome = DeliveryFailed(f"unexpected {type(error).__name__}")
            else:
                _tell(claimed, outcome, mine=mine)
                return

    def _attempt(self, claimed: Claimed) -> Delivered | DeliveryFailed:
        try:
            return self.deliverers[claimed.topic](delivery.unseal_delivery(claimed, self.database.sealer))
        except DeliveryFailed as failure:
            return failure
        except Undecryptable:
            return DeliveryFailed("sealed under another key", for_good=True)
        except Exception as error:
            log.error("delivery_broke", item=str(claimed.id), **_place(error))
            return DeliveryFailed(f"unexpected {type(error).__name__}")

    def _settle(self, claimed: Claimed, outcome: Delivered | DeliveryFailed) -> bool:
        with unit_of_work(self.database) as session:
            if isinstance(outcome, Delivered):
                return delivery.settle_delivered(session, claimed, outcome, now=clock.now())
            return delivery.settle_failed(session, claimed, outcome, now=clock.now(), attempts=self.attempts)


def _width(lane: Lane) -> int:
    return MAILS_AT_ONCE if lane.topic is Topic.MAIL else CALLS_AT_ONCE


def _tell(claimed: Claimed, outcome: Delivered | DeliveryFailed, *, mine: bool) -> None:
    """Log what became of a delivery: which item, never to whom or what."""
    facts = {
        "item": str(claimed.id),
        "topic": claimed.topic,
        "name": claimed.name,
        "attempt": claimed.attempt,
    }
    if not mine:
        log.warning("delivery_overtaken", **facts)
    elif isinstance(outcome, Delivered):
        log.info("item_delivered", **facts)
    else:
        log.warning("delivery_failed", reason=outcome.reason, for_good=outcome.for_good, **facts)


def _place(error: BaseException) -> dict[str, str]:
    """Return what the log may know of an exception: its text may hold an address or a token."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return {"error": type(error).__name__, "where": f"{where.filename.rpartition('/')[2]}:{where.lineno}"}
