"""Programs: which definition of a job is in force while two versions of its program come and go.

An instance joins, declares its version, renews and sees what the others declare; it leaves, dies or
is cut off. Time and ticks are another model's: `definitions.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from explore import SETTLES, Step
from scenario import Scenario

NONE = -1  # no version: of a job never defined, of the manifest of who has not declared yet
NEVER = 0  # the edition of a version never seen

OFF, OPEN, DEAD = "off", "open", "dead"  # DEAD: its session is not closed yet

FLIPS_AT_MOST = 2  # That of an older version that was under way already, and the newer one's.
SAFE = frozenset({"older_in_force", "ping_pong", SETTLES})


@dataclass(frozen=True)
class Decisions:
    newest_first: bool = True  # Else a version that was seen before never overtakes a declared one.
    older_waits: bool = True
    dead_declare_until_closed: bool = True
    parts_declare: bool = (
        True  # A part of a large program keeps others off before its manifest does.
    )
    declares_when_others_go: bool = True
    declares_when_overruled: bool = True  # Its job is due, in a definition that nobody declares.


@dataclass(frozen=True)
class Config(Decisions):
    versions: int = 2
    has_parts: bool = False
    instances: int = 2
    boots: int = 3
    leaves: int = 2
    deaths: int = 0
    cuts: int = 0
    watched: frozenset[str] = SAFE


class Instance(NamedTuple):
    at: str = OFF
    version: int = NONE
    manifest: int = NONE
    must_declare: bool = False
    is_amid: bool = False  # The first part of what it declares is in force, not its manifest.
    saw: frozenset[int] = frozenset()  # the manifests of others, when it renewed last


class Budgets(NamedTuple):
    boots: int
    leaves: int
    deaths: int
    cuts: int


class State(NamedTuple):
    in_force: int
    editions: tuple[int, ...]  # of the versions; the greater, the later seen first
    instances: tuple[Instance, ...]
    budgets: Budgets
    flips: int = 0  # since something happened to an instance


class ProgramModel:
    """One job of one program."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watched = config.watched

    def initial(self) -> State:
        config = self.config
        budgets = Budgets(*(getattr(config, name) for name in Budgets._fields))
        editions = (NEVER,) * config.versions
        return State(NONE, editions, (Instance(),) * config.instances, budgets)

    def is_settled(self, state: State) -> bool:
        """What is in force is declared by somebody who can run it."""
        alive = [each for each in state.instances if each.at == OPEN]
        return not alive or any(each.manifest == state.in_force for each in alive)

    def broken(self, state: State) -> list[str]:
        declared = {each.manifest for each in state.instances if each.at != OFF} - {NONE}
        newest = max((state.editions[version] for version in declared), default=NEVER)
        is_older = state.in_force != NONE and state.editions[state.in_force] < newest
        found = {"older_in_force": is_older, "ping_pong": state.flips > FLIPS_AT_MOST}
        return [name for name, is_so in found.items() if is_so]

    def steps(self, state: State) -> Iterator[Step]:
        for i, mine in enumerate(state.instances):
            if mine.at == OFF:
                yield from self._boot(state, i)
            elif mine.at == DEAD:
                yield Step(f"the session of i{i} is closed", _with(state, i, Instance()))
            else:
                yield from self._live(state, i, mine)
                yield from _befall(state, i, mine)

    def _boot(self, state: State, i: int) -> Iterator[Step]:
        if not state.budgets.boots:
            return
        for version in range(self.config.versions):
            after = _with(_spent(state, "boots"), i, Instance(OPEN, version, must_declare=True))
            yield Step(f"i{i} is STARTED, version {version}", after, (), True)

    def _live(self, state: State, i: int, mine: Instance) -> Iterator[Step]:
        name = f"i{i}, version {mine.version},"
        if mine.is_amid:
            complete = mine._replace(manifest=mine.version, is_amid=False)
            yield Step(f"{name} has declared all", _with(state, i, complete))
        elif mine.must_declare:
            yield self._declare(state, i, mine, name)
        renewed = self._renewed(state, i, mine)
        if renewed != mine:
            yield Step(f"{name} renews, sees {sorted(renewed.saw)}", _with(state, i, renewed))
        if self.config.declares_when_overruled and self._is_overruled(state, mine):
            again = _with(state, i, mine._replace(must_declare=True))
            yield Step(f"{name} finds its job due, as nobody declares it", again)

    def _renewed(self, state: State, i: int, mine: Instance) -> Instance:
        others = [each for each in state.instances if each.at != OFF]
        saw = frozenset(each.manifest for each in others) - {mine.manifest}
        is_gone = bool(mine.saw - saw) and self.config.declares_when_others_go
        return mine._replace(saw=saw, must_declare=mine.must_declare or is_gone)

    def _is_overruled(self, state: State, mine: Instance) -> bool:
        if mine.must_declare or mine.manifest == NONE or mine.version == state.in_force:
            return False
        return not any(self._declares(each, state.in_force) for each in state.instances)

    # --- what the store makes of it

    def _declare(self, state: State, i: int, mine: Instance, name: str) -> Step:
        is_amid = self.config.has_parts
        manifest = mine.manifest if is_amid else mine.version
        done = mine._replace(must_declare=False, is_amid=is_amid, manifest=manifest)
        after = _with(state, i, done)
        if mine.version == state.in_force:
            return Step(f"{name} declares: kept", after)
        if self._must_wait(state, i, mine.version):
            return Step(f"{name} declares: superseded", after)
        return Step(f"{name} declares: IN FORCE", _in_force(after, mine.version))

    def _must_wait(self, state: State, i: int, version: int) -> bool:
        config, edition = self.config, state.editions[version]
        if edition == NEVER or not config.older_waits:
            return False
        if config.newest_first and edition > state.editions[state.in_force]:
            return False
        others = [each for n, each in enumerate(state.instances) if n != i]
        return any(self._declares(each, state.in_force) for each in others)

    def _declares(self, other: Instance, version: int) -> bool:
        """Whether the store takes it for one that declares this version."""
        if other.at == DEAD and not self.config.dead_declare_until_closed:
            return False
        is_part = self.config.parts_declare and other.is_amid and other.version == version
        return is_part or other.manifest == version


def _befall(state: State, i: int, mine: Instance) -> Iterator[Step]:
    if state.budgets.leaves:
        after = _with(_spent(state, "leaves"), i, Instance())
        yield Step(f"i{i} LEAVES", after, (), True)
    if state.budgets.deaths:
        after = _with(_spent(state, "deaths"), i, mine._replace(at=DEAD))
        yield Step(f"i{i} DIES", after, (), True)
    if state.budgets.cuts:
        joined = Instance(OPEN, mine.version, must_declare=True, saw=mine.saw)
        after = _with(_spent(state, "cuts"), i, joined)
        yield Step(f"the session of i{i} is CLOSED, it joins anew", after, (), True)


def _in_force(state: State, version: int) -> State:
    editions = list(state.editions)
    if editions[version] == NEVER:
        editions[version] = max(editions) + 1
    flips = state.flips + (state.in_force != NONE)
    return state._replace(in_force=version, editions=tuple(editions), flips=flips)


def _with(state: State, i: int, instance: Instance) -> State:
    instances = (*state.instances[:i], instance, *state.instances[i + 1 :])
    return state._replace(instances=instances)


def _spent(state: State, name: str) -> State:
    left = getattr(state.budgets, name) - 1
    return state._replace(budgets=state.budgets._replace(**{name: left}), flips=0)


# --- the scenarios


def _holds(name: str, says: str, *, small: bool = True, **config: Any) -> Scenario:
    return Scenario(f"programs/{name}", says, ProgramModel(Config(**config)), is_small=small)


def _without(flags: str, violates: str, says: str, **config: Any) -> Scenario:
    taken, expected = tuple(flags.split()), frozenset(violates.split())
    bounds: dict[str, Any] = dict.fromkeys(taken, False) | config
    model = ProgramModel(Config(**bounds, watched=expected or SAFE))
    name = "programs/no-" + flags.replace("_", "-").replace(" ", "+")
    says = f"without: {says}" if expected else f"not needed alone: {says}"
    return Scenario(name, says, model, expected, taken, is_small=True)


SPARE: dict[str, str] = {}
SCENARIOS = [
    _holds("deploy", "two versions, two instances: deployed, rolled back, deployed again"),
    _holds("deaths", "killed, or cut off", leaves=1, deaths=1, cuts=1),
    _holds("parts", "a program that declares its jobs in parts", has_parts=True),
    _holds(
        "parts-deaths",
        "the same; killed, or cut off",
        small=False,
        has_parts=True,
        leaves=1,
        deaths=1,
        cuts=1,
    ),
    _holds("three", "three instances", small=False, instances=3, boots=4, leaves=3),
    _holds(
        "three-deaths",
        "three instances, one is killed",
        small=False,
        instances=3,
        leaves=1,
        deaths=1,
    ),
    Scenario(
        "programs/limit-three",
        "of three versions the newest goes: the oldest may come into force before the other",
        ProgramModel(
            Config(
                versions=3, instances=3, boots=3, leaves=1, watched=frozenset({"older_in_force"})
            )
        ),
        frozenset({"older_in_force"}),
        is_small=True,
    ),
    _holds(
        "three-versions",
        "three versions: somebody at work declares what is in force",
        small=False,
        versions=3,
        instances=3,
        boots=3,
        watched=frozenset({SETTLES}),
    ),
    _without(
        "newest_first",
        "older_in_force",
        "the version seen first last wins: else, deployed again after a roll-back, it waits",
    ),
    _without(
        "older_waits",
        "older_in_force ping_pong",
        "an older version waits while the one in force is declared",
    ),
    _without(
        "dead_declare_until_closed",
        "older_in_force",
        "a silent session declares until it is closed",
        deaths=1,
    ),
    _without(
        "parts_declare",
        "older_in_force ping_pong",
        "what was declared in part is declared",
        has_parts=True,
    ),
    _without("declares_when_others_go", "", "an older version declares when others are gone"),
    _without(
        "declares_when_overruled",
        "settles",
        "an older version declares when nobody declares what is in force: one may have come and gone",
    ),
    _without("declares_when_others_go declares_when_overruled", "settles", "neither: no roll-back"),
]
DECISIONS = frozenset(each.name for each in fields(Decisions))
