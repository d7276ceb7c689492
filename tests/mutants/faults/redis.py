"""Faults of the Redis store: of its scripts, and of how they are sent."""

from __future__ import annotations

from tests.mutants.mutant import Mutant, Piece, Scenario, Suite, mutant, of_store, redis

_LUA = "stores/redis/lua"
_TALKING = "stores/redis/connections/talking.py"


def _only(about: str) -> Suite:
    return of_store("test_redis_only.py", about)


def _durability(about: str) -> Suite:
    return of_store("test_redis_durability.py", about)


REDIS_SCRIPTS: tuple[Mutant, ...] = (
    mutant(
        "claim.lua does not look at the generation",
        Piece(f"{_LUA}/claim.lua", "job.generation == item.generation\n    and ", ""),
        redis("claim and generation"),
    ),
    mutant(
        "claim.lua does not look at the watermark",
        Piece(f"{_LUA}/claim.lua", " and item.expected > job.watermark", ""),
        of_store("test_checking.py", "granted_to_nobody"),
    ),
    mutant(
        "claim.lua makes the run of a tick once more",
        Piece(f"{_LUA}/claim.lua", "  if is_run(id) then\n", "  if false then\n"),
        of_store("test_checking.py", "ran_while"),
    ),
    mutant(
        "claim.lua leaves the watermark where it was",
        Piece(
            f"{_LUA}/claim.lua",
            "job.fire, job.due, job.watermark = item.following, item.due, item.settled",
            "job.fire, job.due = item.following, item.due",
        ),
        redis("tick"),
    ),
    mutant(
        "claim.lua grants to a session that has expired",
        Piece(
            f"{_LUA}/claim.lua",
            "local session = find_unexpired_session(word())",
            "local session = find_session(word())",
        ),
        redis("expired"),
    ),
    mutant(
        "claim.lua does not look whether a tick is due",
        Piece(
            f"{_LUA}/claim.lua",
            "math.max(job.due, item.settled) > now",
            "item.settled > now",
        ),
        redis("due"),
    ),
    mutant(
        "claim.lua does not count the tick that it has just made",
        Piece(f"{_LUA}/claim.lua", "  job.active = job.active + 1\n", ""),
        redis("limit or active or rivals"),
    ),
    mutant(
        "claim.lua goes on with a job that it refused",
        Piece(f"{_LUA}/claim.lua", "refused[item.job] and 'lost' or claim_tick", "claim_tick"),
        redis("refused"),
    ),
    mutant(
        "start.lua starts a run of another session",
        Piece(f"{_LUA}/start.lua", " or run.session ~= session.id then", " then"),
        redis("start"),
    ),
    mutant(
        "start.lua starts again under another start id",
        Piece(f"{_LUA}/start.lua", " and run.start_id == start_id\nend", "\nend"),
        redis("start"),
    ),
    mutant(
        "complete.lua needs no token",
        Piece(f"{_LUA}/complete.lua", "if not run or run.token ~= token then", "if not run then"),
        redis("complete or token"),
    ),
    mutant(
        "complete.lua ends a lost run once more",
        Piece(
            f"{_LUA}/complete.lua",
            "elseif run.state == 'started' then",
            "elseif run.state == 'started' or run.state == 'lost' then",
        ),
        redis("late"),
    ),
    mutant(
        "release.lua needs no token",
        Piece(f"{_LUA}/release.lua", "run.token == token and run.state", "run.state"),
        redis("release"),
    ),
    mutant(
        "sweep.lua does not count a loss",
        Piece(f"{_LUA}/sweep.lua", "    run.losses = run.losses + 1\n", ""),
        redis("loss or lost or poison"),
    ),
    mutant(
        "sweep.lua takes a claimed run for a lost one",
        Piece(f"{_LUA}/sweep.lua", "  if run.state == 'claimed' then\n", "  if false then\n"),
        redis("swept"),
    ),
    mutant(
        "close.lua closes whatever the counter is",
        Piece(f"{_LUA}/close.lua", "dead.counter == counter and ", ""),
        redis("closed"),
    ),
    mutant(
        "close.lua closes whatever the epoch is",
        Piece(f"{_LUA}/close.lua", " and fleet.epoch == epoch", ""),
        redis("closed"),
    ),
    mutant(
        "renew.lua does not keep the greatest time",
        Piece(f"{_LUA}/renew.lua", "fleet.greatest = now\n", ""),
        redis("step_back"),
    ),
    mutant(
        "a run that has ended stays among those that its session holds",
        Piece(
            f"{_LUA}/shared/records.lua",
            "    call('ZREM', key('held', run.was.session), held_member(run))\n",
            "    local _ = held_member(run)\n",
        ),
        redis("cancelled_at_once or complete"),
    ),
    mutant(
        "a number of the scripts is written in its short form",
        Piece(
            f"{_LUA}/shared/fleet.lua",
            "string.format('%.0f', value)",
            "tostring(value)",
        ),
        redis("token or claim"),
    ),
    mutant(
        "a token of the scripts follows the clock alone",
        Piece(
            f"{_LUA}/shared/fleet.lua",
            "math.max(fleet.token + 1, now * TOKENS_PER_MS)",
            "now * TOKENS_PER_MS",
        ),
        redis("token"),
    ),
    mutant(
        "a paused job stays among those that are due",
        Piece(
            f"{_LUA}/shared/records.lua",
            "  local is_due = not job.paused_reason and job.due\n",
            "  local is_due = job.due\n",
        ),
        redis("pause"),
    ),
    mutant(
        "a job that was resumed stays among those to be resumed",
        Piece(
            f"{_LUA}/shared/records.lua",
            "    call('ZREM', key('resuming', job.program), job.name)\n",
            "",
        ),
        redis("end or resum"),
    ),
    mutant(
        "an order is kept under no key",
        Piece(
            f"{_LUA}/shared/orders.lua",
            "local at, answer = string.match(said or '',",
            "local at, answer = string.match('',",
        ),
        redis("key"),
    ),
    mutant(
        "sync_jobs.lua moves a job's ticks back",
        Piece(
            f"{_LUA}/shared/definitions.lua",
            "    new.fire, new.due = job.fire, job.due\n  end\n"
            "  if new.fire and new.fire <= job.watermark then",
            "    new.fire, new.due = job.fire, job.due\n  end\n  if false then",
        ),
        redis("behind or edit"),
    ),
    mutant(
        "lock.lua grants a lock that another holds",
        Piece(
            f"{_LUA}/lock.lua",
            "if not expires_at and ahead == 0 then",
            "if ahead == 0 then",
        ),
        redis("lock"),
    ),
    mutant(
        "unlock.lua gives back another's lock",
        Piece(
            f"{_LUA}/unlock.lua",
            "string.sub(call('GET', lock_key) or '', 1, #owner) == owner",
            "call('GET', lock_key) ~= false",
        ),
        redis("lock"),
    ),
)

REDIS_SENDING: tuple[Mutant, ...] = (
    mutant(
        "a server that forgot the scripts is not told them again",
        Piece(
            _TALKING,
            '        return (yield ("EVAL", wanted.text, 1, *words))\n',
            "        raise\n",
        ),
        _only("forgot"),
    ),
    mutant(
        "a command whose answer was lost is sent again",
        Piece(
            "stores/redis/connections/pool.py",
            "            except MovedError as moved:  # It was not run there.\n"
            "                    self._finder.moved(moved)\n",
            "            except NoConnectionError:\n                    pass\n"
            "                except MovedError as moved:\n"
            "                    self._finder.moved(moved)\n",
        ),
        _only("sent_once"),
    ),
    mutant(
        "one replica that has a write is enough",
        Piece(_TALKING, "    if acknowledged < needed:\n", "    if acknowledged < 1:\n"),
        _durability("lacks"),
        Scenario("failover/no-waits-for-all"),
    ),
    mutant(
        "nobody waits for replicas",
        Piece(_TALKING, "    if acknowledged < needed:\n", "    if False:\n"),
        _durability("waits or believed"),
        Scenario("failover/no-waits-for-replicas"),
    ),
    mutant(
        "what held says is not waited for",
        Piece("stores/redis/scripts.py", '        "peek",\n', '        "held",\n        "peek",\n'),
        _durability("lacks or confirmed"),
        Scenario("failover/no-taking-waits"),
    ),
    mutant(
        "a promoted server goes on in the same epoch",
        Piece(
            f"{_LUA}/shared/fleet.lua", "    fleet.epoch = fleet.epoch + 1\n", "    local _ = 1\n"
        ),
        _only("epoch"),
    ),
    mutant(
        "a replica that is down is not counted",
        Piece(_TALKING, "return max(known or most, connected)", "return connected"),
        _durability("down or most"),
    ),
)
