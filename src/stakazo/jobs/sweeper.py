"""Finds the jobs that nobody would ever run again, and has them run.

One rule: an active job that isn't waiting for its children has a delivery that is either queued or in the hands of a
worker that is alive. Whatever broke it (a killed worker, a lost reply, a purged engine), the job is delivered anew;
where a worker had begun it, that counts as a crash. One sweeper works at a time in the whole cluster, and every time
is the database's.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stakazo.core.actor import Actor
from stakazo.core.db import Database
from stakazo.jobs import lifecycle
from stakazo.jobs.engine import deliver
from stakazo.jobs.pulse import LOCKS, NUMBERS
from stakazo.jobs.states import JobState

PATIENCE = 2
"""Seconds within which the database has noticed that a process is gone, or the process isn't."""

LOCK = 0x5354414B41  # "STAKA"
"""The advisory lock of the sweepers."""

log = structlog.get_logger(__name__)

# After the server itself has restarted, workers get their time to show up before they are taken for dead. A delivery
# that a living worker has fetched but never begun (the reply got lost) is stale once it is as old as a dead worker.
_ORPHANS = text("""
    with held as materialized (
      select objid::bigint as number from pg_locks
      where locktype = 'advisory' and classid = cast(:locks as bigint) and objsubid = 2 and granted
        and database = (select oid from pg_database where datname = current_database())
    )
    select j.id, j.workspace_id, j.correlation_id, j.type, j.engine_job_id
    from jobs j
    left join procrastinate_jobs e on e.id = j.engine_job_id
    left join procrastinate_workers w on w.id = e.worker_id
    where j.state in ('PENDING', 'PROCESSING', 'RETRY')
      and not (j.state = 'PROCESSING' and j.phase = 'children')
      and (cast(:only as uuid) is null or j.id = :only)
      and pg_postmaster_start_time() < now() - 2 * make_interval(secs => :silent)
      and (
        e.id is null
        or e.status not in ('todo', 'doing')
        or (e.status = 'doing' and (
            w.id is null
            or w.last_heartbeat < now() - make_interval(secs => :stalled)
            or (w.last_heartbeat < now() - make_interval(secs => :silent)
                and not exists (select from held where number = w.id % cast(:numbers as bigint)))))
        or (e.status = 'doing' and j.state <> 'PROCESSING' and exists (
            select from procrastinate_events v
            where v.job_id = e.id and v.type = 'started' and v.at < now() - make_interval(secs => :stalled)))
      )
    order by j.id
    limit 500
""")
_DONE_WAITING = text("""
    select j.id, j.workspace_id, j.correlation_id, j.type, j.engine_job_id
    from jobs j
    where j.state = 'PROCESSING' and j.phase = 'children'
      and not exists (
        select from jobs c where c.workspace_id = j.workspace_id and c.parent_id = j.id
        and c.state in ('PENDING', 'PROCESSING', 'RETRY'))
    limit 500
""")
_HANDS = text("""
    select distinct w.id from jobs j
    join procrastinate_jobs e on e.id = j.engine_job_id
    join procrastinate_workers w on w.id = e.worker_id
    where j.worker = :worker and j.state = 'PROCESSING' and e.status = 'doing'
    order by w.id
""")
_RELEASED = text("select pg_advisory_xact_lock(:locks, :number)")
_SILENCE = text("""
    update procrastinate_workers set last_heartbeat = clock_timestamp() - make_interval(secs => :silent)
    where id = :id and last_heartbeat > clock_timestamp() - make_interval(secs => :silent)
""")
_PRUNE = (
    text("delete from workers where heartbeat_at < now() - 10 * make_interval(secs => :stalled)"),
    text("delete from procrastinate_workers where last_heartbeat < now() - 10 * make_interval(secs => :stalled)"),
)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found."""

    redelivered: int = 0
    """Jobs that nobody had begun."""
    recovered: int = 0
    """Jobs whose worker had vanished."""
    poisoned: int = 0
    """Jobs that have cost too many workers, and failed."""
    settled: int = 0
    """Parents whose children had ended unnoticed."""


async def sweep(db: Database, stalled_after: float, silent_after: float = 3.0) -> Swept:
    """One round; does nothing while another process is at it.

    A worker is dead after `stalled_after` seconds without a heartbeat, and already after `silent_after` where the
    database has lost it too.
    """
    limits = {
        "stalled": stalled_after,
        "silent": min(silent_after, stalled_after),
        "locks": LOCKS,
        "numbers": NUMBERS,
    }
    async with db.system_transaction() as session:
        if not (await session.execute(text("select pg_try_advisory_xact_lock(:key)"), {"key": LOCK})).scalar_one():
            return Swept()
        orphans = (await session.execute(_ORPHANS, limits | {"only": None})).all()
        idle = (await session.execute(_DONE_WAITING)).all()
        outcomes = []
        for row in (*orphans, *idle):
            actor = Actor.job(row.type, row.id, row.workspace_id, row.correlation_id)
            try:
                outcomes.append(await _heal(db, actor, limits))
            except DBAPIError as error:  # somebody holds the row: the next round will see
                log.warning("job_not_swept", job_id=str(row.id), error=str(error.orig))
        for prune in _PRUNE:
            await session.execute(prune, {"stalled": stalled_after})
    swept = Swept(**{name: outcomes.count(name) for name in Swept.__dataclass_fields__})
    if swept != Swept():
        log.warning("jobs_swept", **{name: getattr(swept, name) for name in Swept.__dataclass_fields__})
    return swept


async def mourn(db: Database, worker: str, stalled_after: float, silent_after: float = 3.0) -> Swept:
    """A sweep for whoever has seen this worker process end: nobody waits for its next heartbeat any more.

    That takes nothing from one that lives. Its lock is waited for, which the database drops when a process ends, and
    its next heartbeat says otherwise.
    """
    silent = min(silent_after, stalled_after)
    async with db.system_transaction() as session:
        await session.execute(text(f"set local lock_timeout = '{PATIENCE}s'"))
        for hand in (await session.execute(_HANDS, {"worker": worker})).scalars().all():
            await session.execute(_RELEASED, {"locks": LOCKS, "number": hand % NUMBERS})
            await session.execute(_SILENCE, {"id": hand, "silent": silent})
    return await sweep(db, stalled_after, silent_after)


async def _heal(db: Database, actor: Actor, limits: dict[str, float]) -> str | None:
    """Have one job run by somebody else, unless all is well with it by now; in its own workspace."""
    job_id = actor.causation_id
    assert job_id is not None
    async with db.transaction(actor) as session:
        await session.execute(text("set local lock_timeout = '2s'"))
        line = await lifecycle.lineage(session, job_id)
        if not line:
            return None
        row = line[-1]
        if row.waiting:
            await lifecycle.settle(session, line)
            return "settled"
        if not (await session.execute(_ORPHANS, limits | {"only": job_id})).all():
            return None
        await session.execute(text("delete from procrastinate_jobs where id = :id"), {"id": row.engine_job_id})
        if row.state is not JobState.PROCESSING:
            await deliver(session, row)
            return "redelivered"
        state = await lifecycle.crash(session, line)
        log.warning(
            "worker_lost", job=row.type, job_id=str(job_id), worker=row.worker, attempt=row.attempt, state=state
        )
        return "recovered" if state is JobState.RETRY else "poisoned"
